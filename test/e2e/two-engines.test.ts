// One chat on two engines, with the real program behind both.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openServer, type TestServer } from '../support/server.ts';
import { eventsOf, readLog, runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

let server: TestServer;

beforeAll(async () => {
  server = await openServer();
});
afterAll(() => server.close());

describe('a flip', () => {
  test('FLIP-2 FLIP-8: from the SDK to the terminal and back keeps the model’s memory, and the cost adds up', async () => {
    const chat = await server.createChat();
    await runTurn(server.client, chat.id, 'stream 3 tokens');
    const first = (await server.client.getChat(chat.id)).costUsd;
    expect((await server.client.patchChat(chat.id, { backend: 'claude_pty' })).backend).toBe('claude_pty');

    const inTerminal = await runTurn(server.client, chat.id, 'what did I say');
    expect(inTerminal.text).toContain('stream 3 tokens');
    expect(inTerminal.deltas).toEqual([]);
    const second = (await server.client.getChat(chat.id)).costUsd;
    expect(second).toBeGreaterThan(first);
    expect(second - first).toBeCloseTo(inTerminal.finished.costUsd, 9);

    await server.client.patchChat(chat.id, { backend: 'claude_sdk' });
    const back = await runTurn(server.client, chat.id, 'what did I say');
    expect(back.text).toContain('"stream 3 tokens", "what did I say"');
    expect(back.deltas.length).toBeGreaterThan(0);

    const log = await readLog(server.client, chat.id);
    expect(log.map((event) => event.seq)).toEqual(log.map((_, index) => index + 1));
    const sessions = eventsOf(log, 'session_started');
    expect(sessions.map((event) => event.backend)).toEqual(['claude_sdk', 'claude_pty', 'claude_sdk']);
    expect(new Set(sessions.map((event) => event.sessionId)).size).toBe(1);
    const turns = eventsOf(log, 'turn_finished').reduce((sum, event) => sum + event.costUsd, 0);
    const rest = eventsOf(log, 'notice')
      .filter((event) => event.code === 'session_cost')
      .reduce((sum, event) => sum + Number(event.data?.['costUsd'] ?? 0), 0);
    expect((await server.client.getChat(chat.id)).costUsd).toBeCloseTo(turns + rest, 9);
    // The program counts across both engines: its own total equals the chat's.
    await server.restart();
    const [books] = await server.sql<{ total: number }[]>`
      select (entry->>'totalCostUSD')::float as total from boocode.claude_session_entries
      where session_id = ${sessions[0]!.sessionId} and entry->>'type' = 'cost-state' order by ordinal desc limit 1`;
    expect((await server.client.getChat(chat.id)).costUsd).toBeCloseTo(books!.total, 6);
  });

  test('FLIP-3: in the middle of a turn is refused, waits or interrupts, as the client chooses', async () => {
    const chat = await server.createChat({ backend: 'claude_pty' });
    await runTurn(server.client, chat.id, 'stream 2 tokens');
    const turn = runTurn(server.client, chat.id, 'hold');
    await until(() => server.model.held === 1);
    await expect(server.client.patchChat(chat.id, { backend: 'claude_sdk' })).rejects.toMatchObject({
      code: 'chat_busy',
    });
    const flipped = server.client.patchChat(chat.id, { backend: 'claude_sdk', running: 'finish' });
    server.model.release();
    expect((await turn).finished.outcome).toBe('completed');
    expect((await flipped).backend).toBe('claude_sdk');

    const other = runTurn(server.client, chat.id, 'hold');
    await until(() => server.model.held === 1);
    await server.client.patchChat(chat.id, { backend: 'claude_pty', running: 'interrupt' });
    expect((await other).finished.outcome).toBe('interrupted');
    expect((await runTurn(server.client, chat.id, 'what did I say')).text).toContain('stream 2 tokens');
    server.model.release();
  });
});

describe('a chat in the terminal', () => {
  test('DECIDE-1 DECIDE-2: a permission is asked and answered over the API; the first answer wins', async () => {
    const chat = await server.createChat({ backend: 'claude_pty' });
    const path = join(server.workDir, 'made-in-the-terminal');
    const turn = await runTurn(server.client, chat.id, `run: touch ${path}`, {
      answer: (asked) => {
        expect(asked).toMatchObject({ kind: 'permission', input: { command: `touch ${path}` } });
        expect(existsSync(path)).toBe(false);
        return { outcome: 'allow' };
      },
    });
    expect(turn.finished.outcome).toBe('completed');
    expect(existsSync(path)).toBe(true);
    const [resolved] = eventsOf(turn.events, 'decision_resolved');
    expect(resolved).toMatchObject({ outcome: 'allow', by: 'owner', via: 'test' });
    await expect(server.client.decide(resolved!.decisionId, { outcome: 'deny' })).rejects.toMatchObject({
      code: 'decision_settled',
    });
  });

  test('AGENT-2: continues after a restart of the server', async () => {
    const chat = await server.createChat({ backend: 'claude_pty' });
    await runTurn(server.client, chat.id, 'stream 4 tokens');
    await server.restart();
    expect((await runTurn(server.client, chat.id, 'what did I say')).text).toContain('stream 4 tokens');
  });

  test('AGENT-2: bypasses permissions if the program has run before, without asking again', async () => {
    const chat = await server.createChat({ backend: 'claude_pty', permissionMode: 'bypassPermissions' });
    const path = join(server.workDir, 'made-without-asking');
    expect((await runTurn(server.client, chat.id, `run: touch ${path}`)).finished.outcome).toBe('completed');
    expect(existsSync(path)).toBe(true);
  });

  test('shows a question as a decision of that kind', async () => {
    const chat = await server.createChat({ backend: 'claude_pty' });
    const turn = await runTurn(server.client, chat.id, 'ask me', {
      answer: (asked) => {
        expect(asked.kind).toBe('question');
        const { questions } = asked.input as { questions: { question: string }[] };
        return {
          outcome: 'allow',
          input: { questions, answers: { [questions[0]!.question]: 'Orange' } },
        };
      },
    });
    expect(turn.text).toContain('Orange');
  });
});
