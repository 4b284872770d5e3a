// A session that a person started with the claude program becomes a chat, and a chat becomes a session again.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { appendFile, mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { findClaudeProgram } from '../../src/agents/claude/claude-program.ts';
import { sessionFolder } from '../../src/agents/claude/native-sessions/native-layout.ts';
import { runCli } from '../../src/cli/run.ts';
import { endProcess } from '../../src/lib/process-identity.ts';
import type { Chat } from '../../src/protocol/chat.ts';
import { type AgentEnv, createAgentEnv } from '../support/agent-env.ts';
import { createFakeTerminal, type FakeInput } from '../support/fake-terminal.ts';
import { openServer, type TestServer } from '../support/server.ts';
import { readLog, runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

let server: TestServer;
/** The person's own home: the server's agents have another one. */
let person: AgentEnv;
let cwd: string;
let programs: ChildProcess[];

beforeAll(async () => {
  server = await openServer();
});
afterAll(() => server.close());
beforeEach(async () => {
  person = await createAgentEnv(server.model.url);
  cwd = await realpath(await mkdtemp(join(tmpdir(), 'boocode-adopt-')));
  programs = [];
});
afterEach(async () => {
  for (const program of programs) await endProcess(program, { graceMs: 2_000 });
  await person.remove();
  await rm(cwd, { recursive: true, force: true });
});

/** The claude program itself, as a person starts it. */
function claude(args: readonly string[], env: AgentEnv = person): { program: ChildProcess; said: Promise<string> } {
  const program = spawn(findClaudeProgram() ?? '', args, { cwd, env: env.env, stdio: ['ignore', 'pipe', 'inherit'] });
  programs.push(program);
  let text = '';
  program.stdout?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const said = new Promise<string>((resolve, reject) => {
    program.on('close', (code) =>
      code === 0 ? resolve(text) : reject(new Error(`claude ended with ${code}: ${text}`)),
    );
  });
  // Nothing awaits the output of a program that a test ends early.
  said.catch(() => undefined);
  return { program, said };
}

async function boocode(words: string[], input: FakeInput = {}, env: AgentEnv = person) {
  const terminal = createFakeTerminal(input);
  const cli = { terminal, env: { ...env.env, BOOCODE_URL: server.url, BOOCODE_TOKEN: server.token }, exitCode: 0 };
  await runCli(cli, words);
  return { code: cli.exitCode, out: terminal.stdout, err: terminal.stderr };
}

/** A session of two turns, with a sub-agent. */
async function beginByHand(): Promise<string> {
  const sessionId = randomUUID();
  await claude(['-p', 'stream 3 tokens', '--session-id', sessionId]).said;
  await claude(['-p', 'use a sub-agent', '--resume', sessionId, '--dangerously-skip-permissions']).said;
  return sessionId;
}

const folderOf = (env: AgentEnv): Promise<string> => sessionFolder(env.env, cwd);
const isMirrored = (line: string): boolean => line !== '' && !line.includes('"type":"api-request');

async function linesOf(path: string): Promise<string[]> {
  return (await readFile(path, 'utf8')).split('\n').filter(isMirrored);
}

/** The transcripts below a folder, by relative path, with their mirrored lines. */
async function transcriptsIn(folder: string): Promise<Record<string, string[]>> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.jsonl')).toSorted();
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await linesOf(join(folder, name))])));
}

describe('a session that was started by hand', () => {
  test('TRANSCRIPT-5 TRANSCRIPT-10: continues as a chat, and the chat continues by hand again, with nothing lost', async () => {
    const sessionId = await beginByHand();
    const native = await folderOf(person);
    const before = await transcriptsIn(native);
    expect(Object.keys(before)).toHaveLength(2);

    const adopted = await boocode(['adopt', '--cwd', cwd], { lines: ['7', '1'], isInteractive: true });
    expect([adopted.code, adopted.out]).toEqual([
      0,
      expect.stringMatching(/1 {2}\w{8} .* messages {2}stream 3 tokens/),
    ]);
    const [, chatId = ''] = /^chat (\S+)/m.exec(adopted.out) ?? [];
    const chat = await server.client.getChat(chatId);
    expect(chat).toMatchObject({ cwd, title: 'stream 3 tokens', state: 'cold', backend: 'claude_sdk' });
    const log = await readLog(server.client, chatId);
    expect(log[0]).toMatchObject({ type: 'notice', code: 'adopted', data: { sessionId } });
    const types = log.map((event) => event.type);
    expect(types.filter((type) => type === 'user_message')).toHaveLength(2);
    expect(types).toEqual(expect.arrayContaining(['agent_message', 'tool_call', 'tool_call_update']));

    // The export is identical to the original, byte for byte.
    const out = join(person.home, 'out');
    expect((await boocode(['export', chatId, '--directory', out])).code).toBe(0);
    expect(await transcriptsIn(out)).toEqual(before);
    const main = await boocode(['export', chatId]);
    expect(main.out.split('\n').slice(0, -1)).toEqual(before[`${sessionId}.jsonl`]);

    const turn = await runTurn(server.client, chatId, 'what did I say');
    expect(turn.text).toMatch(/stream 3 tokens[\s\S]*use a sub-agent/);
    expect(await readLog(server.client, chatId)).toMatchObject(
      [...log, ...turn.events].map(({ seq, type }) => ({ seq, type })),
    );

    // On a machine that does not have the session.
    const other = await createAgentEnv(server.model.url);
    try {
      const placed = await boocode(['export', chatId, '--into-claude'], {}, other);
      expect([placed.code, placed.out]).toEqual([0, `cd ${cwd} && claude --resume ${sessionId}\n`]);
      const said = await claude(['-p', 'what did I say', '--resume', sessionId], other).said;
      expect(said).toMatch(/stream 3 tokens[\s\S]*use a sub-agent[\s\S]*what did I say/);

      // The session has continued there since: an export does not overwrite it.
      const file = join(await folderOf(other), `${sessionId}.jsonl`);
      const more = await readFile(file, 'utf8');
      const again = await boocode(['export', chatId, '--into-claude'], {}, other);
      expect([again.code, again.err]).toEqual([0, expect.stringContaining('already exists')]);
      expect(await readFile(file, 'utf8')).toBe(more);
    } finally {
      await other.remove();
    }
  });

  test('TRANSCRIPT-7 CLI-9: becomes a chat only once; a second attempt names that chat, and --json reports the progress', async () => {
    const sessionId = randomUUID();
    await claude(['-p', 'stream 2 tokens', '--session-id', sessionId]).said;
    const chosen = ['--title', 'Mine', '--effort', 'low', '--resume-at-reset', '--no-accept-agent-messages'];
    const first = await boocode(['adopt', sessionId.slice(0, 8), '--cwd', cwd, ...chosen, '--json']);
    const chat = JSON.parse(first.out) as Chat;
    expect(chat).toMatchObject({ title: 'Mine', effort: 'low', resumeAtReset: true, acceptsAgentMessages: false });
    expect(first.code).toBe(0);
    expect(first.err).toMatch(/^\{"progress":\{"phase":"sending","bytes":(\d+),"of":\1\}\}$/m);
    const second = await boocode(['adopt', sessionId, '--cwd', cwd]);
    expect([second.code, second.err]).toEqual([1, `error: Chat ${chat.id} already has this session.\n`]);
  });

  test('TRANSCRIPT-9: is not imported while its program runs', async () => {
    const sessionId = randomUUID();
    await claude(['-p', 'stream 2 tokens', '--session-id', sessionId]).said;
    const { program } = claude(['-p', 'hold', '--resume', sessionId]);
    const refusal = new RegExp(`A claude program is using this session, process ${program.pid}: leave it first`);
    await until(async () => (await readdir(join(person.configDir, 'sessions'))).includes(`${program.pid}.json`));
    const refused = await boocode(['adopt', sessionId, '--cwd', cwd]);
    expect([refused.code, refused.err]).toEqual([1, expect.stringMatching(refusal)]);
    const chats = await server.client.listChats();
    expect(chats.items.filter((chat) => chat.cwd === cwd)).toEqual([]);
  });

  test('TRANSCRIPT-9: is not imported while something else writes to it, and the failed import leaves nothing behind', async () => {
    const sessionId = randomUUID();
    await claude(['-p', 'stream 2 tokens', '--session-id', sessionId]).said;
    const file = join(await folderOf(person), `${sessionId}.jsonl`);
    const entry = { type: 'user', uuid: randomUUID(), message: { content: 'x' } };
    const adopting = boocode(['adopt', sessionId, '--cwd', cwd]);
    await until(
      async () => (await server.sql`select from boocode.chats where importing_session = ${sessionId}`).length === 1,
    );
    await appendFile(file, `${JSON.stringify(entry)}\n`);
    expect(await adopting).toMatchObject({ code: 1, err: expect.stringContaining('is being written') as string });
    expect(await server.sql`select from boocode.chats where importing_session = ${sessionId}`).toEqual([]);
    expect(await server.sql`select from boocode.claude_session_entries where session_id = ${sessionId}`).toEqual([]);
  });
});

describe('CLI-1: adopt and export fail with one sentence', () => {
  const fails = async (words: string[], sentence: string | RegExp, input?: FakeInput): Promise<void> => {
    const { code, out, err } = await boocode(words, input);
    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(sentence);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
  };

  test('if nobody can be asked, or there is no session to choose', async () => {
    await fails(['adopt', '--cwd', cwd], /name a session by its id or its file; --json lists them/);
    await fails(['adopt', '--cwd', cwd], /has no session for/, { isInteractive: true });
    await fails(['adopt', 'abc', '--cwd', cwd], /has no session whose id starts with abc/);
    await fails(['adopt', '--cwd', join(cwd, 'nowhere')], /This machine has no directory/);
    expect(await boocode(['adopt', '--json', '--cwd', cwd])).toMatchObject({ code: 0, out: '[]\n' });
  });

  test('for a file that is not a transcript, and for a directory that the server cannot use', async () => {
    const file = join(cwd, 'x.jsonl');
    await fails(['adopt', file], /There is no file/);
    await writeFile(file, 'hello\n{"type":"mode"}\n');
    await fails(['adopt', file], /is not a transcript of a conversation/);
    const entry = { type: 'user', uuid: 'a', sessionId: randomUUID(), message: { content: 'hi' } };
    await writeFile(file, `${JSON.stringify(entry)}\n`);
    await fails(['adopt', file], /does not name its directory/);
    await fails(['adopt', file, '--cwd', join(cwd, 'nowhere')], /The server cannot use .*nowhere/);
    expect(await server.sql`select from boocode.chats where importing_session is not null`).toEqual([]);
  });

  test('but a transcript given by path becomes a chat in the directory that it names, without its invalid lines', async () => {
    const work = join(cwd, 'there');
    await mkdir(work);
    const entry = { type: 'user', uuid: 'a', cwd: work, sessionId: randomUUID(), message: { content: 'hi\u001b[2J' } };
    const file = join(cwd, 'kept.jsonl');
    await writeFile(file, `${JSON.stringify(entry)}\nrubbish\n`);
    const { code, out, err } = await boocode(['adopt', file, '--json']);
    expect([code, err]).toEqual([0, expect.stringContaining('line 2 of')]);
    expect(JSON.parse(out)).toMatchObject({ cwd: work });
  });

  test('for a chat in which nothing was said', async () => {
    const chat = await server.createChat();
    for (const how of [[], ['--directory', cwd], ['--into-claude'], ['--output', join(cwd, 'x')]]) {
      await fails(['export', chat.id, ...how], /Nothing was said in this chat yet/);
    }
    expect(await readdir(cwd)).toEqual([]);
  });
});

test('ACCESS-5: an invalid value in an import is refused with the name of its field', async () => {
  const good = { cwd, sessionId: randomUUID() };
  for (const [body, field] of [
    [{ ...good, sessionId: 'x' }, 'sessionId'],
    [{ ...good, cwd: 5 }, 'cwd'],
    [{ ...good, more: 1 }, 'more'],
  ] as const) {
    expect((await server.call('POST', '/v1/imports', { body })).body).toMatchObject({ code: 'invalid_request', field });
  }
  const begun = await server.call('POST', '/v1/imports', { body: good });
  expect([begun.status, begun.headers.get('location')]).toEqual([201, `/v1/imports/${String(begun.body['id'])}`]);
  const lines = `/v1/imports/${String(begun.body['id'])}/lines`;
  const line = '{"type":"user"}';
  for (const [body, field] of [
    [{ lines: [] }, 'lines'],
    [{ lines: [5] }, 'lines[0]'],
    [{ lines: ['5'] }, 'lines[0]'],
    [{ lines: [line], subpath: '../x' }, 'subpath'],
    [{ lines: [line], subpath: 'subagents/../x' }, 'subpath'],
    [{ lines: [line], subpath: '' }, 'subpath'],
  ] as const) {
    expect((await server.call('POST', lines, { body })).body).toMatchObject({ code: 'invalid_request', field });
  }
  expect((await server.call('POST', `/v1/imports/${randomUUID()}/finish`)).status).toBe(404);
  expect((await server.call('DELETE', `/v1/imports/${String(begun.body['id'])}`)).status).toBe(204);
});
