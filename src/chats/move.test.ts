// Moving a chat to another directory.
import { mkdir, mkdtemp, realpath, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createGate, type Gate } from '../../test/support/gate.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { openTwoEngines, openWarmChat, type TwoEngines } from '../../test/support/two-engines.ts';
import { until } from '../../test/support/until.ts';
import { finished } from '../../test/support/scripted-backend.ts';
import { BooError } from '../protocol/error.ts';
import { findChat } from '../store/chats.ts';

let database: TestDatabase;
let root: string;
let next: string;
let gate: Gate;
let here: TwoEngines;
beforeAll(async () => {
  database = await createTestDatabase();
  root = await realpath(await mkdtemp(join(tmpdir(), 'boocode-move-')));
  next = join(root, 'next');
  await mkdir(next);
  await mkdir(join(root, 'data'));
  await symlink(next, join(root, 'link'));
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
  await database.drop();
});
beforeEach(async () => {
  gate = createGate();
  here = await openTwoEngines(database.url, gate, { dataDir: join(root, 'data') });
});
afterEach(() => here.close());

const move = (id: string, cwd = next) => here.chats.patchChat(id, { cwd });

test('AGENT-26: a warm chat continues in the other directory between turns, in the same session, with the full history', async () => {
  const id = await openWarmChat(here);
  expect(await move(id, join(root, 'link'))).toMatchObject({ id, cwd: next, state: 'cold' });
  expect(here.sdk.sessions.size).toBe(0);
  expect(await here.events(id, 'chat_updated')).toEqual([expect.objectContaining({ cwd: next })]);
  await here.chats.submitPrompt(id, { content: 'two' });
  await here.events(id, 'turn_finished', 2);
  expect(here.sdk.opened.map(({ cwd }) => cwd)).toEqual([here.cwd, next]);
  expect(new Set(here.sdk.opened.map(({ sessionId }) => sessionId)).size).toBe(1);
  const said = await here.events(id, 'agent_message', 2);
  expect(said.at(-1)?.content).toEqual([{ type: 'text', text: 'claude_sdk 2: two' }]);
  expect((await here.chats.readTranscript(id)).cwd).toBe(next);
});

test('AGENT-26: a move to a link to the current directory changes nothing', async () => {
  const id = await openWarmChat(here);
  await move(id);
  const { head } = await here.chats.getChat(id);
  expect(await move(id, join(root, 'link'))).toMatchObject({ cwd: next, head });
});

test('AGENT-26: a move in the middle of a turn is refused, or waits if the client says so', async () => {
  const id = await openWarmChat(here);
  await here.chats.submitPrompt(id, { content: 'hold' });
  await gate.reached;
  await expect(move(id)).rejects.toMatchObject({
    code: 'chat_busy',
    message: expect.stringContaining(
      'Send "running": "finish" to move when it has finished, or "interrupt" to end it and move at once.',
    ) as string,
  });
  expect(await here.chats.getChat(id)).toMatchObject({ cwd: here.cwd, state: 'running' });
  const moved = here.chats.patchChat(id, { cwd: next, running: 'finish' });
  gate.open();
  expect(await moved).toMatchObject({ cwd: next });
});

test('AGENT-26: a move and a flip in one patch are one write', async () => {
  const id = await openWarmChat(here);
  await here.chats.patchChat(id, { cwd: next, backend: 'claude_pty', title: 'Both' });
  expect(await here.events(id, 'chat_updated')).toEqual([
    expect.objectContaining({ cwd: next, backend: 'claude_pty', title: 'Both' }),
  ]);
  await here.chats.submitPrompt(id, { content: 'two' });
  await here.events(id, 'turn_finished', 2);
  expect(here.pty.opened).toEqual([expect.objectContaining({ cwd: next })]);
});

test.each(['relative', '/nonexistent/directory'])(
  'AGENT-26: a move to %s is refused and changes nothing',
  async (cwd) => {
    const id = await openWarmChat(here);
    const before = await here.chats.getChat(id);
    await expect(move(id, cwd)).rejects.toMatchObject({ code: 'cwd_invalid', details: { field: 'cwd' } });
    expect(await here.chats.getChat(id)).toEqual(before);
  },
);

test('AGENT-34, AGENT-35: the current directory is the agent’s while it runs, and its worktree, if any, while it does not', async () => {
  const cwd = here.cwd;
  here.sdk.script = async function* ({ text }) {
    if (text === 'hold') await gate.pass();
    const worktree = text === 'worktree' ? `${cwd}/alpha` : null;
    yield { type: 'current_directory_update', cwd: `${worktree ?? cwd}/sub`, worktree };
    yield finished('completed');
  };
  const { id, ...made } = await here.createChat();
  expect(made).toMatchObject({ cwd, currentDirectory: cwd });
  const current = async () => (await here.chats.getChat(id)).currentDirectory;
  const turn = async (content: string, count: number): Promise<void> => {
    await here.chats.submitPrompt(id, { content });
    await here.events(id, 'turn_finished', count);
    await until(() => here.host.find(id)?.state === 'ready');
  };
  await turn('cd', 1);
  expect(await current()).toBe(`${cwd}/sub`);
  const lose = async (): Promise<void> => {
    here.sdk.lose(id);
    await until(() => here.host.find(id)?.state === 'cold');
  };
  await lose();
  expect(await current()).toBe(cwd);
  await turn('worktree', 2);
  expect(await current()).toBe(`${cwd}/alpha/sub`);
  // The new session is told where the agent last worked.
  expect(here.sdk.opened.at(-1)?.agentDirectory).toEqual({ cwd: `${cwd}/sub`, worktree: null });
  await lose();
  expect(await current()).toBe(`${cwd}/alpha`);
  expect((await here.chats.listChats({ limit: 1 })).items).toMatchObject([{ cwd, currentDirectory: `${cwd}/alpha` }]);
  // This is what another host reads.
  const [row] = await database.sql<{ there: string }[]>`
    select agent_directory::text as there from boocode.chats where id = ${id}`;
  expect(JSON.parse(row!.there)).toEqual({ cwd: `${cwd}/alpha/sub`, worktree: `${cwd}/alpha` });
  expect(await move(id)).toMatchObject({ cwd: next, currentDirectory: next });
  expect(await findChat(database.sql, id)).toMatchObject({ agentDirectory: null });

  // The move also resets it when the same host continues with waiting prompts.
  await here.chats.submitPrompt(id, { content: 'hold' });
  await gate.reached;
  await here.chats.submitPrompt(id, { content: 'cd' });
  const moved = here.chats.patchChat(id, { cwd, running: 'finish' });
  gate.open();
  await moved;
  await here.events(id, 'turn_finished', 4);
  // If the waiting prompt ran before the move, no session has been opened in the directory yet.
  await here.chats.submitPrompt(id, { content: 'cd' });
  await here.events(id, 'turn_finished', 5);
  expect(here.sdk.opened.findLast((spec) => spec.cwd === cwd)).toMatchObject({ agentDirectory: null });
  expect(here.sdk.opened.at(-1)).toMatchObject({ cwd });
});

test('AGENT-15 AGENT-26: a chat cannot be moved into the data directory', async () => {
  const id = await openWarmChat(here);
  await expect(move(id, join(root, 'data'))).rejects.toMatchObject({ code: 'cwd_invalid' });
});

test('TRANSCRIPT-11: the agent leaves the old directory before the move is stored, and if that fails, so does the move', async () => {
  const id = await openWarmChat(here);
  const seen: unknown[] = [];
  here.agent.leaveDirectory = async (session) => {
    seen.push(session, (await here.chats.getChat(id)).cwd);
  };
  await move(id);
  const [{ sessionId } = {}] = here.sdk.opened;
  expect(seen).toEqual([expect.objectContaining({ sessionId, cwd: here.cwd }), here.cwd]);

  here.agent.leaveDirectory = () => Promise.reject(new BooError('storage_unavailable', 'Not now.'));
  await expect(move(id, root.concat('/link/..'))).rejects.toMatchObject({ code: 'cwd_invalid' });
  const third = join(root, 'third');
  await mkdir(third);
  await expect(move(id, third)).rejects.toMatchObject({ code: 'storage_unavailable' });
  expect((await here.chats.getChat(id)).cwd).toBe(next);
});

test('AGENT-28: a move drops trust, unless the same patch gives it', async () => {
  const { id } = await here.createChat({ trusted: true });
  expect(await move(id)).toMatchObject({ cwd: next, trusted: false });
  expect(await here.events(id, 'chat_updated')).toEqual([expect.objectContaining({ cwd: next, trusted: false })]);
  expect(await here.chats.patchChat(id, { cwd: here.cwd, trusted: true })).toMatchObject({ trusted: true });
});

test('AGENT-28: trust given with a move is for the new directory', async () => {
  const looked: string[] = [];
  here.agent.readDirectory = (cwd) => {
    looked.push(cwd);
    return Promise.resolve({ path: cwd, digest: 'd', files: [], isCurrent: () => true });
  };
  const { id } = await here.createChat();
  await here.chats.patchChat(id, { cwd: next, trusted: true });
  expect(looked).toEqual([next]);
  expect(await here.chats.readTrust(id)).toMatchObject({ trusted: true, holds: true, path: next });
});

test('AGENT-29 PROMPT-7: a prompt to a chat whose directory is gone is held, and runs once the chat is moved', async () => {
  const id = await openWarmChat(here);
  here.sdk.lose(id);
  here.sdk.beforeOpen = ({ cwd }) => {
    if (cwd === here.cwd) throw new BooError('cwd_invalid', 'It is gone.');
  };
  await here.chats.submitPrompt(id, { content: 'two' });
  await until(async () => (await here.chats.getChat(id)).hold?.reason === 'directory');
  expect(await move(id)).toMatchObject({ cwd: next, hold: null });
  const ends = await here.events(id, 'turn_finished', 2);
  expect(ends.map(({ outcome }) => outcome)).toEqual(['completed', 'completed']);
});
