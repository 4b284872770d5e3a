// Secrets of chats with the real program on both engines: the agent has them, and nobody else is told.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type BooClient, createClient } from '../../src/client/client.ts';
import { type DemoModel, startDemoModel } from '../../src/demo/demo-model.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { openProgramHome, type ProgramHome, type ServerProgram, warmEnv } from '../support/program.ts';
import { runTurn, type Turn } from '../support/turns.ts';
import { until } from '../support/until.ts';

const value = 'tök-"en"\\of-4f1c9d2b7a8e';
const ofDirectory = 'key-of-the-directory-77aa41';
const sha = (text: string): string => createHash('sha256').update(text).digest('hex');

let model: DemoModel;
let database: TestDatabase;
let home: ProgramHome;
let server: ServerProgram;
let client: BooClient;
const answer = () => ({ outcome: 'allow' }) as const;

beforeAll(async () => {
  [model, database] = await Promise.all([startDemoModel(), createTestDatabase()]);
  home = await openProgramHome({ env: { ...warmEnv(model, database), BOOCODE_LOG_LEVEL: 'debug' } });
  server = await home.serve('serve');
  ({ client } = server);
});
afterAll(async () => {
  await home.remove();
  await Promise.all([model.close(), database.drop()]);
});

/** All rows of all tables, as text. */
async function dump(): Promise<string> {
  const { sql } = database;
  const tables = await sql<{ name: string }[]>`
    select table_name as name from information_schema.tables where table_schema = 'boocode' and table_type = 'BASE TABLE'`;
  const rows = await Promise.all(
    tables.map(({ name }) => sql`select to_jsonb(rows)::text as row from ${sql(`boocode.${name}`)} rows`),
  );
  return JSON.stringify(rows);
}

/** Neither the value nor its usual forms, however often they are escaped. */
function expectNone(text: string): void {
  expect(text).not.toContain('of-4f1c9d2b7a8e');
  expect(text).not.toContain(ofDirectory);
}

test('SECRET-1 SECRET-3: a value is read from standard input, stored encrypted, and never shown again', async () => {
  const set = await home.run(['secret', 'set', 'DEPLOY_TOKEN'], { input: `${value}\n` });
  expect(set).toMatchObject({ code: 0, stdout: '' });
  await mkdir(join(home.workDir, 'project'));
  const dir = await home.run(['secret', 'set', 'DIR_KEY', '--dir', 'project', '--from-env', '--json'], {
    env: { DIR_KEY: ofDirectory },
  });
  expect(JSON.parse(dir.stdout)).toMatchObject({ name: 'DIR_KEY', directory: join(home.workDir, 'project') });
  const list = await home.run(['secret', 'list']);
  expect(list.stdout).toMatch(/^DEPLOY_TOKEN {2}owner .*\nDIR_KEY .*\/project /m);
  expectNone(list.stdout + dir.stdout + set.stderr + JSON.stringify(await client.listSecrets()) + (await dump()));
  expect((await stat(join(home.dataDir, 'secrets.key'))).mode & 0o777).toBe(0o600);
});

test('SECRET-2: names that say where the model’s key goes, or what is loaded, are refused, and values too short', async () => {
  const ofProvider = 'ANTHROPIC_BASE_URL ANTHROPIC_API_KEY anthropic_api_key CLAUDE_CONFIG_DIR HTTPS_PROXY https_proxy';
  const ofPrograms = 'PATH LD_PRELOAD NODE_OPTIONS GIT_SSH_COMMAND BASH_ENV DATABASE_URL BOOCODE_TOKEN PGPASSWORD';
  const refused = `${ofProvider} ${ofPrograms}`.split(' ');
  for (const name of refused) {
    const setting = client.setSecret({ name, value: 'long-enough-a-value' });
    await expect(setting).rejects.toMatchObject({ details: { field: 'name' }, message: expect.stringContaining(name) });
  }
  const short = await client.setSecret({ name: 'SHORT', value: 'x9x9x' }).catch((error: unknown) => error);
  expect(short).toMatchObject({ code: 'invalid_request', details: { field: 'value' } });
  expect((short as Error).message).not.toContain('x9x9x');
});

describe.each(['claude_sdk', 'claude_pty'] as const)('on %s', (backend) => {
  let turn: Turn;

  test('SECRET-4 SECRET-5: the chosen chat’s agent has it, and feed, log and database do not', async () => {
    const chat = await client.createChat({ cwd: home.workDir, backend });
    const use = await home.run(['secret', 'use', 'DEPLOY_TOKEN', chat.id]);
    expect(use.stderr).toBe('The agent of this chat gets: DEPLOY_TOKEN.\n');
    const command = 'printf "it is %s" "$DEPLOY_TOKEN"; printf "\\n"; printf %s "$DEPLOY_TOKEN" | sha256sum';
    turn = await runTurn(client, chat.id, `run: ${command}`, { answer, timeoutMs: 60_000 });
    const said = JSON.stringify([turn.events, turn.deltas]);
    expect(said).toContain(`it is [secret DEPLOY_TOKEN]`);
    expect(said).toContain(sha(value));
    expect(turn.text).toContain('[secret DEPLOY_TOKEN]');
    // Also what a person types, and what the agent repeats of it.
    const told = await runTurn(client, chat.id, `what did I say? ${value}`, { answer, timeoutMs: 60_000 });
    expect(JSON.stringify(told.events)).toContain('[secret DEPLOY_TOKEN]');
    let transcript = '';
    for await (const line of client.transcript(chat.id)) transcript += JSON.stringify(line);
    expectNone(
      [said, JSON.stringify([told.events, told.deltas]), transcript, await dump(), server.program.stderr].join('\n'),
    );
    // Both commands and answers are in what was looked through.
    expect(transcript).toContain(sha(value));
    expect(await dump()).toContain(sha(value));
  }, 120_000);

  // The engines get it in the same way.
  test.runIf(backend === 'claude_sdk')(
    'SECRET-4: another chat has neither it nor what is of another directory',
    async () => {
      const chat = await client.createChat({ cwd: home.workDir, backend });
      const other = await runTurn(client, chat.id, 'run: echo "[$DEPLOY_TOKEN][$DIR_KEY]"', {
        answer,
        timeoutMs: 60_000,
      });
      expect(JSON.stringify(other.events)).toContain('[][]');
    },
    60_000,
  );

  test('SECRET-6: an MCP server gets it where its settings say so, in the directory that it is of', async () => {
    const cwd = join(home.workDir, 'project', 'below', backend);
    await mkdir(cwd, { recursive: true });
    const script = `require('fs').writeFileSync(process.argv[1], require('crypto').createHash('sha256').update(process.env.GIVEN).digest('hex'))`;
    const seen = join(cwd, `seen-${backend}`);
    const servers = { keyed: { command: process.execPath, args: ['-e', script, seen], env: { GIVEN: '${DIR_KEY}' } } };
    await writeFile(join(cwd, '.mcp.json'), JSON.stringify({ mcpServers: servers }));
    const chat = await client.createChat({ cwd, backend, trusted: true });
    await runTurn(client, chat.id, 'stream 2 tokens', { answer, timeoutMs: 60_000 });
    await until(() => existsSync(seen), { what: 'the MCP server', timeoutMs: 20_000 });
    expect(await until(async () => readFile(seen, 'utf8'), { what: 'its variable' })).toBe(sha(ofDirectory));
  }, 60_000);
});

test('SECRET-7: members have their own, and give nobody else’s', async () => {
  const people = await Promise.all(
    (['Ada', 'Bob'] as const).map(async (name) => {
      const person = await client.addPerson({ name, role: 'member' });
      const { token } = await client.createToken({ name: 'x', personId: person.id });
      return { person, client: createClient({ url: server.url, token, clientName: 'test' }) };
    }),
  );
  const [ada, bob] = people as [(typeof people)[0], (typeof people)[0]];
  const hers = await ada.client.setSecret({ name: 'HERS', value: 'only-adas-own-value' });
  const chat = await ada.client.createChat({ cwd: home.workDir });
  expect((await bob.client.listSecrets()).map(({ name }) => name)).toEqual(['DIR_KEY']);
  await expect(bob.client.removeSecret(hers.id)).rejects.toMatchObject({ code: 'not_found' });
  await expect(bob.client.useSecret(chat.id, 'HERS')).rejects.toMatchObject({ code: 'not_found' });
  const dir = { name: 'X_KEY', value: 'long-enough-a-value', directory: home.workDir };
  await expect(bob.client.setSecret(dir)).rejects.toMatchObject({ code: 'forbidden' });
  const [ofDir] = await bob.client.listSecrets();
  await expect(bob.client.removeSecret(ofDir!.id)).rejects.toMatchObject({ code: 'forbidden' });
  expect(await ada.client.useSecret(chat.id, 'HERS')).toMatchObject([{ name: 'HERS', personName: 'Ada' }]);
  // Nobody else's takes its place, and whoever is gone gives nothing any more.
  await client.setSecret({ name: 'HERS', value: 'another-value-of-this-name' });
  await expect(client.useSecret(chat.id, 'HERS')).rejects.toMatchObject({ code: 'invalid_request' });
  await expect(bob.client.dropSecret(chat.id, hers.id)).rejects.toMatchObject({ code: 'not_found' });
  await client.removePerson(ada.person.id);
  expect(await client.listChatSecrets(chat.id)).toEqual([]);
  const { items } = await client.audit({ act: 'setSecret', limit: 50 });
  expect(items.map(({ details }) => details['secret'])).toContain('HERS');
  expect(JSON.stringify(items)).not.toContain('only-adas-own-value');
});

test('SECRET-8: a host without the key starts no chat that needs it, and says what to do; a fresh key opens the rest', async () => {
  const file = join(home.dataDir, 'secrets.key');
  const chat = await client.createChat({ cwd: home.workDir, backend: 'claude_sdk' });
  await client.useSecret(chat.id, 'DEPLOY_TOKEN');
  await rename(file, `${file}.away`);
  const { promptId } = await client.prompt(chat.id, { content: 'stream 2 tokens' });
  const hold = await until(async () => (await client.getChat(chat.id)).hold, {
    what: 'a held prompt',
    timeoutMs: 20_000,
  });
  expect(hold.message).toMatch(/^The secret DEPLOY_TOKEN cannot be read on this host: .*secrets\.key/);
  await client.cancelPrompt(chat.id, promptId);
  // It must not make another key beside the one that was used.
  const setting = client.setSecret({ name: 'NEW_ONE', value: 'long-enough-a-value' });
  await expect(setting).rejects.toMatchObject({ code: 'config_invalid' });
  expect(existsSync(file)).toBe(false);
  const doctor = await home.run(['doctor', '--json'], { timeoutMs: 60_000 });
  expect(JSON.parse(doctor.stdout)).toContainEqual(expect.objectContaining({ name: 'secrets', status: 'fail' }));
  await rename(`${file}.away`, file);
  const before = await readFile(file, 'utf8');
  const rekey = await home.run(['secret', 'rekey', '--json']);
  expect(JSON.parse(rekey.stdout)).toMatchObject({ keyFile: file });
  const [fresh = ''] = (await readFile(file, 'utf8')).split('\n');
  expect(before).not.toContain(fresh);
  await writeFile(file, `${fresh}\n`, { mode: 0o600 });
  const turn = await runTurn(client, chat.id, 'run: printf %s "$DEPLOY_TOKEN" | sha256sum', {
    answer,
    timeoutMs: 60_000,
  });
  expect(JSON.stringify(turn.events)).toContain(sha(value));
  await rm(`${file}.away`, { force: true });
}, 120_000);
