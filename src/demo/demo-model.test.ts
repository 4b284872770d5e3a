import { request } from 'node:http';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { afterEach, describe, expect, test } from 'vitest';
import { until } from '../../test/support/until.ts';
import { type DemoModel, type DemoModelOptions, startDemoModel } from './demo-model.ts';

let model: DemoModel | undefined;
afterEach(async () => {
  await model?.close();
  model = undefined;
});

async function start(options?: DemoModelOptions): Promise<DemoModel> {
  model = await startDemoModel(options);
  return model;
}

function ask(typed: string, rest: Record<string, unknown> = {}, init: RequestInit = {}): Promise<Response> {
  const body = { model: 'asked-for', max_tokens: 1000, messages: [{ role: 'user', content: typed }], ...rest };
  return fetch(`${model?.url}/v1/messages?beta=true`, { method: 'POST', body: JSON.stringify(body), ...init });
}

interface Frame {
  type: string;
  index?: number;
  message?: { model: string; usage: Record<string, number> };
  delta?: { type?: string; text?: string; partial_json?: string; stop_reason?: string };
  content_block?: { type: string };
  usage?: Record<string, number>;
  error?: { type: string };
}

function framesOf(body: string): Frame[] {
  const frames: Frame[] = [];
  const parser = createParser({
    onEvent(event: EventSourceMessage) {
      const frame = JSON.parse(event.data) as Frame;
      expect(event.event).toBe(frame.type);
      frames.push(frame);
    },
  });
  parser.feed(body);
  return frames;
}

async function stream(typed: string, rest: Record<string, unknown> = {}): Promise<Frame[]> {
  const response = await ask(typed, { stream: true, ...rest });
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  return framesOf(await response.text());
}

const texts = (frames: Frame[]): string[] => frames.flatMap((frame) => frame.delta?.text ?? []);

describe('a streamed message', () => {
  test('has exactly as many deltas as requested, and counts them as its tokens', async () => {
    await start();
    const frames = await stream('stream 2500 tokens');
    expect(texts(frames)).toHaveLength(2500);
    expect(texts(frames).at(-1)).toBe('t2500 ');
    expect(frames.at(-2)).toMatchObject({
      type: 'message_delta',
      delta: { stop_reason: 'end_turn' },
      usage: { output_tokens: 2500 },
    });
    expect(frames.at(-1)).toEqual({ type: 'message_stop' });
  });

  test('keeps its pace over many deltas', async () => {
    await start();
    const begin = performance.now();
    await stream('stream 100 tokens at 500 per second');
    expect(performance.now() - begin).toBeGreaterThanOrEqual(190);
  });

  test('has separate blocks for thinking, text and a tool call', async () => {
    await start();
    const frames = await stream('list the files here');
    expect(frames[0]?.message?.model).toBe('asked-for');
    const starts = frames.filter((frame) => frame.type === 'content_block_start');
    expect(starts.map((frame) => frame.content_block?.type)).toEqual(['thinking', 'text', 'tool_use']);
    expect(starts.map((frame) => frame.index)).toEqual([0, 1, 2]);
    const input = frames.flatMap((frame) => frame.delta?.partial_json ?? []);
    expect(input.length).toBeGreaterThan(1);
    expect(JSON.parse(input.join(''))).toMatchObject({ command: 'env ls -la' });
    expect(frames.at(-2)?.delta?.stop_reason).toBe('tool_use');
  });

  test('is the same message in one body without streaming', async () => {
    await start();
    const response = await ask('list the files here');
    expect(await response.json()).toMatchObject({
      type: 'message',
      model: 'asked-for',
      content: [{ type: 'thinking' }, { type: 'text' }, { type: 'tool_use', input: { command: 'env ls -la' } }],
      stop_reason: 'tool_use',
    });
  });

  test('reads earlier messages from the cache', async () => {
    await start();
    const [first] = await stream('hello');
    const messages = [
      { role: 'user', content: 'hello' },
      { role: 'assistant', content: 'hi' },
      { role: 'user', content: 'who are you' },
    ];
    const [second] = await stream('', { messages });
    expect(first?.message?.usage['cache_read_input_tokens']).toBe(0);
    expect(second?.message?.usage['cache_read_input_tokens']).toBeGreaterThan(0);
    expect(second?.message?.usage['cache_creation_input_tokens']).toBeGreaterThan(0);
  });
});

describe('a held reply', () => {
  test('sends its first piece, waits, and continues when released', async () => {
    const held = await start();
    const response = await ask('hold', { stream: true });
    await until(() => model?.held === 1, { timeoutMs: 5000 });
    expect(held.release()).toBe(1);
    expect(texts(framesOf(await response.text()))).toEqual(['I hold here. ', 'Now I go on.']);
    expect(model?.held).toBe(0);
  });

  test('is dropped when the client disconnects', async () => {
    await start();
    const gone = new AbortController();
    await ask('hold', { stream: true }, { signal: gone.signal });
    await until(() => model?.held === 1, { timeoutMs: 5000 });
    gone.abort();
    await until(() => model?.held === 0, { timeoutMs: 5000 });
    expect(model?.release()).toBe(0);
  });

  test('does not delay close()', async () => {
    const started = await start();
    const held = ask('hold', { stream: true }).then((response) => response.text());
    const silent = ask('silence');
    const slow = ask('stream 1000 tokens at 1 per second', { stream: true }).then((response) => response.text());
    await until(() => started.held === 1 && started.requests.length === 3, { timeoutMs: 5000 });
    await Promise.all([
      expect(held).rejects.toThrow('terminated'),
      expect(silent).rejects.toThrow('fetch failed'),
      expect(slow).rejects.toThrow('terminated'),
      started.close(),
    ]);
    await started.close();
    await expect(fetch(started.url)).rejects.toThrow('fetch failed');
  });
});

describe('a failure', () => {
  test.each([
    [400, 'invalid_request_error'],
    [401, 'authentication_error'],
    [429, 'rate_limit_error'],
    [529, 'overloaded_error'],
  ])('%i has the same shape as the API’s', async (status, type) => {
    await start();
    const response = await ask(`fail ${status}`, { stream: true });
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ type: 'error', error: { type } });
  });

  test('happens as often as requested, counted per session', async () => {
    await start();
    const statusesOf = async (session: string): Promise<number[]> => {
      const statuses: number[] = [];
      for (let turn = 0; turn < 3; turn += 1) {
        const response = await ask('fail 529 twice', {}, { headers: { 'x-claude-code-session-id': session } });
        statuses.push(response.status);
        await response.arrayBuffer();
      }
      return statuses;
    };
    expect(await statusesOf('a')).toEqual([529, 529, 200]);
    expect(await statusesOf('b')).toEqual([529, 529, 200]);
  });

  test('may cut the connection within a block', async () => {
    await start();
    const response = await ask('cut the stream', { stream: true });
    let body = '';
    const decoder = new TextDecoder();
    const reading = (async () => {
      for await (const chunk of response.body ?? []) body += decoder.decode(chunk, { stream: true });
    })();
    await expect(reading).rejects.toThrow('terminated');
    expect(body).toContain('content_block_delta');
    expect(body).not.toContain('content_block_stop');
  });

  test('may be an error event, or a frame that is not JSON', async () => {
    await start();
    expect((await stream('break the stream')).at(-1)).toMatchObject({
      type: 'error',
      error: { type: 'overloaded_error' },
    });
    const malformed = await (await ask('malformed sse', { stream: true })).text();
    expect(() => framesOf(malformed)).toThrow(SyntaxError);
  });
});

describe('the server', () => {
  test('labels every response, and answers unknown requests in the API’s shape', async () => {
    const { url } = await start();
    for (const response of [
      await ask('hello'),
      await ask('fail 500'),
      await fetch(`${url}/v1/models`),
      await fetch(url),
    ]) {
      expect(response.headers.get('x-boocode-demo-model')).toBe('scripted');
      await response.arrayBuffer();
    }
    const unknown = await fetch(`${url}/v1/messages`);
    expect(unknown.status).toBe(404);
    expect(await unknown.json()).toMatchObject({ type: 'error', error: { type: 'not_found_error' } });
  });

  test('counts tokens', async () => {
    const { url } = await start();
    const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'x'.repeat(400) }] });
    const response = await fetch(`${url}/v1/messages/count_tokens`, { method: 'POST', body });
    const { input_tokens } = (await response.json()) as { input_tokens: number };
    expect(input_tokens).toBeGreaterThan(100);
  });

  test.each([
    ['{"model": "m"', 'JSON'],
    ['{"messages": []}', 'model'],
    ['{"model": "m", "messages": []}', 'messages'],
    ['{"model": "m", "messages": [{"role": "user", "content": 7}]}', 'messages.0.content'],
  ])('reports what is wrong with %s', async (body, part) => {
    const { url } = await start();
    const response = await fetch(`${url}/v1/messages`, { method: 'POST', body });
    expect(response.status).toBe(400);
    expect(await response.text()).toContain(part);
  });

  test('requires its key, if it has one', async () => {
    await start({ apiKey: 'the key' });
    const statusOf = async (headers: Record<string, string>): Promise<number> => {
      const response = await ask('hello', {}, { headers });
      await response.arrayBuffer();
      return response.status;
    };
    expect(await statusOf({})).toBe(401);
    expect(await statusOf({ 'x-api-key': 'another' })).toBe(401);
    expect(await statusOf({ 'x-api-key': 'the key' })).toBe(200);
    expect(await statusOf({ authorization: 'Bearer the key' })).toBe(200);
  });

  test('refuses a host that is not loopback', async () => {
    const { url } = await start();
    const status = await new Promise((resolve, reject) => {
      request(`${url}/v1/messages`, { method: 'POST', headers: { host: 'evil.example' } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('error', reject)
        .end('{}');
    });
    expect(status).toBe(403);
  });

  test('keeps the newest requests, without credentials', async () => {
    const { requests } = await start({ keepRequests: 2 });
    for (const typed of ['one', 'two', 'three']) {
      await (
        await ask(typed, {}, { headers: { 'x-api-key': 'secret', authorization: 'Bearer secret' } })
      ).arrayBuffer();
    }
    expect(requests.map((kept) => JSON.stringify(kept.body).match(/one|two|three/)?.[0])).toEqual(['two', 'three']);
    expect(requests[0]).toMatchObject({ method: 'POST', path: '/v1/messages', script: 'anything else' });
    expect(JSON.stringify(requests)).not.toContain('secret');
  });
});
