import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type BooClient,
  createClient,
  type FeedItem,
  type FeedStatus,
  isUnreachable,
  type LogCursor,
} from './client.ts';

const chatId = '6f6ed8fb-4a3e-4b8a-9d8c-0c9f3a7d2f11';
const backoff = { minMs: 1, maxMs: 4 };

type Handler = (request: IncomingMessage & { body: string }, response: ServerResponse) => void;
const servers: Server[] = [];

/** A stand-in for the server that answers with `handler`. */
async function stubServer(handler: Handler): Promise<string> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => handler(Object.assign(request, { body: Buffer.concat(chunks).toString() }), response));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

function json(response: ServerResponse, status: number, body: unknown, type = 'application/json'): void {
  response.writeHead(status, { 'content-type': type }).end(JSON.stringify(body));
}

function problem(response: ServerResponse, status: number, body: Record<string, unknown>): void {
  json(response, status, { type: 'about:blank', status, ...body }, 'application/problem+json');
}

function eventFrame(seq: number, id = String(seq)): string {
  const event = {
    chatId,
    seq,
    at: '2026-01-01T00:00:00.000Z',
    type: 'notice',
    level: 'info',
    code: 'n',
    message: `№ ${seq}`,
  };
  return `event: event\nid: ${id}\ndata: ${JSON.stringify(event)}\n\n`;
}

function resumeFrame(after: number, head: number, verdict = 'ok'): string {
  return `event: resume\ndata: ${JSON.stringify({ type: 'resume', verdict, after, head })}\n\n`;
}

const deltaFrame =
  'event: delta\ndata: {"type":"agent_message_chunk","messageId":"m","content":{"type":"text","text":"…"}}\n\n';

function openFeed(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
}

function cursorOf(request: IncomingMessage): number {
  return Number(new URL(request.url ?? '', 'http://stub').searchParams.get('after'));
}

/** Follows until `count` events have arrived, and returns everything that was delivered. */
async function readEvents(
  client: BooClient,
  count: number,
  after: LogCursor = 0,
): Promise<{ seqs: number[]; items: FeedItem[] }> {
  const abort = new AbortController();
  const seqs: number[] = [];
  const items: FeedItem[] = [];
  for await (const item of client.follow(chatId, { after, signal: abort.signal })) {
    items.push(item);
    if (item.kind === 'event') seqs.push(item.event.seq);
    if (seqs.length === count) abort.abort();
  }
  return { seqs, items };
}

describe('requests', () => {
  it('call every route with the token and the client’s name', async () => {
    const seen: string[] = [];
    const headers = new Set<string>();
    const url = await stubServer((request, response) => {
      const { authorization, 'boocode-client': name, 'content-type': type = 'none' } = request.headers;
      headers.add(`${authorization} ${name?.toString()} ${request.body === '' ? 'no body' : 'body'}: ${type}`);
      seen.push(`${request.method} ${request.url} ${request.body}`.trim());
      if (request.method === 'DELETE') response.writeHead(204).end();
      else json(response, 200, { items: [] });
    });
    const client = createClient({ url: `${url}/`, token: 'secret', clientName: 'tést' });
    await client.info();
    await client.health();
    await client.createChat({ cwd: '/tmp' });
    await client.listChats();
    await client.listChats({ after: 'x y', limit: 5 });
    await client.getChat('a/b');
    await client.patchChat('c', { title: 'T' });
    await client.deleteChat('c');
    await client.prompt('c', { id: 'p', content: 'hello' });
    await client.interrupt('c');
    await client.events('c', { after: 3, limit: 4 });
    await client.listDecisions({ status: 'pending', chatId: 'c' });
    await client.decide('d', { outcome: 'deny', message: 'no' });
    await client.signIn('code');
    expect([...headers].sort()).toEqual([
      'Bearer secret t?st body: application/json',
      'Bearer secret t?st no body: none',
    ]);
    expect(seen).toEqual([
      'GET /v1/info',
      'GET /healthz',
      'POST /v1/chats {"cwd":"/tmp"}',
      'GET /v1/chats',
      'GET /v1/chats?after=x+y&limit=5',
      'GET /v1/chats/a%2Fb',
      'PATCH /v1/chats/c {"title":"T"}',
      'DELETE /v1/chats/c',
      'POST /v1/chats/c/prompts {"id":"p","content":"hello"}',
      'POST /v1/chats/c/interrupt {}',
      'GET /v1/chats/c/events?after=3&limit=4',
      'GET /v1/decisions?status=pending&chatId=c',
      'POST /v1/decisions/d {"outcome":"deny","message":"no"}',
      'POST /v1/sign-in {"code":"code"}',
    ]);
  });

  it('turn a problem into an error with its code and details', async () => {
    const url = await stubServer((_request, response) =>
      problem(response, 400, { title: 'Bad', detail: 'cwd is missing.', code: 'invalid_request', field: 'cwd' }),
    );
    await expect(createClient({ url }).createChat({ cwd: '' })).rejects.toMatchObject({
      name: 'BooError',
      code: 'invalid_request',
      message: 'cwd is missing.',
      details: { field: 'cwd', status: 400 },
    });
  });

  it('name the status when something other than BooCode answers', async () => {
    const url = await stubServer((_request, response) => response.writeHead(502).end('<h1>Bad gateway</h1>'));
    await expect(createClient({ url }).info()).rejects.toMatchObject({
      code: 'internal',
      message: 'The server responded with status 502.',
    });
  });

  it('return the health even when the server is unavailable', async () => {
    const url = await stubServer((_request, response) => json(response, 503, { status: 'unavailable' }));
    await expect(createClient({ url }).health()).resolves.toEqual({ name: 'boocode', status: 'unavailable' });
  });

  it('give up on a server that does not answer in time', async () => {
    const url = await stubServer(() => {});
    const error: unknown = await createClient({ url, timeoutMs: 20 })
      .info()
      .catch((cause: unknown) => cause);
    expect(isUnreachable(error)).toBe(true);
  });
});

describe('prompt', () => {
  it('retries with the same id until it gets the receipt', async () => {
    const ids: string[] = [];
    const url = await stubServer((request, response) => {
      ids.push((JSON.parse(request.body) as { id: string }).id);
      if (ids.length === 1) request.socket.destroy();
      else if (ids.length === 2) {
        // The answer is cut off in the middle.
        response.writeHead(202, { 'content-length': 100 }).write('{"prom');
        response.socket?.destroySoon();
      } else json(response, 200, { promptId: ids[2], chatId, seq: 7 });
    });
    const receipt = await createClient({ url, backoff }).prompt(chatId, { content: 'hello' });
    expect(receipt.seq).toBe(7);
    expect(ids).toHaveLength(3);
    expect(new Set(ids).size).toBe(1);
    expect(ids[0]).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('does not retry a refused prompt', async () => {
    let calls = 0;
    const url = await stubServer((_request, response) => {
      calls += 1;
      problem(response, 409, { code: 'prompt_conflict', detail: 'Used.' });
    });
    const sent = createClient({ url, backoff }).prompt(chatId, { id: 'p', content: 'hello' });
    await expect(sent).rejects.toMatchObject({ code: 'prompt_conflict' });
    expect(calls).toBe(1);
  });

  it.each(['host_unreachable', 'starting'])('HOST-4: is sent again after %s, under the same id', async (code) => {
    const ids: unknown[] = [];
    const url = await stubServer((request, response) => {
      ids.push((JSON.parse(request.body) as { id: string }).id);
      if (ids.length < 3) problem(response, 503, { code, detail: 'In a moment.' });
      else json(response, 200, { promptId: ids[0], chatId, seq: 1 });
    });
    await createClient({ url, backoff }).prompt(chatId, { content: 'hello' });
    expect(ids).toHaveLength(3);
    expect(new Set(ids).size).toBe(1);
  });

  it('ends with one error if the server stays unreachable', async () => {
    let calls = 0;
    const url = await stubServer((request) => {
      calls += 1;
      request.socket.destroy();
    });
    const error: unknown = await createClient({ url, backoff })
      .prompt(chatId, { content: 'hello' })
      .catch((cause: unknown) => cause);
    expect(isUnreachable(error)).toBe(true);
    expect(calls).toBeGreaterThan(2);
  });
});

/** A small seeded generator: the same seed gives the same faults. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe('follow', () => {
  const length = 60;
  const whole = Array.from({ length }, (_, index) => index + 1);

  it.each(Array.from({ length: 50 }, (_, seed) => seed))(
    'reads the same log despite drops, repeats and gaps (seed %i)',
    async (seed) => {
      const random = randomOf(seed + 1);
      const faults = new Set<string>();
      const url = await stubServer((request, response) => {
        const dice = random();
        if (dice < 0.1) {
          faults.add('refused');
          request.socket.destroy();
          return;
        }
        if (dice < 0.2) {
          faults.add('unavailable');
          problem(response, 503, { code: 'storage_unavailable', detail: 'Not now.' });
          return;
        }
        const after = cursorOf(request);
        let text = resumeFrame(after, length);
        // Some servers repeat known events, some skip one, and all of them mix in deltas.
        for (let seq = Math.max(1, after + 1 - Math.floor(random() * 3)); seq <= length; seq += 1) {
          if (random() < 0.02) continue;
          if (random() < 0.3) text += `${deltaFrame}: still here\n\n`;
          text += eventFrame(seq);
        }
        const bytes = Buffer.from(text);
        const cut = Math.floor(random() * bytes.length * 1.2);
        openFeed(response);
        for (let start = 0; start < Math.min(cut, bytes.length);) {
          const end = Math.min(cut, start + 1 + Math.floor(random() * 700));
          response.write(bytes.subarray(start, end));
          start = end;
        }
        faults.add('cut');
        if (random() < 0.5) response.end();
        else response.socket?.destroySoon();
      });
      const { seqs } = await readEvents(createClient({ url, backoff }), length);
      expect(seqs).toEqual(whole);
      expect(faults.size).toBeGreaterThan(0);
    },
  );

  it('asks for what comes after its cursor, and reports the state of the connection', async () => {
    const cursors: number[] = [];
    const url = await stubServer((request, response) => {
      cursors.push(cursorOf(request));
      openFeed(response);
      response.write(resumeFrame(cursorOf(request), 4));
      response.end(eventFrame(cursorOf(request) + 1));
    });
    const statuses: FeedStatus[] = [];
    const abort = new AbortController();
    const kinds: string[] = [];
    const feed = createClient({ url, backoff }).follow(chatId, {
      after: 2,
      signal: abort.signal,
      onStatus: (status) => statuses.push(status),
    });
    for await (const item of feed) {
      kinds.push(item.kind);
      if (item.kind === 'event' && item.event.seq === 4) abort.abort();
    }
    expect(cursors).toEqual([2, 3]);
    expect(kinds).toEqual(['resume', 'event', 'resume', 'event']);
    expect(statuses.map((status) => status.state)).toEqual([
      'connecting',
      'connected',
      'waiting',
      'connecting',
      'connected',
    ]);
  });

  it('drops repeated events without opening a new connection', async () => {
    let calls = 0;
    const url = await stubServer((_request, response) => {
      calls += 1;
      openFeed(response);
      response.write(resumeFrame(1, 3) + [1, 2, 2, 1, 3].map((seq) => eventFrame(seq)).join(''));
    });
    const { seqs } = await readEvents(createClient({ url, backoff }), 2, 1);
    expect(seqs).toEqual([2, 3]);
    expect(calls).toBe(1);
  });

  it('starts over when the server says that the cursor is from another log', async () => {
    const cursors: number[] = [];
    const url = await stubServer((request, response) => {
      cursors.push(cursorOf(request));
      openFeed(response);
      if (cursors.length === 1) response.end(resumeFrame(0, 3, 'gap') + eventFrame(1) + eventFrame(2));
      else response.end(resumeFrame(2, 3) + eventFrame(3));
    });
    const { seqs, items } = await readEvents(createClient({ url, backoff }), 3, 90);
    expect(items[0]).toMatchObject({ kind: 'resume', verdict: 'gap' });
    expect(seqs).toEqual([1, 2, 3]);
    expect(cursors).toEqual([90, 2]);
  });

  it('LOG-15: comes back with the cursor that the server gave, and has it in its items', async () => {
    const asked: (string | null)[] = [];
    const url = await stubServer((request, response) => {
      const after = new URL(request.url ?? '', 'http://stub').searchParams.get('after');
      asked.push(after);
      openFeed(response);
      const seq = Number.parseInt(after!, 10) + 1;
      response.end(resumeFrame(seq - 1, 3) + eventFrame(seq, `${seq}-mark`));
    });
    const { items } = await readEvents(createClient({ url, backoff }), 3);
    expect(asked).toEqual(['0', '1-mark', '2-mark']);
    expect(items.at(-1)).toMatchObject({ kind: 'event', event: { seq: 3 }, cursor: '3-mark' });
  });

  it('LOG-15: asks an older server, which refuses such a cursor, with its seq', async () => {
    const asked: (string | null)[] = [];
    const url = await stubServer((request, response) => {
      const after = new URL(request.url ?? '', 'http://stub').searchParams.get('after');
      asked.push(after);
      if (after?.includes('-')) {
        return problem(response, 400, { code: 'invalid_request', field: 'after', detail: 'after: must be a number' });
      }
      openFeed(response);
      response.write(resumeFrame(2, 3) + eventFrame(3));
    });
    const { seqs } = await readEvents(createClient({ url, backoff }), 1, '2-mark');
    expect([asked, seqs]).toEqual([['2-mark', '2'], [3]]);
  });

  it('reopens a silent connection', async () => {
    let calls = 0;
    const url = await stubServer((_request, response) => {
      calls += 1;
      openFeed(response);
      response.write(calls === 1 ? resumeFrame(0, 1) : resumeFrame(0, 1) + eventFrame(1));
    });
    const { seqs } = await readEvents(createClient({ url, backoff, silenceMs: 30 }), 1);
    expect(seqs).toEqual([1]);
    // On a busy machine the next one may be silent for as long, too.
    expect(calls).toBeGreaterThan(1);
  });

  it.each([
    [401, 'unauthorized'],
    [404, 'not_found'],
    [403, 'forbidden_host'],
  ])('ends with the error if retrying cannot help (%i)', async (status, code) => {
    let calls = 0;
    const url = await stubServer((_request, response) => {
      calls += 1;
      problem(response, status, { code, detail: 'No.' });
    });
    await expect(readEvents(createClient({ url, backoff }), 1)).rejects.toMatchObject({ code });
    expect(calls).toBe(1);
  });

  it('ends when aborted while it waits for the next attempt', async () => {
    const url = await stubServer((request) => request.socket.destroy());
    const abort = new AbortController();
    const items: FeedItem[] = [];
    const feed = createClient({ url, backoff: { minMs: 60_000, maxMs: 60_000 } }).follow(chatId, {
      signal: abort.signal,
      onStatus: (status) => status.state === 'waiting' && abort.abort(),
    });
    for await (const item of feed) items.push(item);
    expect(items).toEqual([]);
  });

  it('ends when aborted while the connection is open, and closes it', async () => {
    let closed: (() => void) | undefined;
    const gone = new Promise<void>((resolve) => (closed = resolve));
    const url = await stubServer((_request, response) => {
      openFeed(response);
      response.write(resumeFrame(0, 0));
      response.on('close', () => closed?.());
    });
    const abort = new AbortController();
    for await (const item of createClient({ url, backoff }).follow(chatId, { signal: abort.signal })) {
      expect(item.kind).toBe('resume');
      // By the time this runs, the next read is pending.
      setImmediate(() => abort.abort());
    }
    await gone;
  });
});

describe('run', () => {
  const frame = (seq: number, body: object): string =>
    `event: event\nid: ${seq}\ndata: ${JSON.stringify({ chatId, seq, at: '2026-01-01T00:00:00.000Z', ...body })}\n\n`;
  const said = (text: string, turnId: string, rest: object = {}): object => ({
    type: 'agent_message',
    messageId: text,
    content: [{ type: 'text', text }],
    turnId,
    ...rest,
  });
  const usage = { inputTokens: 1, outputTokens: 2, cacheReadInputTokens: 0, cacheCreationInputTokens: 0 };
  const finished = (turnId: string, rest: object = {}): object => ({
    type: 'turn_finished',
    turnId,
    outcome: 'completed',
    usage,
    costUsd: 0.5,
    ...rest,
  });

  /** A chat whose log has these events from seq 3 on, the receipt's. */
  async function chatThatTells(bodies: object[]): Promise<{ client: BooClient; asked: string[] }> {
    const asked: string[] = [];
    const url = await stubServer((request, response) => {
      asked.push(`${request.method} ${request.url} ${request.body}`);
      if (request.method === 'POST') return json(response, 202, { promptId: 'p', chatId, seq: 3 });
      openFeed(response);
      response.write(resumeFrame(2, 9) + bodies.map((body, index) => frame(3 + index, body)).join(''));
    });
    return { client: createClient({ url, token: 't', backoff }), asked };
  }

  const accepted = { type: 'prompt_accepted', promptId: 'p', content: [] };

  it.each([
    ['is another one from there on', resumeFrame(2, 4) + frame(3, said('other', 'x')) + frame(4, said('other', 'x'))],
    ['starts over', resumeFrame(2, 1, 'gap') + frame(1, said('other', 'x'))],
    ['is empty', resumeFrame(2, 0, 'gap')],
  ])('LOG-18: throws if the log, without the prompt, %s', async (_, feed) => {
    const url = await stubServer((request, response) => {
      if (request.method === 'POST') return json(response, 202, { promptId: 'p', chatId, seq: 3 });
      openFeed(response);
      response.write(feed);
    });
    const running = createClient({ url, token: 't', backoff }).run(chatId, { id: 'p', content: 'hello' });
    await expect(running).rejects.toMatchObject({ code: 'log_replaced' });
  });

  it('LOG-18: keeps waiting if the log that starts over has the prompt', async () => {
    const url = await stubServer((request, response) => {
      if (request.method === 'POST') return json(response, 202, { promptId: 'p', chatId, seq: 3 });
      openFeed(response);
      const bodies = [accepted, { type: 'turn_started', turnId: 't', promptIds: ['p'] }, finished('t')];
      response.write(resumeFrame(2, 1, 'gap') + bodies.map((body, index) => frame(1 + index, body)).join(''));
    });
    const running = createClient({ url, token: 't', backoff }).run(chatId, { id: 'p', content: 'hello' });
    await expect(running).resolves.toMatchObject({ turnId: 't' });
  });

  it('resolves with the turn that received the prompt, and its agent’s last message', async () => {
    const seen: FeedItem[] = [];
    const { client, asked } = await chatThatTells([
      accepted,
      said('of another turn', 'x'),
      finished('x'),
      { type: 'turn_started', turnId: 't', promptIds: ['o', 'p'] },
      said('first', 't'),
      said('the answer', 't'),
      said('of a sub-agent', 't', { parentToolCallId: 'call' }),
      finished('t'),
    ]);
    const result = await client.run(chatId, { id: 'p', content: 'hello' }, { onItem: (item) => seen.push(item) });
    const error = undefined;
    expect(result).toEqual({
      promptId: 'p',
      turnId: 't',
      outcome: 'completed',
      error,
      answer: 'the answer',
      usage,
      costUsd: 0.5,
    });
    expect(asked[1]).toContain('/events?after=2');
    expect(seen.filter(({ kind }) => kind === 'event')).toHaveLength(8);
  });

  it('also resolves with a failed turn', async () => {
    const error = { code: 'model_error', message: 'It broke off.' };
    const { client } = await chatThatTells([
      accepted,
      { type: 'turn_started', turnId: 't', promptIds: ['p'] },
      finished('t', { outcome: 'failed', error }),
    ]);
    expect(await client.run(chatId, 'hello')).toMatchObject({ outcome: 'failed', error, answer: '' });
  });

  it('CLI-20: keeps waiting while a decision outlives its process, which onItem can answer, and follows the turn that continues', async () => {
    const decisions: string[] = [];
    const url = await stubServer((request, response) => {
      if (request.url?.endsWith('/prompts')) return json(response, 202, { promptId: 'p', chatId, seq: 3 });
      if (request.method === 'POST') {
        decisions.push(`${request.url} ${request.body}`);
        json(response, 200, {});
        for (const event of answered) feed!.write(event);
        return;
      }
      feed = response;
      openFeed(response);
      response.write(resumeFrame(2, 9) + asked.map((body, index) => frame(3 + index, body)).join(''));
    });
    let feed: ServerResponse | undefined;
    const asked = [
      accepted,
      { type: 'turn_started', turnId: 't', promptIds: ['p'] },
      said('May I?', 't'),
      finished('t', { outcome: 'interrupted', openDecisionIds: ['d'] }),
    ];
    const answered = [
      { type: 'decision_resolved', decisionId: 'd', outcome: 'allow', by: null },
      { type: 'turn_started', turnId: 'u', promptIds: [], continuesTurnId: 't' },
      said('It ran.', 'u'),
      finished('u'),
    ].map((body, index) => frame(3 + asked.length + index, body));
    const client = createClient({ url, token: 't', backoff });
    const result = await client.run(chatId, 'hello', {
      onItem: (item) => {
        if (item.kind !== 'event' || item.event.type !== 'turn_finished') return;
        for (const id of item.event.openDecisionIds ?? []) void client.decide(id, { outcome: 'allow' });
      },
    });
    expect(decisions).toEqual(['/v1/decisions/d {"outcome":"allow"}']);
    expect(result).toMatchObject({ turnId: 'u', outcome: 'completed', answer: 'It ran.', costUsd: 1 });
  });

  it('throws when its prompt is cancelled, and when aborted', async () => {
    const { client } = await chatThatTells([accepted, { type: 'prompt_cancelled', promptId: 'p' }]);
    await expect(client.run(chatId, 'hello')).rejects.toMatchObject({ code: 'prompt_taken' });
    const waiting = await chatThatTells([accepted]);
    const stop = new AbortController();
    const run = waiting.client.run(chatId, 'hello', {
      signal: stop.signal,
      onItem: () => stop.abort(new Error('enough')),
    });
    await expect(run).rejects.toThrow('enough');
  });
});

it('a feed that starts at the head asks once where that is, and continues from there', async () => {
  const asked: (string | undefined)[] = [];
  const url = await stubServer((request, response) => {
    asked.push(request.url);
    if (!request.url?.includes('/events')) return json(response, 200, { id: chatId, head: 41 });
    openFeed(response);
    if (asked.length === 2) return void response.end(resumeFrame(41, 41) + eventFrame(42));
    response.write(resumeFrame(42, 42) + eventFrame(43));
  });
  const seqs: number[] = [];
  for await (const item of createClient({ url, token: 't', backoff }).follow(chatId, { after: 'head' })) {
    if (item.kind === 'event') seqs.push(item.event.seq);
    if (seqs.length === 2) break;
  }
  expect(seqs).toEqual([42, 43]);
  expect(asked).toEqual([
    `/v1/chats/${chatId}`,
    `/v1/chats/${chatId}/events?after=41`,
    `/v1/chats/${chatId}/events?after=42`,
  ]);
});
