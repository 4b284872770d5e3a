// Side questions to real programs, which have them answered by the demo model.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openServer, type TestServer } from '../support/server.ts';
import { eventsOf, readLog, runTurn } from '../support/turns.ts';

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

test('ASIDE-5: where it cannot be answered, the reason is told, and nothing is sent to the model', async () => {
  const { client } = server;
  const { id } = await server.createChat({ backend: 'claude_pty' });
  const asked = server.model.requests.length;
  await expect(client.aside(id, 'why?')).rejects.toMatchObject({
    code: 'aside_unavailable',
    details: { backend: 'claude_pty' },
  });
  expect(server.model.requests.length).toBe(asked);
  await expect(client.aside(id, ' ')).rejects.toMatchObject({
    code: 'invalid_request',
    details: { field: 'question' },
  });
});
