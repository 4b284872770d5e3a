// A chat is forked whatever it does, whoever holds it, and whatever happened to its session before.
import { existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BackendName } from '../../src/protocol/chat.ts';
import { initRepository } from '../support/git-repository.ts';
import { openServer, type TestServer } from '../support/server.ts';
import { eventsOf, nextEvent, readLog, runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

let server: TestServer;
let other: TestServer;

beforeAll(async () => {
  server = await openServer();
  other = await openServer({ beside: server });
});
afterAll(async () => {
  await other.close();
  await server.close();
});

const ask = (chatId: string, text: string, on = server): ReturnType<typeof runTurn> => runTurn(on.client, chatId, text);
const remembers = async (chatId: string, on = server): Promise<string> =>
  (await ask(chatId, 'what did I say', on)).text;

/** The last request of a conversation; the program makes others for itself. */
const lastRequest = () =>
  server.model.requests
    .map(({ body }) => body as { tools?: unknown[]; system: unknown; messages: unknown[] })
    .findLast(({ tools = [] }) => tools.length > 1)!;
/** As text, without what differs in every request. */
const plain = (part: unknown): string =>
  JSON.stringify(part, (key, value: unknown) => (key === 'cache_control' ? undefined : value)).replaceAll(
    /cc_version=[^;]*;/g,
    '',
  );

describe.each<BackendName>(['claude_sdk', 'claude_pty'])('on %s', (backend) => {
  test('FORK-7, FORK-9: a chat is forked while it runs a turn and others wait, by a host that does not hold it', async () => {
    const { id } = await server.createChat({ backend });
    // The same words again and again: only their place tells the turns apart.
    await ask(id, 'stream 3 tokens');
    const { finished } = await ask(id, 'hello');
    const { head } = await server.client.getChat(id);
    await server.client.prompt(id, { content: 'hold' });
    await until(() => server.model.held > 0);
    await server.client.prompt(id, { content: 'hello' });
    const fork = await other.client.fork(id);
    expect(fork).toMatchObject({
      forkedFrom: { chatId: id, seq: finished.seq },
      state: 'cold',
      holder: null,
      waiting: 0,
    });
    expect(await remembers(fork.id, other)).toBe('You said: "stream 3 tokens", "hello".');
    expect((await server.client.getChat(id)).state).toBe('running');
    const ended = nextEvent(server.client, id, 'turn_finished', { after: head });
    server.model.release();
    expect((await ended).outcome).toBe('completed');
    // One at that turn has neither the prompt that waited then nor its answer.
    const later = await server.client.fork(id, { at: (await ended).seq });
    expect(eventsOf(await readLog(server.client, later.id), 'prompt_cancelled')).toHaveLength(1);
    expect(await remembers(later.id)).toBe('You said: "stream 3 tokens", "hello", "hold".');
  });

  test('FORK-2: a fork knows what was taken back later, what was compacted, and what was said in another fork', async () => {
    const { id } = await server.createChat({ backend });
    await ask(id, 'stream 3 tokens');
    const taken = await ask(id, 'stream 4 tokens');
    await server.client.rewind(id, { before: eventsOf(taken.events, 'prompt_accepted')[0]!.promptId });
    const instead = await ask(id, 'stream 5 tokens');
    const back = await server.client.fork(id, { at: taken.finished.seq });
    expect(await remembers(back.id)).toBe('You said: "stream 3 tokens", "stream 4 tokens".');
    const compacted = await ask(id, '/compact');
    const whole = await server.client.fork(id, { at: instead.finished.seq });
    expect(await remembers(whole.id)).toBe('You said: "stream 3 tokens", "stream 5 tokens".');
    const small = await server.client.fork(id, { at: compacted.finished.seq });
    const { costUsd } = (await ask(small.id, 'what did I say')).finished;
    expect((await server.client.getChat(small.id)).costUsd).toBeCloseTo(costUsd, 9);
    const first = eventsOf(await readLog(server.client, back.id), 'turn_finished')[0]!;
    const again = await server.client.fork(back.id, { at: first.seq });
    await server.client.deleteChat(back.id);
    expect(await remembers(again.id)).toBe('You said: "stream 3 tokens".');
  }, 240_000);

  test('FORK-3: a fork continues in the worktree of its answer, and in the chat’s directory before that', async () => {
    const cwd = join(server.workDir, `repository-${backend}`);
    await mkdir(cwd);
    initRepository(cwd);
    const { id } = await server.createChat({ backend, cwd, permissionMode: 'bypassPermissions' });
    const before = await ask(id, 'stream 3 tokens');
    const { finished } = await ask(id, `call EnterWorktree: {"name": "${backend}"}`);
    const call = {
      description: 'd',
      prompt: 'stream 2 tokens',
      subagent_type: 'general-purpose',
      run_in_background: false,
    };
    const inside = await ask(id, `call Agent: ${JSON.stringify(call)}`);
    const alpha = join(cwd, '.claude', 'worktrees', backend);
    expect(existsSync(alpha)).toBe(true);
    const [old, entered, young] = await Promise.all(
      [before.finished.seq, finished.seq, inside.finished.seq].map((at) => server.client.fork(id, { at })),
    );
    expect(old).toMatchObject({ currentDirectory: cwd });
    expect(entered).toMatchObject({ currentDirectory: alpha });
    expect(JSON.stringify((await ask(old!.id, 'run: env pwd')).events)).toContain(`\\n${cwd}"`);
    for (const fork of [entered!, young!]) {
      expect(JSON.stringify((await ask(fork.id, 'run: env pwd')).events)).toContain(`\\n${alpha}"`);
    }
    const subpaths = await server.sql`
      select distinct subpath from boocode.claude_session_entries where project_key = ${young!.id} and subpath > ''`;
    expect(subpaths).toHaveLength(1);
  });

  test('FORK-13, FORK-14: a fork with a worktree works there, and asks about files of the other chat’s directory', async () => {
    const cwd = join(server.workDir, `forked-${backend}`);
    await mkdir(cwd);
    initRepository(cwd);
    const { id } = await server.createChat({ backend, cwd, permissionMode: 'acceptEdits' });
    await ask(id, 'write notes.txt: one');
    const last = lastRequest();
    const fork = await server.client.fork(id, { isolation: 'worktree', worktree: { name: backend } });
    const read = (directory: string, name: string) => readFileSync(join(directory, name), 'utf8').trim();
    // What it remembers is about the path in the other directory.
    await ask(fork.id, 'write notes.txt: two');
    expect([read(cwd, 'notes.txt'), read(fork.cwd, 'notes.txt')]).toEqual(['one', 'two']);
    const first = lastRequest();
    expect(JSON.stringify(first.messages)).toContain(`Primary working directory: ${fork.cwd} (was ${cwd})`);
    // Up to there its request is the other one, so the model's provider has it cached.
    expect(plain(first.tools)).toBe(plain(last.tools));
    expect(plain(first.system)).toBe(plain(last.system));
    expect(plain(first.messages.slice(0, 2))).toBe(plain(last.messages.slice(0, 2)));

    const there = (name: string) => `call Write: ${JSON.stringify({ file_path: join(cwd, name), content: 'x' })}`;
    const asked: string[] = [];
    const deny = ({ title }: { title: string }) => (asked.push(title), { outcome: 'deny' as const });
    await runTurn(server.client, fork.id, there('asked.txt'), { answer: deny });
    expect(asked).toEqual([`Write: Write ${join(cwd, 'asked.txt')}`]);
    expect(existsSync(join(cwd, 'asked.txt'))).toBe(false);
    // This mode asks about nothing, in any chat.
    await server.client.patchChat(fork.id, { permissionMode: 'bypassPermissions' });
    await ask(fork.id, there('unasked.txt'));
    expect(existsSync(join(cwd, 'unasked.txt'))).toBe(true);
  }, 180_000);
});

test('FORK-2: a fork knows what was said before the session was cleared, and not what was said since', async () => {
  const { id } = await server.createChat({ backend: 'claude_sdk' });
  const before = await ask(id, 'stream 3 tokens');
  await ask(id, '/clear');
  const after = await ask(id, 'stream 4 tokens');
  const old = await server.client.fork(id, { at: before.finished.seq });
  expect(await remembers(old.id)).toBe('You said: "stream 3 tokens".');
  const young = await server.client.fork(id, { at: after.finished.seq });
  expect(await remembers(young.id)).toBe('You said: "stream 4 tokens".');
});

test('FORK-7: a fork continues on the other engine', async () => {
  const { id } = await server.createChat({ backend: 'claude_sdk' });
  const { finished } = await ask(id, 'stream 3 tokens');
  await ask(id, 'stream 4 tokens');
  const fork = await server.client.fork(id, { at: finished.seq });
  await server.client.patchChat(fork.id, { backend: 'claude_pty' });
  expect(await remembers(fork.id)).toBe('You said: "stream 3 tokens".');
});

test('FORK-11: a search finds a fork, by what was said before it and since', async () => {
  const { id } = await server.createChat();
  await ask(id, 'run: echo lighthouse-keeper');
  const fork = await server.client.fork(id);
  const found = async (q: string): Promise<string[]> =>
    (await server.client.listChats({ q })).items.map((chat) => chat.id);
  expect(await found('lighthouse-keeper')).toEqual([fork.id, id]);
  await server.client.deleteChat(id);
  expect(await found('lighthouse-keeper')).toEqual([fork.id]);
});
