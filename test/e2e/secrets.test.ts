import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DemoModel, startDemoModel } from '../../src/demo/demo-model.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { markOf, processesWith } from '../support/processes.ts';
import { openProgramHome, type ProgramHome, type ServerProgram } from '../support/program.ts';
import { call } from '../support/server.ts';
import { readLog, runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

/** Where `/proc` shows who listens. */
const isLinux = process.platform === 'linux';
const token = 'tok-0123456789-abcdefghijklmnop-0123456789';

let model: DemoModel;
let database: TestDatabase;
let home: ProgramHome;
let server: ServerProgram;

beforeAll(async () => {
  model = await startDemoModel();
  database = await createTestDatabase();
  home = await openProgramHome({
    env: {
      BOOCODE_TOKEN: token,
      BOOCODE_LOG_LEVEL: 'debug',
      DATABASE_URL: database.url,
      PGPASSWORD: 'another-secret-of-the-server',
      CLAUDE_SDK_BACKEND: '1',
      ANTHROPIC_BASE_URL: model.url,
      ANTHROPIC_API_KEY: 'sk-demo-0000000000000000',
      // Credentials that are not the model provider's, so agents must not get them.
      AWS_SECRET_ACCESS_KEY: 'aws-secret-of-the-operator',
      GITHUB_TOKEN: 'git-secret-of-the-operator',
      SSH_AUTH_SOCK: '/run/agent-of-the-operator',
    },
  });
  server = await home.serve('serve', [], { BOOCODE_TOKEN: token });
});
afterAll(async () => {
  await home.remove();
  await database.drop();
  await model.close();
});

test('ACCESS-6 AGENT-5: neither the token nor the password is in a log line, an event, a file or an agent', async () => {
  const { client, url, program } = server;
  const password = decodeURIComponent(new URL(database.url).password);
  expect(password.length).toBeGreaterThan(8);
  const secrets = [token, password, database.url, 'another-secret-of-the-server', 'of-the-operator'];
  const secretsIn = (text: string): string[] => secrets.filter((secret) => text.includes(secret));

  const chat = await client.createChat({ cwd: home.workDir });
  // A command sees the environment of its agent.
  const turn = await runTurn(client, chat.id, 'run: env | sort', { answer: () => ({ outcome: 'allow' }) });
  expect(JSON.stringify(turn.events)).toContain('PATH=');
  await runTurn(client, chat.id, 'fail 403');
  await call({ url, token: `${token}x` }, 'GET', '/v1/chats');
  await call({ url, token }, 'GET', `/v1/chats?token=${token}`);
  await call({ url, token: '' }, 'POST', '/v1/sign-in', { body: { code: token } });
  await call({ url, token }, 'POST', '/v1/chats', { raw: `{"token":"${token}"` });

  const agents = processesWith(markOf(program.identity));
  expect(agents.length).toBeGreaterThan(0);
  for (const agent of agents) {
    expect(secretsIn(agent.environ.join('\n'))).toEqual([]);
    expect(secretsIn(agent.command)).toEqual([]);
    expect(agent.environ.filter((entry) => /^(BOOCODE_TOKEN|DATABASE_URL|PG)/.test(entry))).toEqual([]);
  }
  expect(secretsIn(JSON.stringify(await readLog(client, chat.id)))).toEqual([]);
  expect(secretsIn(JSON.stringify(model.requests))).toEqual([]);
  const entries = await database.sql`select entry::text from boocode.claude_session_entries`;
  expect(entries.length).toBeGreaterThan(0);
  expect(secretsIn(JSON.stringify(entries))).toEqual([]);

  program.kill('SIGTERM');
  expect(await program.ended()).toEqual({ code: 0, signal: null });
  expect(program.stderr).toContain('"level":20');
  expect(secretsIn(program.stdout + program.stderr)).toEqual([]);
  const files = [...filesBelow(home.home), ...filesBelow(home.dataDir)];
  expect(files.length).toBeGreaterThan(0);
  expect(files.filter((path) => secretsIn(readFileSync(path, 'utf8')).length > 0)).toEqual([]);
});

/** Empty if the directory is missing: a server removes a data directory into which it has put nothing. */
function filesBelow(directory: string): string[] {
  if (!existsSync(directory)) return [];
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  return names.map((name) => join(directory, name)).filter((path) => statSync(path).isFile());
}

test('ACCESS-6: a first start creates a 256-bit token, readable by its owner only, and never prints it', async () => {
  const own = await openProgramHome({ env: { DATABASE_URL: database.url, BOOCODE_LOG_LEVEL: 'debug' } });
  try {
    const started = await own.serve('serve');
    expect(statSync(join(own.dataDir, 'token')).mode & 0o777).toBe(0o600);
    expect(statSync(own.dataDir).mode & 0o777).toBe(0o700);
    expect(Buffer.from(started.token, 'base64url')).toHaveLength(32);
    await started.client.info();
    started.program.kill('SIGTERM');
    await started.program.ended();
    expect(started.program.stdout + started.program.stderr).not.toContain(started.token);
  } finally {
    await own.remove();
  }
});

test.each(['claude_sdk', 'claude_pty'] as const)(
  'AGENT-13 AGENT-14 AGENT-15: on %s an agent sees no key and no token file, and cannot work in or above the data directory',
  async (backend) => {
    const own = await openProgramHome({
      usualDataDir: 'boocode',
      env: {
        DATABASE_URL: database.url,
        ANTHROPIC_BASE_URL: model.url,
        ANTHROPIC_API_KEY: 'sk-demo-0000000000000000',
        AWS_SECRET_ACCESS_KEY: 'aws-secret-of-the-operator',
        SSH_AUTH_SOCK: '/run/agent-of-the-operator',
      },
    });
    try {
      const { client, url, token: made, program } = await own.serve('serve');
      const chat = await client.createChat({ cwd: own.workDir, backend });
      const turn = await runTurn(client, chat.id, 'run: env', { answer: () => ({ outcome: 'allow' }) });
      expect(turn.finished.outcome).toBe('completed');
      const [agent] = processesWith(markOf(program.identity));
      for (const seen of [JSON.stringify(turn.events), agent!.environ.join('\n')]) {
        expect(seen).toContain('ANTHROPIC_BASE_URL=');
        expect(seen).not.toMatch(/sk-demo-0|of-the-operator/);
      }
      const read = await runTurn(client, chat.id, `read ${own.dataDir}/token`);
      expect(JSON.stringify(read.events)).toMatch(/denied/);
      expect(JSON.stringify([read.events, model.requests]).includes(made)).toBe(false);

      for (const cwd of [own.home, own.dataDir]) {
        const refused = { code: 'cwd_invalid', message: expect.stringContaining('data directory') as string };
        await expect(client.createChat({ cwd, backend })).rejects.toMatchObject(refused);
      }
      const chatAtHome = await own.run(['chat', 'hello'], { cwd: own.home, env: { BOOCODE_URL: url } });
      expect(chatAtHome.code).not.toBe(0);
      expect(chatAtHome.stderr).toMatch(/cwd: .* holds the server’s data directory .*choose a directory further down/);
    } finally {
      await own.remove();
    }
  },
);

test.runIf(isLinux)('CLI-3: a server that is not a demo has no demo model, and connects to none', async () => {
  const own = await openProgramHome({
    env: {
      DATABASE_URL: database.url,
      CLAUDE_SDK_BACKEND: '1',
      ANTHROPIC_BASE_URL: model.url,
      ANTHROPIC_API_KEY: 'k',
    },
  });
  try {
    const { client, program } = await own.serve('serve');
    expect((await client.info()).demo).toBe(false);
    expect(listeningPorts(program.identity.pid)).toHaveLength(1);
    const asked = model.requests.length;
    const chat = await client.createChat({ cwd: own.workDir });
    await runTurn(client, chat.id, 'who are you');
    // The turn went where the operator sent it, and the server still listens on its own port only.
    expect(model.requests.length).toBeGreaterThan(asked);
    expect(listeningPorts(program.identity.pid)).toHaveLength(1);
    expect(program.stderr).toContain('"demo":false');
    expect(program.stderr.replaceAll('"demo":false', '')).not.toContain('demo');

    const demo = await own.serve('demo');
    await until(() => demo.program.stderr.includes('scripted demo model'));
    expect((await demo.client.info()).demo).toBe(true);
    const before = model.requests.length;
    const other = await demo.client.createChat({ cwd: own.workDir });
    expect((await runTurn(demo.client, other.id, 'who are you')).text).toContain('scripted demo model');
    // A demo reaches its own model only, whatever the environment says.
    expect(model.requests.length).toBe(before);
    expect(listeningPorts(demo.program.identity.pid)).toHaveLength(2);
  } finally {
    await own.remove();
  }
});

/** The TCP ports on which a process listens, according to Linux. */
function listeningPorts(pid: number): number[] {
  const listening = ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'latin1')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === '0A'),
  );
  const own = new Set(readdirSync(`/proc/${pid}/fd`).flatMap((fd) => socketOf(`/proc/${pid}/fd/${fd}`)));
  return listening
    .filter((fields) => own.has(fields[9] ?? ''))
    .map((fields) => Number.parseInt(fields[1]?.split(':')[1] ?? '', 16));
}

function socketOf(link: string): string[] {
  try {
    return [/^socket:\[(\d+)\]$/.exec(readlinkSync(link))?.[1] ?? ''];
  } catch {
    return []; // Closed meanwhile.
  }
}
