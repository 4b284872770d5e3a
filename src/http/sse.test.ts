import { afterEach, describe, expect, it } from 'vitest';
import { anActor } from '../../test/support/owners-chats.ts';
import { createTestApp, type TestApp } from '../../test/support/test-app.ts';
import { until } from '../../test/support/until.ts';
import type { Reader } from '../chats/chats.ts';
import { createPushable, type Pushable } from '../lib/pushable.ts';
import { systemClock } from '../lib/clock.ts';
import type { FeedItem } from '../protocol/event.ts';
import { gatherMs } from './pacer.ts';
import { encodeFrame, feedStream } from './sse.ts';

const chatId = '11111111-1111-4111-8111-111111111111';
const chunk = (text: string): FeedItem => ({
  kind: 'delta',
  delta: { chatId, type: 'agent_message_chunk', messageId: 'm', content: { type: 'text', text } },
});
const prompt = (seq: number): FeedItem => ({
  kind: 'event',
  event: { chatId, seq, at: '2026-01-01T00:00:00.000Z', type: 'prompt_accepted', promptId: 'p', content: [] },
});

describe('a frame', () => {
  it('LOG-7: names its kind, and carries an id, its cursor, only for a durable event', () => {
    expect(encodeFrame({ kind: 'resume', type: 'resume', verdict: 'ok', after: 3, head: 5 })).toBe(
      'retry: 1000\nevent: resume\ndata: {"type":"resume","verdict":"ok","after":3,"head":5}\n\n',
    );
    expect(encodeFrame(prompt(7))).toMatch(/^id: 7\nevent: event\ndata: \{"chatId":.*"seq":7.*\}\n\n$/);
    expect(encodeFrame({ ...prompt(8), cursor: '8-mark' } as FeedItem)).toMatch(/^id: 8-mark\nevent: event\n/);
    expect(encodeFrame(chunk('a'))).toMatch(/^event: delta\ndata: \{.*"text":"a".*\}\n\n$/);
  });

  it('stays one line of data whatever the text holds', () => {
    const text = '\r\n\n\ndata: x\u2028\u0000\ud800';
    const lines = encodeFrame(chunk(text)).split(/\r\n|\r|\n/);
    expect(lines.map((line) => line.split(':')[0])).toEqual(['event', 'data', '', '']);
    const data = JSON.parse(lines[1]?.slice('data: '.length) ?? '') as { content: { text: string } };
    expect(data.content.text).toBe(text);
  });

  it('is encoded once for several readers of the same event', () => {
    let made = 0;
    const item = prompt(1);
    if (item.kind !== 'event') throw new Error('not an event');
    Object.defineProperty(item.event, 'toJSON', { value: () => ({ made: (made += 1) }) });
    expect(encodeFrame(item)).toBe(encodeFrame({ ...item }));
    expect(made).toBe(1);
  });
});

describe('a feed stream', () => {
  const keepAliveMs = 15_000;
  const ended: string[] = [];
  const errors: unknown[] = [];
  let pushable: Pushable<FeedItem>;
  let taken: number;
  let tick: (() => void) | undefined;
  let gathered: (() => void) | undefined;
  let nowMs: number;
  afterEach(() => {
    ended.length = 0;
    errors.length = 0;
    tick = undefined;
    gathered = undefined;
  });

  function open(items?: AsyncIterable<FeedItem>): ReadableStreamDefaultReader<Uint8Array> {
    pushable = createPushable();
    taken = 0;
    nowMs = 0;
    const source = items ?? pushable.iterable;
    const reader: Reader = {
      items: {
        async *[Symbol.asyncIterator]() {
          for await (const item of source) {
            taken += 1;
            yield item;
          }
        },
      },
      end: undefined,
      close() {
        ended.push('closed');
        pushable.close();
      },
    };
    const clock = {
      ...systemClock,
      monotonicMs: () => nowMs,
      after(delayMs: number, call: () => void) {
        if (delayMs === keepAliveMs) {
          tick = call;
          return () => (tick = undefined);
        }
        gathered = call;
        return () => (gathered = undefined);
      },
    };
    const onError = (error: unknown): void => void errors.push(error);
    return feedStream(reader, { keepAliveMs, clock, onError, onEnd: () => ended.push('over') }).getReader();
  }
  const text = async (reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string | undefined> => {
    const { value } = await reader.read();
    return value && Buffer.from(value).toString();
  };

  it('writes queued items as one chunk, and a single item immediately', async () => {
    const reader = open();
    for (const item of [chunk('a'), chunk('b'), prompt(1)]) pushable.push(item);
    const burst = await text(reader);
    expect(burst).toBe([chunk('a'), chunk('b'), prompt(1)].map(encodeFrame).join(''));
    const next = text(reader);
    nowMs += gatherMs;
    pushable.push(chunk('c'));
    expect(await next).toBe(encodeFrame(chunk('c')));
    await reader.cancel();
  });

  it('collects deltas that come soon after a chunk', async () => {
    const reader = open();
    pushable.push(chunk('a'));
    await text(reader);
    const next = text(reader);
    for (const each of ['b', 'c', 'd']) {
      nowMs += 1;
      pushable.push(chunk(each));
      await new Promise(setImmediate);
    }
    gathered?.();
    expect(await next).toBe(['b', 'c', 'd'].map((each) => encodeFrame(chunk(each))).join(''));
    await reader.cancel();
  });

  it('delays no stored event: it is sent with the deltas before it', async () => {
    const reader = open();
    pushable.push(chunk('a'));
    await text(reader);
    const next = text(reader);
    pushable.push(chunk('b'));
    await until(() => gathered !== undefined);
    pushable.push(prompt(1));
    expect(await next).toBe(encodeFrame(chunk('b')) + encodeFrame(prompt(1)));
    expect(gathered).toBeUndefined();
    await reader.cancel();
  });

  it('reads at most one item that was not requested', async () => {
    const reader = open();
    for (let i = 0; i < 1000; i += 1) pushable.push(chunk('x'.repeat(10_000)));
    const first = await text(reader);
    await new Promise(setImmediate);
    expect(first?.length).toBeGreaterThan(64 * 1024);
    expect(first?.length).toBeLessThan(80 * 1024);
    expect(taken).toBeLessThan(10);
    await reader.cancel();
  });

  it('reads at most one item after a small chunk, until more is requested', async () => {
    const reader = open();
    pushable.push(chunk('a'));
    await text(reader);
    nowMs += gatherMs;
    for (let i = 0; i < 100; i += 1) pushable.push(chunk('b'));
    await new Promise(setImmediate);
    expect(taken).toBe(2);
    expect((await text(reader))?.match(/event: delta/g)).toHaveLength(100);
    await reader.cancel();
  });

  it('ends with its reader, after the rest', async () => {
    const reader = open();
    const read = text(reader);
    pushable.push(chunk('last'));
    pushable.close();
    expect(await read).toBe(encodeFrame(chunk('last')));
    expect(await text(reader)).toBeUndefined();
    expect(ended).toEqual(['closed', 'over']);
    expect(tick).toBeUndefined();
  });

  it('closes the reader when the client leaves, even while it waits', async () => {
    const reader = open();
    const read = text(reader);
    await reader.cancel();
    expect(ended).toEqual(['closed', 'over']);
    expect(tick).toBeUndefined();
    expect(await read).toBeUndefined();
  });

  it('ends and logs the error when the reader fails', async () => {
    const broken = new Error('storage');
    const reader = open({
      [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(broken) }),
    });
    expect(await text(reader)).toBeUndefined();
    expect(errors).toEqual([broken]);
    expect(ended).toEqual(['closed', 'over']);
  });

  it('sends a comment when it was silent, one at a time', async () => {
    const reader = open();
    const read = text(reader);
    await new Promise(setImmediate);
    tick?.();
    tick?.();
    tick?.();
    expect(await read).toBe(': keep-alive\n\n');
    const next = text(reader);
    nowMs += gatherMs;
    pushable.push(chunk('a'));
    expect(await next).toBe(encodeFrame(chunk('a')));
    tick?.();
    expect(await Promise.race([text(reader), Promise.resolve('nothing')])).toBe('nothing');
    await reader.cancel();
  });
});

describe('the live feed', () => {
  const accept = { accept: 'text/event-stream' };

  async function start(test: TestApp, query = '', headers: Record<string, string> = {}) {
    const { id } = await test.chats.createChat({ cwd: '/tmp' });
    for (const content of ['a', 'b', 'c']) await test.chats.submitPrompt(anActor, id, { content });
    const response = await test.call('GET', `/v1/chats/${id}/events${query}`, { headers: { ...accept, ...headers } });
    return { id, response };
  }
  async function firstChunk(response: Response): Promise<string> {
    const reader = response.body?.getReader();
    const { value } = (await reader?.read()) ?? {};
    await reader?.cancel();
    return Buffer.from(value ?? []).toString();
  }
  const idsIn = (frames: string): number[] => [...frames.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));

  it('starts with resume, then the history after the cursor', async () => {
    const test = createTestApp();
    const { response } = await start(test, '?after=1');
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    expect(response.headers.get('cache-control')).toBe('no-store, no-transform');
    const frames = await firstChunk(response);
    expect(frames).toMatch(
      /^retry: 1000\nevent: resume\ndata: \{"type":"resume","verdict":"ok","after":1,"head":3\}\n\n/,
    );
    expect(idsIn(frames)).toEqual([2, 3]);
    await until(() => test.chats.openReaders === 0);
  });

  it('uses Last-Event-ID, which is newer than `after` in the URL', async () => {
    const test = createTestApp();
    const id = { 'last-event-id': '2' };
    expect(idsIn(await firstChunk((await start(test, '', id)).response))).toEqual([3]);
    expect(idsIn(await firstChunk((await start(test, '?after=1', id)).response))).toEqual([3]);
    expect(idsIn(await firstChunk((await start(test, '?after=1')).response))).toEqual([2, 3]);
    expect(idsIn(await firstChunk((await start(test)).response))).toEqual([1, 2, 3]);
  });

  it('reports a gap for a cursor in the future', async () => {
    const frames = await firstChunk((await start(createTestApp(), '?after=9')).response);
    expect(frames).toContain('"verdict":"gap","after":9,"head":3');
  });

  it('refuses a limit, and an unknown chat, as problems', async () => {
    const test = createTestApp();
    expect((await start(test, '?limit=1')).response.status).toBe(400);
    const unknown = await test.call('GET', `/v1/chats/${chatId}/events`, { headers: accept });
    expect(unknown.status).toBe(404);
    expect(test.chats.openReaders).toBe(0);
  });

  it('is not opened by HEAD', async () => {
    const test = createTestApp();
    const { id } = await test.chats.createChat({ cwd: '/tmp' });
    expect((await test.call('HEAD', `/v1/chats/${id}/events`, { headers: accept })).status).toBe(200);
    expect(test.chats.openReaders).toBe(0);
  });
});
