// A prompt that by itself is too long for the model: the program keeps it even when it compacts, and never answers again.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BackendName } from '../../src/protocol/chat.ts';
import { initRepository } from '../support/git-repository.ts';
import { openServer, type TestServer } from '../support/server.ts';
import { eventsOf, readLog, runTurn } from '../support/turns.ts';

let server: TestServer;

beforeAll(async () => {
  server = await openServer();
});
afterAll(() => server.close());

const ask = (chatId: string, text: string): ReturnType<typeof runTurn> => runTurn(server.client, chatId, text);

describe.each<BackendName>(['claude_sdk', 'claude_pty'])('AGENT-23: on %s', (backend) => {
  test('a prompt that is too long fails with its own code and can be taken back; the agent remembers what was said before', async () => {
    const { id } = await server.createChat({ backend });
    await ask(id, 'stream 3 tokens');
    await ask(id, 'stream 4 tokens');
    const first = await ask(id, 'exceed the context');
    expect(first.finished).toMatchObject({ outcome: 'failed', error: { code: 'context_exceeded' } });
    expect(first.finished.error?.message).toMatch(/Take the prompt back.*too long/);
    expect((await ask(id, 'who are you')).finished.error?.code).toBe('context_exceeded');

    const { promptIds } = await server.client.rewind(id);
    expect(promptIds).toHaveLength(2);
    const [rewound] = eventsOf(await readLog(server.client, id), 'session_rewound');
    expect(rewound?.promptIds).toEqual(promptIds);
    const answered = await ask(id, 'what did I say');
    expect(answered.finished.outcome).toBe('completed');
    expect(answered.text).toBe('You said: "stream 3 tokens", "stream 4 tokens".');
    expect(eventsOf(answered.events, 'session_started')).toMatchObject([{ sessionId: rewound?.sessionId }]);
    await server.restart();
    expect((await ask(id, 'what did I say')).text).toContain('"stream 4 tokens", "what did I say"');

    const log = await readLog(server.client, id);
    // What was said stays in the log and in the stored transcript.
    expect(eventsOf(log, 'prompt_accepted')).toHaveLength(6);
    const [{ count }] = await server.sql<[{ count: number }]>`
      select count(*) from boocode.claude_session_entries where project_key = ${id} and entry::text like '%exceed the context%'`;
    expect(count).toBeGreaterThan(0);
    const told = [...eventsOf(log, 'turn_finished'), ...eventsOf(log, 'notice').map(({ data }) => data ?? {})];
    const sum = told.reduce((total, { costUsd }) => total + Number(costUsd ?? 0), 0);
    expect((await server.client.getChat(id)).costUsd).toBeCloseTo(sum, 9);
    expect(told.every(({ costUsd }) => Number(costUsd ?? 0) >= 0)).toBe(true);
  });
});

test('AGENT-35: an agent that has forgotten its worktree continues in the chat’s directory, and the chat says so immediately', async () => {
  const cwd = join(server.workDir, 'repository');
  await mkdir(cwd);
  initRepository(cwd);
  const { id } = await server.createChat({ cwd, permissionMode: 'bypassPermissions' });
  await ask(id, 'stream 3 tokens');
  const { events } = await ask(id, 'call EnterWorktree: {"name": "alpha"}');
  const alpha = join(cwd, '.claude', 'worktrees', 'alpha');
  expect(await server.client.getChat(id)).toMatchObject({ currentDirectory: alpha });
  const [promptId] = eventsOf(events, 'prompt_accepted').map((event) => event.promptId);
  await server.client.rewind(id, { before: promptId! });
  expect(await server.client.getChat(id)).toMatchObject({ currentDirectory: cwd, state: 'cold' });
  const there = await ask(id, 'run: env pwd');
  expect(JSON.stringify(there.events)).toContain(`\\n${cwd}"`);
  expect(eventsOf(there.events, 'current_directory_update')).toEqual([]);
});

test('AGENT-23: taking back the first prompt leaves an agent without memory; taking back a chosen one includes all after it', async () => {
  const { id } = await server.createChat();
  expect((await ask(id, 'exceed the request')).finished.error?.code).toBe('context_exceeded');
  await ask(id, '/compact');
  expect((await server.client.rewind(id)).promptIds).toHaveLength(2);
  expect((await ask(id, 'what did I say')).text).toContain('have not said anything');
  await expect(server.client.rewind(id)).rejects.toMatchObject({ code: 'not_found' });

  const { events } = await ask(id, 'stream 3 tokens');
  await ask(id, 'stream 3 tokens');
  const [promptId] = eventsOf(events, 'prompt_accepted').map((event) => event.promptId);
  expect((await server.client.rewind(id, { before: promptId! })).promptIds).toHaveLength(2);
  expect((await ask(id, 'what did I say')).text).toContain('You said: "what did I say".');
  for (const wrong of [promptId!, 'nobody']) {
    await expect(server.client.rewind(id, { before: wrong })).rejects.toMatchObject({
      code: 'invalid_request',
      details: { field: 'before' },
    });
  }
});
