// Side questions to real programs, which have them answered by the demo model.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BackendName } from '../../src/protocol/chat.ts';
import type { EventType } from '../../src/protocol/event.ts';
import { openServer, type TestServer } from '../support/server.ts';
import { eventsOf, nextEvent, readLog, runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

let server: TestServer;
beforeAll(async () => {
  server = await openServer();
});
afterAll(() => server.close());

/** What the model has been asked in the conversations, without what was asked aside. */
const sentText = (): string[] =>
  server.model.requests.map(({ body }) => JSON.stringify((body as { messages?: unknown }).messages ?? null));

describe('on claude_sdk', () => {
  test('ASIDE-1 ASIDE-2 ASIDE-4: is answered from the conversation, and leaves nothing in it', async () => {
    const { client } = server;
    const { id } = await server.createChat();
    await runTurn(client, id, 'stream 3 tokens');
    const before = await readLog(client, id);
    const { costUsd } = await client.getChat(id);
    expect(await client.aside(id, 'what did I say')).toEqual({ answer: 'You said: "stream 3 tokens".' });
    expect(await readLog(client, id)).toEqual(before);
    const asked = server.model.requests.length;
    const { events } = await runTurn(client, id, 'stream 4 tokens');
    expect(sentText().slice(asked).join()).not.toContain('what did I say');
    expect(sentText().slice(asked).join()).toContain('stream 4 tokens');
    const [{ count }] = await server.sql<[{ count: number }]>`
      select count(*) from boocode.claude_session_entries where project_key = ${id} and entry::text like '%what did I say%'`;
    expect(Number(count)).toBe(0);
    // It was paid for, and is counted with the next turn.
    const last = eventsOf(events, 'turn_finished')[0]!;
    const usage = server.model.requests.slice(asked).flatMap((request) => request.usage ?? []);
    expect(last.usage.outputTokens).toBeGreaterThan(usage.reduce((sum, { output_tokens }) => sum + output_tokens, 0));
    expect((await client.getChat(id)).costUsd).toBeCloseTo(costUsd + (last.costUsd ?? 0), 9);
  });

  test('ASIDE-3: a running turn goes on, and a cold chat is started for it', async () => {
    const { client } = server;
    const { id } = await server.createChat();
    let aside: Promise<string> | undefined;
    const turn = await runTurn(client, id, 'hold', {
      onItem: (item) => {
        if (item.kind !== 'delta') return;
        // The turn cannot end before the question is answered.
        aside ??= client.aside(id, 'what did I say').then(async ({ answer }) => {
          expect(server.model.held).toBe(1);
          expect((await client.getChat(id)).state).toBe('running');
          server.model.release();
          return answer;
        });
      },
    });
    expect(turn.finished.outcome).toBe('completed');
    expect(await aside).toBe('You said: "hold".');
    await server.restart();
    expect((await server.client.getChat(id)).state).toBe('cold');
    expect(await server.client.aside(id, 'what did I say')).toEqual({ answer: 'You said: "hold".' });
    expect((await runTurn(server.client, id, 'what did I say')).text).toBe('You said: "hold".');
  });
});

/** The beginning of a turn, up to the event of this type. */
async function begin<T extends EventType>(chatId: string, content: string, type: T) {
  const { head } = await server.client.getChat(chatId);
  await server.client.prompt(chatId, { content });
  return nextEvent(server.client, chatId, type, { after: head });
}

describe('on claude_pty', () => {
  test('ASIDE-6, ASIDE-9: is answered while a turn waits for an answer, and is in no conversation', async () => {
    const { client } = server;
    const { id } = await server.createChat({ backend: 'claude_pty' });
    await runTurn(client, id, 'stream 3 tokens');
    const asked = await begin(id, 'run: touch ran', 'decision_requested');
    const before = await readLog(client, id);
    const { costUsd } = await client.getChat(id);
    expect(await client.aside(id, 'what did I say')).toEqual({
      answer: 'You said: "stream 3 tokens", "run: touch ran".',
    });
    const added = (await readLog(client, id)).slice(before.length);
    expect(added).toMatchObject([{ type: 'notice', code: 'session_cost' }]);
    expect((await client.getChat(id)).costUsd).toBeGreaterThan(costUsd);
    expect((await client.getChat(id)).state).toBe('waiting');
    await client.decide(asked.decisionId, { outcome: 'allow' });
    const ended = await nextEvent(client, id, 'turn_finished', { after: asked.seq });
    expect(ended.outcome).toBe('completed');
    const sent = server.model.requests.length;
    const { finished } = await runTurn(client, id, 'stream 4 tokens');
    expect(sentText().slice(sent).join()).not.toContain('side question');
    const turns = eventsOf(await readLog(client, id), 'turn_finished').reduce(
      (sum, turn) => sum + (turn.costUsd ?? 0),
      0,
    );
    const { costUsd: aside } = added[0]!.type === 'notice' ? (added[0]!.data as { costUsd: number }) : { costUsd: 0 };
    expect(finished.costUsd).toBeGreaterThan(0);
    expect((await client.getChat(id)).costUsd).toBeCloseTo(turns + aside, 9);
    const [{ count }] = await server.sql<[{ count: number }]>`
      select count(*) from boocode.claude_session_entries where project_key = ${id} and entry::text like '%what did I say%'`;
    expect(Number(count)).toBe(0);
    // Its agent's own count goes on from what it is, and the books agree.
    await server.restart();
    expect((await server.client.getChat(id)).state).toBe('cold');
    expect(await server.client.aside(id, 'what did I say')).toMatchObject({
      answer: expect.stringContaining('"stream 4 tokens"'),
    });
    expect((await server.client.getChat(id)).state).toBe('cold');
    const total = (await server.client.getChat(id)).costUsd;
    const last = await runTurn(server.client, id, 'stream 2 tokens');
    expect((await server.client.getChat(id)).costUsd).toBeCloseTo(total + (last.finished.costUsd ?? 0), 9);
  });
});

test('ASIDE-6: a question about a chat whose agent has ended while it asks leaves that as it is', async () => {
  const { id } = await server.createChat();
  const asked = await begin(id, 'run: touch later', 'decision_requested');
  await server.restart();
  const { client } = server;
  expect((await client.getChat(id)).state).toBe('waiting');
  expect(await client.aside(id, 'what did I say')).toEqual({ answer: 'You said: "run: touch later".' });
  expect(existsSync(join(server.workDir, 'later'))).toBe(false);
  expect((await client.getChat(id)).state).toBe('waiting');
  await client.decide(asked.decisionId, { outcome: 'allow' });
  await until(() => existsSync(join(server.workDir, 'later')), { what: 'the call' });
  await until(async () => (await client.getChat(id)).state === 'ready', { what: 'the end of the turn' });
});

test.each<BackendName>(['claude_sdk', 'claude_pty'])(
  'ASIDE-8: closing the request withdraws the question on %s, and its request to the model ends',
  async (backend) => {
    const { client, model } = server;
    const { id } = await server.createChat({ backend });
    await runTurn(client, id, 'stream 3 tokens');
    const abort = new AbortController();
    const answer = client.aside(id, 'hold', { signal: abort.signal });
    answer.catch(() => undefined);
    await until(() => model.held === 1, { what: 'the request' });
    abort.abort();
    await expect(answer).rejects.toThrow('aborted');
    await until(() => model.held === 0, { what: 'the end of the request' });
    expect((await runTurn(client, id, 'what did I say')).text).toBe('You said: "stream 3 tokens".');
  },
);

test('ASIDE-5: a question that says nothing is refused', async () => {
  const { id } = await server.createChat({ backend: 'claude_pty' });
  const asked = server.model.requests.length;
  await expect(server.client.aside(id, ' ')).rejects.toMatchObject({
    code: 'invalid_request',
    details: { field: 'question' },
  });
  expect(server.model.requests.length).toBe(asked);
});
