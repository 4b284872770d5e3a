import { beforeEach, describe, expect, it } from 'vitest';
import { createTestApp, testToken, type TestApp } from '../../test/support/test-app.ts';
import { createClient } from '../client/client.ts';
import type { Chat } from '../protocol/chat.ts';
import type { TranscriptRecord } from '../protocol/transcript.ts';
import { linesBody } from './ndjson.ts';

const sessionId = '11111111-1111-4111-8111-111111111111';
let test: TestApp;
let chat: Chat;

beforeEach(async () => {
  test = createTestApp();
  chat = await test.chats.createChat({ cwd: '/' });
});

/** The client over the app: every chunk of an answer is split into pieces of this many bytes. */
function clientOf(pieceBytes = 7) {
  return createClient({
    url: 'http://localhost:4700',
    token: testToken,
    fetch: async (input, init) => {
      const { pathname } = new URL(input);
      const response = await test.app.request(pathname, {
        ...init,
        headers: { ...init.headers, host: 'localhost:4700' },
      });
      const cut = new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          for (let at = 0; at < chunk.length; at += pieceBytes) controller.enqueue(chunk.slice(at, at + pieceBytes));
        },
      });
      return new Response(response.body?.pipeThrough(cut) ?? null, response);
    },
  });
}

async function all(records: AsyncIterable<TranscriptRecord>): Promise<TranscriptRecord[]> {
  const list: TranscriptRecord[] = [];
  for await (const record of records) list.push(record);
  return list;
}

describe('TRANSCRIPT-4: GET /v1/chats/{chatId}/transcript', () => {
  // Fields in an unusual order, and values that JSON can write in more than one way.
  const odd = '{"z":1,"type":"user","a":"\\u0000 \\ud800 漢 \\u001b","big":12345678901234567890,"b":1.0}';

  it('returns every entry byte for byte as stored, between a header and an end', async () => {
    const lines = [
      { sessionId, subpath: '', json: odd },
      { sessionId, subpath: 'subagents/agent-x', json: '{"type":"mode"}' },
    ];
    test.chats.setTranscript(chat.id, lines);
    const response = await test.call('GET', `/v1/chats/${chat.id}/transcript`);
    expect(response.headers.get('content-type')).toBe('application/x-ndjson');
    expect(await response.text()).toBe(
      [
        `{"type":"transcript","chatId":"${chat.id}","sessionId":"${sessionId}","cwd":"/"}`,
        `{"type":"entry","sessionId":"${sessionId}","subpath":"","entry":${odd}}`,
        `{"type":"entry","sessionId":"${sessionId}","subpath":"subagents/agent-x","entry":{"type":"mode"}}`,
        '{"type":"end","entries":2}\n',
      ].join('\n'),
    );
    const [head, first, second, end] = await all(clientOf().transcript(chat.id));
    expect(head).toEqual({ type: 'transcript', chatId: chat.id, sessionId, cwd: '/' });
    expect(first).toMatchObject({ type: 'entry', entry: { a: '\u0000 \ud800 漢 \u001b' } });
    expect(Object.keys(first?.type === 'entry' ? first.entry : {})).toEqual(['z', 'type', 'a', 'big', 'b']);
    expect([second?.type, end]).toEqual(['entry', { type: 'end', entries: 2 }]);
  });

  it('is refused without the token and for an unknown chat, and a HEAD reads nothing', async () => {
    const path = `/v1/chats/${chat.id}/transcript`;
    expect((await test.call('GET', path, { headers: { authorization: '' } })).status).toBe(401);
    expect((await test.call('GET', `/v1/chats/${sessionId}/transcript`)).status).toBe(404);
    const head = await test.call('HEAD', path);
    expect([head.status, await head.text()]).toEqual([200, '']);
    await expect(all(clientOf().transcript(sessionId))).rejects.toMatchObject({ code: 'not_found' });
  });

  it('breaks off when the store fails: the client reports that it is incomplete', async () => {
    const readTranscript = test.chats.readTranscript.bind(test.chats);
    test.chats.readTranscript = async (chatId) => ({
      ...(await readTranscript(chatId)),
      pages: (async function* () {
        yield [{ sessionId, subpath: '', json: '{"type":"user"}' }];
        await Promise.resolve();
        throw new Error('password=hunter2');
      })(),
    });
    const seen: string[] = [];
    const reading = (async () => {
      for await (const record of clientOf().transcript(chat.id)) seen.push(record.type);
    })();
    await expect(reading).rejects.toThrow('The server ended the transcript before it was complete.');
    expect(seen).not.toContain('end');
    expect(test.errors).toMatchObject([{ message: 'A transcript broke off.', facts: { chatId: chat.id } }]);
  });

  it('is generated no faster than it is read, and stops when the reader disconnects', async () => {
    let made = 0;
    let isLeft = false;
    test.chats.readTranscript = async (chatId) => ({
      chatId,
      sessionId,
      cwd: '/',
      pages: (async function* () {
        try {
          for (;;) {
            made += 1;
            yield await Promise.resolve([{ sessionId, subpath: '', json: '{"type":"user"}' }]);
          }
        } finally {
          isLeft = true;
        }
      })(),
    });
    const response = await test.call('GET', `/v1/chats/${chat.id}/transcript`);
    const reader = response.body!.getReader();
    for (let count = 0; count < 5; count += 1) await reader.read();
    expect(made).toBeLessThan(7);
    await reader.cancel();
    expect(isLeft).toBe(true);
  });

  it('is ended when the server closes', async () => {
    const ends: unknown[] = [];
    const texts = (async function* () {
      yield await Promise.resolve('{}\n');
      await new Promise(() => undefined);
    })();
    const lines = linesBody(texts, { onEnd: (error) => ends.push(error) });
    const reader = lines.body.getReader();
    await reader.read();
    const waiting = reader.read();
    lines.abort();
    lines.abort();
    await expect(waiting).rejects.toThrow('closing');
    expect(ends).toEqual([undefined]);
  });
});
