// A hostile agent against a server of its own: on each engine in a sandbox, where all of it has to fail, and without one, which
// shows that the attacks are real. Its list is `test/support/hostile-agent.mjs`.
import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { createSocket } from 'node:dgram';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findBubblewrap } from '../../src/agents/sandbox/bubblewrap.ts';
import type { BooClient } from '../../src/client/client.ts';
import { type DemoModel, startDemoModel } from '../../src/demo/demo-model.ts';
import { initRepository } from '../support/git-repository.ts';
import { processesNaming } from '../support/processes.ts';
import { openProgramHome, type ProgramHome, type ServerProgram } from '../support/program.ts';
import { readLog, runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

// Where it is skipped, `.ci/run` and `boocode doctor` say why.
const canRun = 'path' in findBubblewrap();

const secret = 'marker-of-a-secret-4f1c';
const mark = `mark-${randomUUID().slice(0, 8)}`;
const ofTmp = `/tmp/boocode-${mark}`;
const modelKey = 'sk-demo-0000000000000000';
const hostMark = `of-the-machine-${mark}`;

const portOf = (server: Server): number => (server.address() as AddressInfo).port;
const listen = (server: Server, where: object): Promise<void> =>
  new Promise((resolve, reject) => server.once('error', reject).listen(where, resolve));

describe.runIf(canRun)('a hostile agent', () => {
  let model: DemoModel;
  let home: ProgramHome;
  let server: ServerProgram;
  let secretFile: string;
  /** Of another chat, which waits for an answer all the time. */
  let otherWorkspace: string;
  let decisionId: string;
  /** What an agent without limits reaches on this machine: named for those with limits, and not. */
  const named = createHttpServer((_, response) => response.end('named'));
  const unnamed = createHttpServer((_, response) => response.end(hostMark));
  const abstract = createServer((socket) => socket.end());
  const udp = createSocket('udp6', (message, { port, address }) => udp.send(message, port, address));

  beforeAll(async () => {
    model = await startDemoModel();
    await Promise.all([listen(named, { port: 0, host: '127.0.0.1' }), listen(unnamed, { port: 0, host: '::' })]);
    await listen(abstract, { path: `\0${mark}` });
    await new Promise<void>((resolve) => udp.bind(0, '::', resolve));
    home = await openProgramHome({
      env: {
        CLAUDE_SDK_BACKEND: '1',
        BOOCODE_LOG_LEVEL: 'error',
        ANTHROPIC_BASE_URL: model.url,
        ANTHROPIC_API_KEY: modelKey,
        PGPASSWORD: secret,
        // A name that stands for this machine opens nothing on it.
        BOOCODE_SANDBOX_HOSTS: `allowed.invalid:*,localhost:*,127.0.0.1:${portOf(named)}`,
      },
    });
    for (const path of ['.ssh', '.claude']) await mkdir(join(home.home, path));
    await writeFile(join(home.home, '.ssh', 'id_test'), secret);
    await writeFile(join(home.home, '.claude', 'settings.json'), JSON.stringify({ env: { MARK: 'of-the-user' } }));
    secretFile = join(home.home, 'a-token');
    await writeFile(secretFile, secret);
    server = await home.serve('serve');
    otherWorkspace = join(home.workDir, 'other');
    await mkdir(otherWorkspace);
    await writeFile(join(otherWorkspace, 'secret'), secret);
    decisionId = await openQuestion(server.client);
  });
  afterAll(async () => {
    rmSync(ofTmp, { force: true });
    await home.remove();
    await model.close();
    for (const server of [named, unnamed, abstract]) server.close();
    udp.close();
  });

  async function openQuestion(client: BooClient): Promise<string> {
    const { id } = await client.createChat({ cwd: otherWorkspace, sandbox: 'required', backend: 'claude_sdk' });
    await client.prompt(id, { content: 'run: touch asked' });
    return until(
      async () => {
        const asked = (await readLog(client, id)).find((event) => event.type === 'decision_requested');
        return asked?.type === 'decision_requested' && asked.decisionId;
      },
      { what: 'a question of another chat', timeoutMs: 30_000 },
    );
  }

  interface Report {
    attacks: Record<string, boolean>;
    uses: Record<string, boolean>;
  }

  let count = 0;
  async function attack(
    backend: string,
    sandbox: 'off' | 'required',
    sandboxNetwork: 'open' | 'limited' = 'open',
  ): Promise<{ report: Report; workspace: string; id: string }> {
    const { client, url, program } = server;
    count += 1;
    const workspace = join(home.workDir, `of-${count}`);
    await mkdir(workspace);
    initRepository(workspace);
    await cp('test/support/hostile-agent.mjs', join(workspace, 'build.mjs'));
    const targets = {
      dataDir: home.dataDir,
      home: home.home,
      hostPid: program.identity.pid,
      url,
      secret,
      mark,
      modelKey,
      secretFile,
      otherWorkspace,
      sandboxes: join(home.dataDir, 'sandboxes'),
      socket: join(realpathSync(join(home.dataDir, 'postgres', 'socket')), '.s.PGSQL.5432'),
      decisionId,
      ofTmp,
      isSandboxed: sandbox === 'required',
      isLimited: sandboxNetwork === 'limited',
      hostMark,
      hostPort: portOf(unnamed),
      udpPort: udp.address().port,
      named: portOf(named),
      abstract: mark,
      seconds: `9760${count}.5`,
    };
    await writeFile(join(workspace, 'targets.json'), JSON.stringify(targets));
    const { id } = await client.createChat({ cwd: workspace, sandbox, sandboxNetwork, backend });
    const turn = await runTurn(client, id, `run: ${process.execPath} build.mjs`, {
      answer: () => ({ outcome: 'allow' }),
      timeoutMs: 120_000,
    });
    expect(turn.finished.outcome).toBe('completed');
    const report = JSON.parse(
      await readFile(join(workspace, 'report.json'), 'utf8').catch(() => {
        throw new Error(`It did not report: ${JSON.stringify(turn.events)}`);
      }),
    ) as Report;
    return { report, workspace, id };
  }

  const achieved = (tried: Record<string, boolean>): string[] => Object.keys(tried).filter((name) => tried[name]);

  test.each([
    ['claude_sdk', 'open'],
    ['claude_pty', 'limited'],
  ] as const)(
    'SANDBOX-2 SANDBOX-3 SANDBOX-7 SANDBOX-8: on %s every attempt fails in a sandbox with a network that is %s, and work goes on',
    async (backend, network) => {
      const { report, workspace, id } = await attack(backend, 'required', network);
      expect(achieved(report.attacks)).toEqual([]);
      expect(Object.keys(report.uses).filter((name) => !report.uses[name])).toEqual([]);
      expect(Object.keys(report.attacks).length).toBeGreaterThan(50);
      // Of what it was refused, the chat tells; the program has asked for nothing.
      const refused = (await readLog(server.client, id)).filter(
        (event) => event.type === 'notice' && event.code === 'host_refused',
      );
      expect(refused.length > 5).toBe(network === 'limited');
      expect(JSON.stringify(refused)).not.toMatch(/claude|anthropic|github/);
      // What it has written is nowhere else.
      for (const path of ['.bashrc', '.profile']) expect(existsSync(join(home.home, path))).toBe(false);
      for (const path of [ofTmp, `/var/tmp/boocode-${mark}`]) expect(existsSync(path)).toBe(false);
      expect(readFileSync(join(workspace, '.git', 'config'), 'utf8')).not.toContain(mark);
      expect(readdirSync(join(workspace, '.git', 'hooks'))).not.toContain('post-checkout');
      // It continues where it was, and its session knows what was said.
      const again = await runTurn(server.client, id, 'what did I say');
      expect(again.text).toContain('build.mjs');
    },
    180_000,
  );

  test('SANDBOX-2 SANDBOX-7: the same attempts succeed without a sandbox', async () => {
    const { report } = await attack('claude_sdk', 'off');
    expect(achieved(report.attacks)).toEqual(
      expect.arrayContaining([
        'the token, by its file',
        'the password of the database',
        'the socket of the database',
        'the environment of the server',
        'a signal to the server',
        'another chat’s files',
        'another chat’s transcript',
        'a key in the home directory',
        'a hook of git',
        'the configuration of git',
      ]),
    );
    // Without the token nobody answers for anybody.
    expect(achieved(report.attacks).filter((name) => /API|question|name$|signing/.test(name))).toEqual([]);
  }, 120_000);

  test('SANDBOX-6: what a sandbox contains ends with the host, even if that is killed', async () => {
    const left = (): string[] => [1, 2].flatMap((n) => processesNaming(`9760${n}.5`)).map(({ command }) => command);
    expect(left()).toHaveLength(2);
    server.program.kill('SIGKILL');
    await server.program.ended();
    await until(
      () =>
        left().length === 0 &&
        processesNaming(home.dataDir).filter(({ command }) => /bwrap|claude/.test(command)).length === 0,
      {
        timeoutMs: 10_000,
        what: 'the end of all that was in a sandbox',
      },
    );
  }, 60_000);
});
