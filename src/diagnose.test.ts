import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../test/support/postgres.ts';
import type { Config } from './config.ts';
import { diagnose } from './diagnose.ts';
import type { Finding } from './protocol/finding.ts';

let database: TestDatabase;
let dataDir: string;
beforeAll(async () => {
  database = await createTestDatabase();
  dataDir = await mkdtemp(join(tmpdir(), 'boocode-doctor-'));
});
afterAll(async () => {
  await rm(dataDir, { recursive: true, force: true });
  await database.drop();
});

async function findings(changes: Partial<Config>): Promise<Map<string, Finding>> {
  const config: Config = {
    host: '127.0.0.1',
    port: 9,
    dataDir,
    databaseUrl: database.url,
    token: null,
    publicOrigins: [],
    basePath: '',
    trustedProxies: [],
    proxyHeader: 'x-forwarded-for',
    quotas: {},
    tls: null,
    advertiseUrl: null,
    hostName: null,
    drainMs: 0,
    workspaces: [],
    workspaceRoots: [],
    bypassPermissions: 'allow',
    clones: false,
    idleTimeoutMs: 1,
    startsAtOnce: null,
    agentMemoryBytes: 0,
    reserveMemoryBytes: null,
    quietMs: 10_000,
    agentAnswerMs: 60_000,
    agentStartMs: 60_000,
    modelSilenceMs: 0,
    resumeAtReset: false,
    budgetChatUsd: null,
    budgetDayUsd: null,
    budgetServerUsd: null,
    terminalPassthrough: [],
    logLevel: 'silent',
    logFormat: 'json',
    sdkByDefault: false,
    agentEnv: { HOME: dataDir, ANTHROPIC_API_KEY: 'key' },
    agentEnvNames: [],
    sandbox: 'off',
    sandboxRead: [],
    sandboxWrite: [],
    secretsKeyFile: join(dataDir, 'secrets.key'),
    sandboxNetwork: 'open',
    sandboxHosts: [],
    sandboxDirectories: [],
    singleSignOn: null,
    tokenFile: null,
    ...changes,
  };
  return new Map((await diagnose(config)).map((finding) => [finding.name, finding]));
}

test.each([
  [
    false,
    'New chats run on it (CLAUDE_SDK_BACKEND is off).',
    'Chats that name it run on it (CLAUDE_SDK_BACKEND is off).',
  ],
  [true, 'Chats that name it run on it (CLAUDE_SDK_BACKEND is on).', 'New chats run on it (CLAUDE_SDK_BACKEND is on).'],
])('ROUTE-2: reports both backends, and which one is the default (gate: %s)', async (sdkByDefault, pty, sdk) => {
  const found = await findings({ sdkByDefault });
  for (const name of ['claude', 'terminals', 'login', 'database']) expect(found.get(name)?.status).toBe('ok');
  expect(found.get('claude_pty')).toMatchObject({ status: 'ok', message: `The terminal program works here. ${pty}` });
  expect(found.get('claude_sdk')).toMatchObject({ status: 'ok', message: `The Agent SDK works here. ${sdk}` });
});

test('without a login, both backends say so and what to do', async () => {
  const found = await findings({ agentEnv: { HOME: dataDir } });
  expect(found.get('login')).toMatchObject({
    status: 'warn',
    fix: expect.stringContaining('boocode login') as string,
  });
  for (const name of ['claude_pty', 'claude_sdk']) {
    expect(found.get(name)).toMatchObject({ status: 'warn', fix: 'See login.' });
  }
});

test('AGENT-13: reports which provider agents use and which variables they get, without values', async () => {
  const agentEnv = { HOME: dataDir, CLAUDE_CODE_USE_BEDROCK: '1', AWS_SECRET_ACCESS_KEY: 'the-secret', PATH: '/bin' };
  const all = await findings({ agentEnv });
  expect(all.get('provider')?.message).toBe('Requests go to Amazon Bedrock.');
  const plain = all.get('agents get');
  expect(plain).toMatchObject({
    status: 'ok',
    message: expect.stringMatching(
      /^Agents get: AWS_SECRET_ACCESS_KEY, CLAUDE_CODE_USE_BEDROCK, HOME, PATH\. .*SSH_AUTH_SOCK/,
    ) as string,
  });
  const HTTPS_PROXY = 'http://me:the-secret@proxy.example:3128';
  const warned = (await findings({ agentEnv: { ...agentEnv, HTTPS_PROXY } })).get('agents get');
  expect(warned).toMatchObject({
    status: 'warn',
    message: expect.stringMatching(/in HTTPS_PROXY contains a password/) as string,
  });
  expect(JSON.stringify([plain, warned])).not.toContain('the-secret');
});

test('HOST-17: reports which of the mapped directories are here, and whether git is', async () => {
  const PATH = process.env['PATH'] ?? '';
  const agentEnv = { HOME: dataDir, PATH, ANTHROPIC_API_KEY: 'key' };
  const mappings = [
    { from: '/home/a', to: '/' },
    { from: '/home/b', to: join(dataDir, 'none') },
  ];
  const about = async (changes: Partial<Config>) => (await findings({ agentEnv, ...changes })).get('workspaces');
  expect(await about({})).toBeUndefined();
  expect(await about({ workspaces: mappings.slice(0, 1) })).toMatchObject({ status: 'ok', message: 'Here: /home/a.' });
  expect(await about({ workspaces: mappings })).toMatchObject({
    status: 'warn',
    message: `Here: /home/a; not here: ${join(dataDir, 'none')}.`,
  });
  expect(await about({ workspaces: mappings.slice(1), clones: true })).toMatchObject({
    status: 'ok',
    message: `None of the mapped directories is here; not here: ${join(dataDir, 'none')}. What is not here is cloned.`,
  });
  expect(await about({ clones: true, agentEnv: { ...agentEnv, PATH: dataDir } })).toMatchObject({
    status: 'fail',
    fix: 'Install git.',
  });
});

test('DATA-24: a database that may lose what it has acknowledged is a warning, with what to set', async () => {
  const [row] = await database.sql<{ name: string }[]>`select current_database() as name`;
  await database.sql.unsafe(`alter database ${row!.name} set synchronous_commit = off`);
  try {
    const found = (await findings({})).get('database');
    expect(found).toMatchObject({
      status: 'warn',
      message: expect.stringContaining('(synchronous_commit = off)') as string,
    });
    expect(found?.fix).toContain('Set synchronous_commit to on');
  } finally {
    await database.sql.unsafe(`alter database ${row!.name} reset synchronous_commit`);
  }
});
