// A chat that continues on a host with other directories: the files that the agent needs beside its transcript are there.
import { mkdir, mkdtemp, readdir, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { query, type SDKUserMessage } from '@anthropic-ai/claude-agent-sdk';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { projectFolder } from '../../src/agents/claude/files/transcript-file.ts';
import { createPushable } from '../../src/lib/pushable.ts';
import { openServer, type TestServer } from '../support/server.ts';
import { until } from '../support/until.ts';
import { eventsOf, readLog, runTurn, type Turn } from '../support/turns.ts';

const agentEnv = {
  // Large models get no task list by default.
  CLAUDE_CODE_ENABLE_TODO_TOOLS: '1',
  CLAUDE_CODE_ENABLE_TASKS: '1',
  CLAUDE_CODE_ENABLE_SDK_FILE_CHECKPOINTING: 'true',
};
let server: TestServer;
let elsewhere: string;
let configDir: string;

beforeEach(async () => {
  server = await openServer({ agentEnv });
  elsewhere = await realpath(await mkdtemp(join(tmpdir(), 'boocode-elsewhere-')));
  configDir = join(elsewhere, 'claude');
});
afterEach(async () => {
  await server.close();
  await rm(elsewhere, { recursive: true, force: true });
});

const say = (chatId: string, text: string): Promise<Turn> =>
  runTurn(server.client, chatId, text, { answer: () => ({ outcome: 'allow' }) });

/** Stops the server, and starts one that shares only the database and the chats' directories. What the agent had is gone. */
async function changeHosts(): Promise<void> {
  const env = { ...server.agent.env, ...agentEnv, HOME: elsewhere, CLAUDE_CONFIG_DIR: configDir };
  await server.restart({ dataDir: join(elsewhere, 'data'), agentEnv: env });
  await rm(server.agent.configDir, { recursive: true });
}

async function notMoved(chatId: string): Promise<string[]> {
  const notices = eventsOf(await readLog(server.client, chatId), 'notice');
  return notices.filter(({ code }) => code === 'files_not_moved').map(({ message }) => message);
}

/** What is left in a config directory of the session, without transcripts. */
async function filesOf(directory: string, sessionId: string): Promise<string[]> {
  const names = await readdir(directory, { recursive: true });
  return names.filter((name) => /^plans\/.*md$/.test(name) || (name.includes(sessionId) && /\.\w+$|@v\d+$/.test(name)));
}

test.each(['claude_sdk', 'claude_pty'] as const)(
  'HOST-20 HOST-21: on another host the agent finds its long outputs, file history, tasks and plan (%s)',
  async (backend) => {
    const chat = await server.createChat({ backend });
    await say(chat.id, 'write a.txt: one');
    const edit = await say(chat.id, 'edit a.txt: one => two');
    const told = /saved to: (\S+\.txt)/.exec((await say(chat.id, 'run: seq 1 20000')).text)?.[1] ?? '';
    expect(told).toContain(server.agent.configDir);
    // What has it stored in the middle of a turn.
    const longOutputs = await server.sql`
      select from boocode.claude_session_entries where entry -> 'toolUseResult' ->> 'persistedOutputPath' = ${told}`;
    expect(longOutputs).toHaveLength(1);
    await say(chat.id, 'run: seq 1 400000');
    // Five seconds after its last task is done, the terminal program deletes the whole list: this one stays open.
    await say(chat.id, 'call TaskCreate: {"subject":"Come back","description":"Later."}');
    await say(chat.id, 'plan the work');
    const tasks = () => server.sql`select from boocode.side_files where name like 'tasks/%' and content is not null`;
    await until(async () => (await tasks()).length === 4, { what: 'the tasks are stored after their turn' });
    await server.client.patchChat(chat.id, { permissionMode: 'plan' });
    expect((await say(chat.id, 'make a plan')).text).toContain('The plan is approved');

    await changeHosts();
    await server.client.patchChat(chat.id, { permissionMode: 'default' });
    expect((await say(chat.id, 'call TaskList: {}')).text).toContain('Run the tests');
    const { sessionId } = eventsOf(await readLog(server.client, chat.id), 'session_started')[0]!;
    const here = told.replace(server.agent.configDir, configDir);
    expect((await readFile(here, 'utf8')).split('\n')).toHaveLength(20_001);
    // It was told so, and may read it without being asked.
    const results = JSON.stringify(server.model.requests.at(-1)?.body).match(/"tool_result"[^}]*/g) ?? [];
    expect(results.filter((each) => each.includes(`saved to: ${here}`))).toHaveLength(1);
    expect(results.filter((each) => each.includes(server.agent.configDir))).toEqual([]);
    expect((await runTurn(server.client, chat.id, `read ${here}`)).text).toMatch(/has \d+ lines/);
    await server.client.patchChat(chat.id, { permissionMode: 'plan' });
    expect((await say(chat.id, 'make a plan')).text).toContain('The plan is approved');
    expect(await notMoved(chat.id)).toEqual([
      expect.stringMatching(/^1 file of the agent was not moved to this host: tool-results\/\w+\.txt \(2\.7 MB\)\.$/),
    ]);

    // Nothing of it outlives the chat.
    const left = await filesOf(configDir, sessionId);
    for (const kind of ['file-history/', 'tasks/', 'plans/', 'projects/']) expect(left.join()).toContain(kind);
    if (backend === 'claude_sdk') await rewindsFiles(sessionId, edit.turnId);
    await server.client.deleteChat(chat.id);
    expect(await filesOf(configDir, sessionId)).toEqual([]);
    expect(await server.sql`select from boocode.side_files`).toHaveLength(0);
  },
);

/** The program's own way back to the files before a prompt. */
async function rewindsFiles(sessionId: string, promptId: string): Promise<void> {
  await server.restart();
  const input = createPushable<SDKUserMessage>();
  const env = { ...server.agent.env, ...agentEnv, HOME: elsewhere, CLAUDE_CONFIG_DIR: configDir };
  const agent = query({ prompt: input.iterable, options: { resume: sessionId, cwd: server.workDir, env } });
  try {
    expect(await agent.rewindFiles(promptId)).toMatchObject({ canRewind: true });
  } finally {
    input.close();
    for await (const _ of agent);
  }
  expect(await readFile(join(server.workDir, 'a.txt'), 'utf8')).toBe('one\n');
}

test('HOST-20: a chat that moves to another directory keeps its long outputs, and a failure to store them fails no turn', async () => {
  const chat = await server.createChat();
  await say(chat.id, 'what did I say');
  await server.sql`alter table boocode.side_files rename to away`;
  expect((await say(chat.id, 'run: seq 1 20000')).finished).toMatchObject({ outcome: 'completed' });
  await server.sql`alter table boocode.away rename to side_files`;
  const moved = join(server.workDir, 'moved');
  await mkdir(moved);
  await server.client.patchChat(chat.id, { cwd: moved });
  await say(chat.id, 'what did I say');
  // The demo model repeats the old path in its own words.
  const [told] = /(?<=saved to: )[^ \\]+/.exec(JSON.stringify(server.model.requests.at(-1)?.body)) ?? [];
  expect(told).toContain(projectFolder(moved));
  expect((await runTurn(server.client, chat.id, `read ${told}`)).text).toMatch(/has \d+ lines/);
});
