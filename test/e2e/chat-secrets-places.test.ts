// Secrets where chats go: other hosts, worktrees, backups, and what an agent's files have more than the store.
import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile, copyFile, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BooClient } from '../../src/client/client.ts';
import { type DemoModel, startDemoModel } from '../../src/demo/demo-model.ts';
import { git, initRepository } from '../support/git-repository.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { openProgramHome, type ProgramHome, type ServerProgram, warmEnv } from '../support/program.ts';
import { eventsOf, readLog, runTurn, type Turn } from '../support/turns.ts';
import { until } from '../support/until.ts';

const value = 'of-the-first-host-8d1e55';
const ofDirectory = 'of-the-repository-3c90b2';
const sha = (text: string): string => createHash('sha256').update(text).digest('hex');

let model: DemoModel;
let database: TestDatabase;
let homes: ProgramHome[];
let a: ServerProgram;
let b: ServerProgram;
const keyFileOf = ({ dataDir }: ProgramHome): string => join(dataDir, 'secrets.key');

beforeAll(async () => {
  [model, database] = await Promise.all([startDemoModel(), createTestDatabase()]);
  const options = { env: warmEnv(model, database) };
  homes = await Promise.all([openProgramHome(options), openProgramHome(options)]);
  [a, b] = (await Promise.all(homes.map((home) => home.serve('serve')))) as [ServerProgram, ServerProgram];
});
afterAll(async () => {
  await Promise.all(homes.map((home) => home.remove()));
  await Promise.all([model.close(), database.drop()]);
});

const ask = (client: BooClient, chatId: string, text: string): Promise<Turn> =>
  runTurn(client, chatId, text, { answer: () => ({ outcome: 'allow' }), timeoutMs: 60_000 });

const print = (name: string): string => `run: printf %s "$${name}" | sha256sum; echo "it is $${name}"`;

/** Why the prompt waits, which is withdrawn. */
async function whyHeld(client: BooClient, chatId: string): Promise<string> {
  const { promptId } = await client.prompt(chatId, { content: 'stream 2 tokens' });
  const hold = await until(async () => (await client.getChat(chatId)).hold, { what: 'a hold', timeoutMs: 20_000 });
  await client.cancelPrompt(chatId, promptId);
  return hold.message;
}

test('SECRET-10: what was set on one host is given on another one that has the key, and on no other', async () => {
  const [first, second] = homes as [ProgramHome, ProgramHome];
  await a.client.setSecret({ name: 'SHARED', value });
  const chat = await b.client.createChat({ cwd: second.workDir, backend: 'claude_sdk' });
  await a.client.useSecret(chat.id, 'SHARED');
  expect(await a.client.listChatSecrets(chat.id)).toMatchObject([{ name: 'SHARED', isReadable: true }]);
  expect(await b.client.listChatSecrets(chat.id)).toMatchObject([{ name: 'SHARED', isReadable: false }]);
  expect(await whyHeld(b.client, chat.id)).toMatch(
    /SHARED cannot be read on this host: .* Copy that file from the host/,
  );
  expect(existsSync(keyFileOf(second))).toBe(false);

  await copyFile(keyFileOf(first), keyFileOf(second));
  const said = JSON.stringify(await ask(b.client, chat.id, print('SHARED')));
  expect(said).toContain(sha(value));
  expect(said).toContain('it is [secret SHARED]');
  expect(said).not.toContain(value);
  const { hostId } = await b.client.info();
  expect(await a.client.getChat(chat.id)).toMatchObject({ holder: { id: hostId } });
});

test('SECRET-4: a chat in a worktree has what is of the directory that the worktree was made for', async () => {
  const top = join(homes[0]!.workDir, 'repo');
  const sub = join(top, 'sub');
  await mkdir(sub, { recursive: true });
  initRepository(top);
  await appendFile(join(sub, 'file'), 'x\n');
  git(top, 'add', '.');
  git(top, '-c', 'user.name=T', '-c', 'user.email=t@example.com', 'commit', '-q', '-m', 'sub');
  await a.client.setSecret({ name: 'OF_TOP', value: ofDirectory, directory: top });
  await a.client.setSecret({ name: 'OF_SUB', value: `${ofDirectory}-sub`, directory: sub });
  const more = { backend: 'claude_sdk', isolation: 'worktree' } as const;
  const both = await a.client.createChat({ cwd: sub, ...more });
  const one = await a.client.createChat({ cwd: top, ...more });
  expect(both.cwd.startsWith(top + '/')).toBe(false);
  const names = async (chatId: string) => (await a.client.listChatSecrets(chatId)).map(({ name }) => name);
  expect(await names(both.id)).toEqual(['OF_SUB', 'OF_TOP']);
  expect(await names(one.id)).toEqual(['OF_TOP']);
  const said = JSON.stringify(await ask(a.client, both.id, 'run: printf %s "$OF_TOP" | sha256sum; echo "$OF_SUB"'));
  expect(said).toContain(sha(ofDirectory));
  expect(said).toContain('[secret OF_SUB]');
  expect(said).not.toContain(ofDirectory);
  // One that was made by hand, elsewhere, is another directory.
  const own = join(homes[0]!.workDir, 'by-hand');
  git(top, 'worktree', 'add', '-q', own);
  expect(await names((await a.client.createChat({ cwd: own })).id)).toEqual([]);
});

test('SECRET-5: what the agent’s files have more is stored without values, also when no agent was started yet', async () => {
  const [home] = homes as [ProgramHome];
  const elsewhere = join(home.workDir, 'elsewhere');
  await mkdir(elsewhere);
  const begin = async () => {
    const { id } = await a.client.createChat({ cwd: home.workDir, backend: 'claude_sdk' });
    await a.client.useSecret(id, 'SHARED');
    const { events } = await ask(a.client, id, 'stream 2 tokens');
    return { id, sessionId: eventsOf(events, 'session_started')[0]!.sessionId };
  };
  const [taken, moved] = [await begin(), await begin()];
  a.program.kill('SIGTERM');
  await a.program.ended();
  a = await home.serve('serve');
  const folder = join(home.home, '.claude', 'projects');
  for (const { sessionId } of [taken, moved]) {
    const names = await readdir(folder, { recursive: true });
    const file = join(
      folder,
      names.find((name) => name.endsWith(`${sessionId}.jsonl`))!,
    );
    const common = { sessionId, content: `it was ${value}` };
    const left = [
      { type: 'system', subtype: 'informational', uuid: randomUUID(), ...common },
      { type: 'note', ...common },
    ];
    await appendFile(file, left.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
  }
  const [prompt] = eventsOf(await readLog(a.client, taken.id), 'prompt_accepted');
  await a.client.rewind(taken.id, { before: prompt!.promptId });
  await a.client.patchChat(moved.id, { cwd: elsewhere });
  for (const { id, sessionId } of [taken, moved]) {
    const rows = await database.sql<{ entry: string }[]>`
      select entry::text from boocode.claude_session_entries
      where project_key = ${id} and session_id = ${sessionId}`;
    const text = rows.map(({ entry }) => entry).join('\n');
    expect(text.split('it was [secret SHARED]')).toHaveLength(3);
    expect(text).not.toContain(value);
  }
});

test('SECRET-11: a backup has neither values nor key; restored, it needs the key file, and says so', async () => {
  const [first, second] = homes as [ProgramHome, ProgramHome];
  const chat = await a.client.createChat({ cwd: second.workDir, backend: 'claude_sdk' });
  await a.client.useSecret(chat.id, 'SHARED');
  const file = join(first.home, 'chats.gz');
  expect(await first.run(['backup', file])).toMatchObject({ code: 0 });
  const content = gunzipSync(await readFile(file)).toString('latin1');
  const [key = ''] = (await readFile(keyFileOf(first), 'utf8')).split('\n');
  expect(content).toContain('SHARED');
  for (const hidden of [value, ofDirectory, key]) expect(content).not.toContain(hidden);

  b.program.kill('SIGTERM');
  await b.program.ended();
  await rm(keyFileOf(second));
  const target = await createTestDatabase();
  try {
    await target.sql`drop schema boocode cascade`;
    const env = { DATABASE_URL: target.url, BOOCODE_LOG_LEVEL: 'warn' };
    expect(await second.run(['restore', file], { env })).toMatchObject({ code: 0 });
    b = await second.serve('serve', [], env);
    expect(b.program.stderr).toMatch(/secrets of this database cannot be read here: .*secrets\.key/);
    expect(await whyHeld(b.client, chat.id)).toMatch(/^The secret SHARED cannot be read on this host: .*secrets\.key/);
    const setting = b.client.setSecret({ name: 'ANOTHER', value: 'long-enough-a-value' });
    await expect(setting).rejects.toMatchObject({ code: 'config_invalid' });
    await copyFile(keyFileOf(first), keyFileOf(second));
    expect(JSON.stringify(await ask(b.client, chat.id, print('SHARED')))).toContain(sha(value));
  } finally {
    b.program.kill('SIGTERM');
    await b.program.ended();
    await target.drop();
  }
});
