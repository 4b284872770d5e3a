// Settings that the program itself changes, for example by a typed command: the chat adopts them, also for a new process.
import { writeFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadSocket } from '../../src/cli/node-socket.ts';
import { openServer, type TestServer } from '../support/server.ts';
import { eventsOf, nextEvent, readLog, runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

let server: TestServer;

beforeAll(async () => {
  server = await openServer();
});
afterAll(() => server.close());

interface AskedModel {
  model: string;
  output_config?: { effort?: string };
}

/** The model and effort of the last request. */
function asked(): AskedModel {
  return server.model.requests.findLast(({ path }) => path === '/v1/messages')?.body as AskedModel;
}

/** Ends the chat's agent; the next prompt starts another one. */
const rest = (): Promise<void> => server.restart();

describe('AGENT-20: a command of the program, sent as a prompt, applies to the chat', () => {
  // All in one chat, because each start of the program is slow.
  test('a model, an effort and a title, then the agent’s own choice again; a person’s title stays', async () => {
    const chat = await server.createChat();
    await runTurn(server.client, chat.id, 'who are you');
    const before = asked();
    const { finished } = await runTurn(server.client, chat.id, '/model haiku');
    const changed = await nextEvent(server.client, chat.id, 'current_model_update', { after: 0 });
    expect(changed.model).toBe('haiku');
    expect(finished.outcome).toBe('completed');
    expect((await server.client.getChat(chat.id)).model).toBe('haiku');
    await runTurn(server.client, chat.id, '/effort low');
    expect((await nextEvent(server.client, chat.id, 'current_effort_update', { after: 0 })).effort).toBe('low');
    await runTurn(server.client, chat.id, '/rename Blue whale');
    expect((await nextEvent(server.client, chat.id, 'session_info_update', { after: 0 })).title).toBe('Blue whale');
    expect((await server.client.getChat(chat.id)).title).toBe('Blue whale');
    await server.client.patchChat(chat.id, { title: 'Mine' });
    await rest();
    await runTurn(server.client, chat.id, 'who are you');
    expect(asked().model).toContain('haiku');
    expect(asked().output_config?.effort).toBe('low');

    const { seq } = changed;
    await runTurn(server.client, chat.id, '/model default');
    expect((await nextEvent(server.client, chat.id, 'current_model_update', { after: seq })).model).toBeNull();
    await runTurn(server.client, chat.id, '/effort auto');
    await rest();
    await runTurn(server.client, chat.id, 'who are you');
    expect(asked().model).toBe(before.model);
    expect(asked().output_config?.effort).toBe(before.output_config?.effort);
    expect(eventsOf(await readLog(server.client, chat.id), 'current_model_update')).toHaveLength(2);
    await rest();
    expect((await server.client.getChat(chat.id)).title).toBe('Mine');
  });
});

describe('AGENT-20: what a person changes in the terminal applies to the chat', () => {
  test('the model, the effort, the permission mode and the title', async () => {
    const chat = await server.createChat({ backend: 'claude_pty' });
    await runTurn(server.client, chat.id, 'who are you');
    const terminal = await server.client.terminal(chat.id, {
      size: { columns: 120, rows: 40 },
      WebSocket: await loadSocket(),
    });
    const reading = (async () => {
      for await (const item of terminal.items) void item;
    })();
    const { head } = await server.client.getChat(chat.id);
    terminal.write('/model haiku');
    await until(async () => {
      // The first Enter opens a dialog, the second confirms it.
      terminal.write('\r');
      return (await server.client.getChat(chat.id)).model === 'haiku';
    });
    expect((await nextEvent(server.client, chat.id, 'current_model_update', { after: head })).model).toBe('haiku');
    terminal.write('/effort low');
    await until(async () => {
      terminal.write('\r');
      return eventsOf(await readLog(server.client, chat.id), 'current_effort_update').length > 0;
    });
    terminal.write('\x1b[Z');
    await runTurn(server.client, chat.id, 'who are you');
    expect((await server.client.getChat(chat.id)).permissionMode).toBe('acceptEdits');
    // What the program has changed can be changed back.
    await server.client.patchChat(chat.id, { permissionMode: 'default' });
    terminal.write('/rename Blue whale');
    await until(async () => {
      terminal.write('\r');
      return (await server.client.getChat(chat.id)).title === 'Blue whale';
    });
    terminal.close();
    await reading;
    await writeFile(join(server.agent.configDir, 'settings.json'), '{}');
    await rest();
    const turn = await runTurn(server.client, chat.id, 'write one.txt: hello', {
      answer: () => ({ outcome: 'deny' }),
    });
    expect(eventsOf(turn.events, 'decision_requested')).toHaveLength(1);
    expect(asked()).toMatchObject({
      model: expect.stringContaining('haiku') as string,
      output_config: { effort: 'low' },
    });
  });
});

describe('AGENT-34, AGENT-35: the chat shows the agent’s working directory, correctly even after a restart', () => {
  test.each(['claude_sdk', 'claude_pty'] as const)('%s', async (backend) => {
    const chat = await server.createChat({ backend, permissionMode: 'bypassPermissions' });
    const { cwd } = chat;
    expect(chat.currentDirectory).toBe(cwd);
    const there = join(cwd, `sub-${backend}`);
    await runTurn(server.client, chat.id, `run: mkdir ${there} && cd ${there}`);
    const { seq, ...moved } = await nextEvent(server.client, chat.id, 'current_directory_update', { after: 0 });
    expect(moved).toMatchObject({ cwd: there, worktree: null });
    expect(await server.client.getChat(chat.id)).toMatchObject({ cwd, currentDirectory: there });
    await rest();
    expect(await server.client.getChat(chat.id)).toMatchObject({ cwd, currentDirectory: cwd, state: 'cold' });
    const { events } = await runTurn(server.client, chat.id, 'run: env pwd');
    expect(JSON.stringify(events)).toContain(`\\n${cwd}`);
    expect(await nextEvent(server.client, chat.id, 'current_directory_update', { after: seq })).toMatchObject({ cwd });
    expect(await server.client.getChat(chat.id)).toMatchObject({ cwd, currentDirectory: cwd });
  });
});

describe('AGENT-21: null gives the choice back to the agent', () => {
  test.each(['claude_sdk', 'claude_pty'] as const)(
    '%s: at once, and in a new process',
    async (backend) => {
      const chat = await server.createChat({ backend, model: 'haiku' });
      await runTurn(server.client, chat.id, 'who are you');
      expect(asked().model).toContain('haiku');
      await server.client.patchChat(chat.id, { model: null });
      await runTurn(server.client, chat.id, 'who are you');
      expect(asked().model).not.toContain('haiku');

      await server.client.patchChat(chat.id, { model: 'haiku' });
      await runTurn(server.client, chat.id, 'who are you');
      // The program's own choice is what the user's settings say.
      await mkdir(server.agent.configDir, { recursive: true });
      await writeFile(join(server.agent.configDir, 'settings.json'), JSON.stringify({ model: 'sonnet' }));
      await server.client.patchChat(chat.id, { model: null });
      await runTurn(server.client, chat.id, 'who are you');
      expect(asked().model).toContain('sonnet');

      await server.client.patchChat(chat.id, { model: 'haiku' });
      await runTurn(server.client, chat.id, 'who are you');
      await rest();
      // No turn has run since: the last model of the session itself is still the other one.
      await server.client.patchChat(chat.id, { model: null });
      await runTurn(server.client, chat.id, 'who are you');
      expect(asked().model).toContain('sonnet');
      await writeFile(join(server.agent.configDir, 'settings.json'), '{}');
      // Six starts of the program.
    },
    60_000,
  );
});

describe('AGENT-36: an effort is a setting of the chat', () => {
  test.each(['claude_sdk', 'claude_pty'] as const)(
    '%s: applies from the first turn on, changes for the next one, and can be given back to the agent, also in a new process',
    async (backend) => {
      const chat = await server.createChat({ backend, effort: 'low' });
      expect(chat.effort).toBe('low');
      const effort = async (): Promise<string | undefined> => {
        await runTurn(server.client, chat.id, 'who are you');
        return asked().output_config?.effort;
      };
      const set = (value: 'high' | 'max' | null) => server.client.patchChat(chat.id, { effort: value });
      expect(await effort()).toBe('low');
      expect(await set('high')).toMatchObject({ effort: 'high' });
      expect(await effort()).toBe('high');
      // It stays when the model changes.
      await server.client.patchChat(chat.id, { model: 'sonnet' });
      expect(await effort()).toBe('high');
      await rest();
      expect(await effort()).toBe('high');
      await set('max');
      expect(await effort()).toBe('max');
      // The agent's own choice is what the user's settings say.
      await mkdir(server.agent.configDir, { recursive: true });
      await writeFile(
        join(server.agent.configDir, 'settings.json'),
        JSON.stringify({ modelSettings: { [asked().model]: { effortLevel: 'low' } } }),
      );
      expect(await set(null)).toMatchObject({ effort: null });
      expect(await effort()).toBe('low');
      await rest();
      await set('high');
      await set(null);
      expect(await effort()).toBe('low');
      await writeFile(join(server.agent.configDir, 'settings.json'), '{}');
      const notices = eventsOf(await readLog(server.client, chat.id), 'notice');
      expect(notices.filter(({ code }) => code === 'setting_deferred')).toEqual([]);
    },
    60_000,
  );
});

test('AGENT-22: an unknown model is refused when it is set, with or without a running agent, and nothing changes', async () => {
  const refused = { code: 'invalid_request', details: { field: 'model' } };
  await expect(server.createChat({ model: 'no-such-model' })).rejects.toMatchObject(refused);
  const chat = await server.createChat();
  const patch = (): Promise<unknown> => server.client.patchChat(chat.id, { model: 'no-such-model', title: 'New' });
  await expect(patch()).rejects.toMatchObject(refused);
  await runTurn(server.client, chat.id, 'who are you');
  await expect(patch()).rejects.toMatchObject(refused);
  expect(await server.client.getChat(chat.id)).toMatchObject({ model: null });
  expect(eventsOf(await readLog(server.client, chat.id), 'chat_updated')).not.toContainEqual(
    expect.objectContaining({ title: 'New' }),
  );
});

describe('TURN-13: after a restart the stopped task is reported before the answer, as the agent reported it', () => {
  test.each(['claude_sdk', 'claude_pty'] as const)('%s', async (backend) => {
    const chat = await server.createChat({ backend, permissionMode: 'bypassPermissions' });
    await runTurn(server.client, chat.id, 'start a background task: sleep 60');
    await rest();
    const turn = await runTurn(server.client, chat.id, 'who are you');
    await until(() => server.client.getChat(chat.id).then(({ state }) => state === 'ready'));
    const log = await readLog(server.client, chat.id);
    const told = log.filter(({ seq }) => seq >= turn.events[0]!.seq);
    const stopped = told.findIndex((event) => JSON.stringify(event).includes('previous session ended'));
    const answered = told.findIndex((event) => event.type === 'agent_message');
    expect(stopped).toBeGreaterThan(-1);
    expect(answered).toBeGreaterThan(stopped);
    expect(eventsOf(told, 'turn_started')).toHaveLength(1);
    expect(told.at(-1)?.type).toBe('turn_finished');
    const { costUsd } = await server.client.getChat(chat.id);
    const turns = eventsOf(log, 'turn_finished').reduce((sum, event) => sum + event.costUsd, 0);
    const outside = eventsOf(log, 'notice').reduce((sum, event) => sum + Number(event.data?.['costUsd'] ?? 0), 0);
    expect(costUsd).toBeCloseTo(turns + outside, 9);
  });
});
