import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openServer, type TestServer } from '../support/server.ts';
import { eventsOf, nextDelta, nextEvent, readLog, runTurn } from '../support/turns.ts';
import { ownAgents } from '../support/processes.ts';

let server: TestServer;

beforeAll(async () => {
  server = await openServer();
});
afterAll(() => server.close());

const file = (name: string): string => join(server.workDir, name);

describe('the permission mode', () => {
  test('acceptEdits lets the agent write files without asking, but not run commands', async () => {
    const { client } = server;
    const chat = await server.createChat({ permissionMode: 'acceptEdits' });
    expect((await runTurn(client, chat.id, 'write free.txt: hello')).finished.outcome).toBe('completed');
    expect(existsSync(file('free.txt'))).toBe(true);
    const turn = await runTurn(client, chat.id, 'run: env true', { answer: () => ({ outcome: 'deny' }) });
    expect(eventsOf(turn.events, 'decision_requested')).toHaveLength(1);
  });

  test('plan lets the agent write nothing', async () => {
    const { client } = server;
    const chat = await server.createChat({ permissionMode: 'plan' });
    await runTurn(client, chat.id, 'write planned.txt: hello', { answer: () => ({ outcome: 'deny' }) });
    expect(existsSync(file('planned.txt'))).toBe(false);
  });

  test('applies from the next turn on after a change, and in a new process', async () => {
    const { client } = server;
    const chat = await server.createChat();
    const asked = await runTurn(client, chat.id, 'write one.txt: hello', { answer: () => ({ outcome: 'deny' }) });
    expect(eventsOf(asked.events, 'decision_requested')).toHaveLength(1);
    await client.patchChat(chat.id, { permissionMode: 'acceptEdits' });
    await runTurn(client, chat.id, 'write one.txt: hello');
    expect(existsSync(file('one.txt'))).toBe(true);
    await server.restart();
    await runTurn(server.client, chat.id, 'write two.txt: hello');
    expect(existsSync(file('two.txt'))).toBe(true);
    await server.client.patchChat(chat.id, { permissionMode: 'default' });
    const again = await runTurn(server.client, chat.id, 'write three.txt: hello', {
      answer: () => ({ outcome: 'deny' }),
    });
    expect(eventsOf(again.events, 'decision_requested')).toHaveLength(1);
  });

  test('is the one that an approved plan sets, in the chat and in the agent', async () => {
    const { client } = server;
    const chat = await server.createChat({ permissionMode: 'plan' });
    const turn = await runTurn(client, chat.id, 'make a plan', { answer: () => ({ outcome: 'allow' }) });
    const modes = eventsOf(turn.events, 'current_mode_update');
    expect((await client.getChat(chat.id)).permissionMode).toBe(modes.at(-1)?.permissionMode);
    expect(modes.at(-1)?.permissionMode).not.toBe('plan');
    await server.restart();
    const after = await runTurn(server.client, chat.id, 'write approved.txt: hello', {
      answer: () => ({ outcome: 'allow' }),
    });
    expect(eventsOf(after.events, 'tool_call_update')).toMatchObject([{ status: 'completed' }]);
    expect(existsSync(file('approved.txt'))).toBe(true);
  });
});

describe('the model', () => {
  test('is the requested one, and changes from the next turn without a new process', async () => {
    const { client, model } = server;
    const lastModel = (): string => (model.requests.at(-1)?.body as { model: string } | undefined)?.model ?? '';
    const chat = await server.createChat({ model: 'claude-sonnet-4-5' });
    await runTurn(client, chat.id, 'who are you');
    expect(lastModel()).toContain('claude-sonnet-4-5');
    const pids = ownAgents().map((agent) => agent.pid);
    await client.patchChat(chat.id, { model: 'claude-haiku-4-5' });
    await runTurn(client, chat.id, 'which model are you');
    expect(lastModel()).toContain('claude-haiku-4-5');
    expect(ownAgents().map((agent) => agent.pid)).toEqual(pids);
    expect(eventsOf(await readLog(client, chat.id), 'chat_updated')).toContainEqual(
      expect.objectContaining({ model: 'claude-haiku-4-5' }),
    );
    await server.restart();
    await runTurn(server.client, chat.id, 'who are you now');
    expect(lastModel()).toContain('claude-haiku-4-5');
  });
});

test("AGENT-6: a directory's own hooks run only after the chat is trusted, from the next turn on", async () => {
  const { client, model } = server;
  const cwd = file('project');
  await mkdir(join(cwd, '.claude'), { recursive: true });
  const hooks = { UserPromptSubmit: [{ hooks: [{ type: 'command', command: `touch ${join(cwd, 'hooked')}` }] }] };
  await writeFile(join(cwd, '.claude', 'settings.json'), JSON.stringify({ hooks }));
  const chat = await server.createChat({ cwd });
  await client.prompt(chat.id, { content: 'hold' });
  await nextDelta(client, chat.id);
  await client.patchChat(chat.id, { trusted: true });
  model.release();
  expect((await nextEvent(client, chat.id, 'turn_finished')).outcome).toBe('completed');
  expect(existsSync(join(cwd, 'hooked'))).toBe(false);
  expect((await runTurn(client, chat.id, 'what did I say')).text).toContain('"hold"');
  expect(existsSync(join(cwd, 'hooked'))).toBe(true);
});
