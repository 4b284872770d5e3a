// Where a session's program runs, with the real program and a scripted model.
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InMemorySessionStore } from '@anthropic-ai/claude-agent-sdk';
import { ofType, openSession, runTurn, textIn } from '../../../test/contract/agent-backend.ts';
import { openSdkHarness, type SdkHarness } from '../../../test/support/sdk-harness.ts';
import { startDemoModel } from '../../demo/demo-model.ts';
import { until } from '../../../test/support/until.ts';
import { BooError } from '../../protocol/error.ts';
import type { AgentBody } from '../../protocol/event.ts';
import { behindBridge } from '../sandbox/bridge.ts';
import { temporaryPrefix } from '../process-marks.ts';
import { findBubblewrap, look } from '../sandbox/bubblewrap.ts';
import { sandboxDirectory } from '../sandbox/session-directory.ts';
import { Sandboxes } from './sandboxes.ts';

const settings = { readable: [], writable: [], secretFiles: [] };
const missing = { reason: 'bubblewrap is not installed.', fix: 'Install it.' };

let dataDir: string;
let cwd: string;
beforeAll(async () => {
  dataDir = await realpath(await mkdtemp(join(tmpdir(), 'boocode-data-')));
  cwd = await realpath(await mkdtemp(join(tmpdir(), 'boocode-cwd-')));
});
afterAll(async () => {
  for (const path of [dataDir, cwd]) await rm(path, { recursive: true, force: true });
});

function specOf(chatId: string, told: AgentBody[] = []) {
  const sessionStore = new InMemorySessionStore();
  return { chatId, sessionId: chatId, cwd, sessionStore, onEvent: (event: AgentBody) => void told.push(event) };
}

test('SANDBOX-4: without one, required starts nothing, and preferred says so once in a chat', async () => {
  const of = (mode: 'preferred' | 'required'): Sandboxes =>
    new Sandboxes({ env: {}, dataDir, sandbox: { ...settings, mode }, findBubblewrap: () => missing });
  await expect(of('required').place(specOf('one'))).rejects.toThrow(
    'This chat needs a sandbox, and there is none: bubblewrap is not installed. Install it.',
  );
  const told: AgentBody[] = [];
  const preferred = of('preferred');
  for (const chatId of ['one', 'one', 'two']) {
    expect(await preferred.place(specOf(chatId, told))).toEqual({ env: {}, dataDir });
  }
  expect(told).toHaveLength(2);
  expect(told[0]).toMatchObject({ type: 'notice', level: 'warning', code: 'sandbox_missing' });
  // What a chat asks for is not less than what the server does.
  const spec = { ...specOf('one'), sandbox: 'off' as const };
  await expect(of('required').place(spec)).rejects.toThrow(BooError);
});

test('SANDBOX-4: where there is no sandbox, as on macOS, required starts nothing, also with a bubblewrap', async () => {
  const findMac = () => look('/usr/bin/bwrap', 'darwin');
  const of = (mode: 'preferred' | 'required'): Sandboxes =>
    new Sandboxes({ env: {}, dataDir, sandbox: { ...settings, mode }, findBubblewrap: findMac });
  await expect(of('required').place(specOf('mac'))).rejects.toThrow(
    'This chat needs a sandbox, and there is none: A sandbox needs Linux. Run the server on Linux',
  );
  expect(await of('preferred').place(specOf('mac'))).toEqual({ env: {}, dataDir });
});

test.each(['/', '/etc', '/usr/lib', '/run', tmpdir()])(
  'SANDBOX-3: an agent in a sandbox does not work in %s, which would open it',
  async (place) => {
    const sandboxes = new Sandboxes({
      env: { HOME: '/home/nobody' },
      dataDir,
      sandbox: { ...settings, mode: 'required' },
      findBubblewrap: () => ({ path: '/usr/bin/bwrap' }),
    });
    const spec = { ...specOf('three'), cwd: await realpath(place) };
    await expect(sandboxes.place(spec)).rejects.toThrow(/in a sandbox cannot work in/);
  },
);

test('SANDBOX-5: what a session has left in its directory leads the server nowhere, and holds it up nowhere', async () => {
  const sandboxes = new Sandboxes({
    env: { HOME: '/home/nobody' },
    dataDir,
    sandbox: { ...settings, mode: 'required' },
    findBubblewrap: () => ({ path: '/usr/bin/bwrap' }),
  });
  const { sandbox } = await sandboxes.place(specOf('four'));
  const [config, victim] = [sandbox!.configDir, join(dataDir, 'victim')];
  writeFileSync(victim, 'as it was');
  for (const name of ['.claude.json', 'link']) {
    rmSync(join(config, name), { force: true });
    symlinkSync(victim, join(config, name));
  }
  mkdirSync(join(config, 'projects', 'one'), { recursive: true });
  execFileSync('mkfifo', [join(config, 'projects', 'one', 'four.jsonl')]);
  await sandboxes.place(specOf('four'));
  expect(readFileSync(victim, 'utf8')).toBe('as it was');
  expect(readdirSync(config, { recursive: true })).toEqual(['.claude.json', 'projects', join('projects', 'one')]);
});

test('SANDBOX-9: without a network of its own, or through another proxy, nothing starts', async () => {
  const spec = { ...specOf('five'), sandboxNetwork: 'off' as const };
  const asked: (boolean | undefined)[] = [];
  const sandboxes = new Sandboxes({
    env: { HOME: '/home/nobody' },
    dataDir,
    sandbox: { ...settings, mode: 'required' },
    findBubblewrap(isApart) {
      asked.push(isApart);
      return isApart ? missing : { path: '/usr/bin/bwrap' };
    },
  });
  await expect(sandboxes.place(spec)).rejects.toThrow('there is none: bubblewrap is not installed.');
  expect(asked).toEqual([true]);
  const behindProxy = new Sandboxes({
    env: { HOME: '/home/nobody', https_proxy: 'http://proxy.test' },
    dataDir,
    sandbox: { ...settings, mode: 'required', network: 'limited' },
    findBubblewrap: () => ({ path: '/usr/bin/bwrap' }),
  });
  await expect(behindProxy.place(specOf('six'))).rejects.toThrow('names a proxy (HTTPS_PROXY');
});

test('SANDBOX-9: a bridge that cannot start starts nothing, and says why', () => {
  const { command, args } = behindBridge([70_000], 'echo', ['started']);
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  expect([status, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(/^The network of the sandbox could not be set up: .*70000/);
});

describe.runIf('path' in findBubblewrap())('with the real program', () => {
  let harness: SdkHarness;
  beforeAll(async () => {
    harness = await openSdkHarness({ dataDir, sandbox: { ...settings, mode: 'off' } });
  });
  afterAll(() => harness.close());

  test('SANDBOX-8: what is limited has a network namespace of its own, and what is open has the machine’s', async () => {
    const spaceOf = async (network: 'open' | 'off'): Promise<string> => {
      const env = { HOME: '/home/nobody', PATH: process.env['PATH'] ?? '' };
      const sandboxes = new Sandboxes({ env, dataDir, sandbox: { ...settings, mode: 'required', network } });
      const { sandbox } = await sandboxes.place(specOf(`space-${network}`));
      const { command, args } = sandbox!.wrap('readlink', ['/proc/self/ns/net']);
      try {
        return (await promisify(execFile)(command, args, { env })).stdout.trim();
      } finally {
        await sandbox!.close();
      }
    };
    const ours = readlinkSync('/proc/self/ns/net');
    expect(await spaceOf('open')).toBe(ours);
    const apart = await spaceOf('off');
    expect(apart).toMatch(/^net:\[\d+\]$/);
    expect(apart).not.toBe(ours);
  });

  test('SANDBOX-5: a session goes into a sandbox and out again, and knows everything each time', async () => {
    const first = await openSession(harness);
    const { chatId, sessionId, sessionStore } = first;
    await runTurn(first, 'stream 2 tokens');
    await first.handle.close();
    const again = { chatId, sessionId, sessionStore };
    const directory = sandboxDirectory(dataDir, sessionId);
    expect(existsSync(directory)).toBe(false);

    const inside = await openSession(harness, { ...again, sandbox: 'required' });
    const turn = await runTurn(inside, 'run: ls -a /proc/self/root', { answer: () => ({ outcome: 'allow' }) });
    expect(JSON.stringify(ofType(turn, 'tool_call_update')[0]?.rawOutput)).not.toContain('home');
    await inside.handle.close();
    expect(existsSync(directory)).toBe(true);
    const outside = await openSession(harness, { ...again, sandbox: 'off' });
    expect(textIn(await runTurn(outside, 'what did I say'))).toMatch(/stream 2 tokens[\s\S]*run: ls/);
    await outside.handle.close();
    expect(existsSync(directory)).toBe(false);
  }, 120_000);

  test('SANDBOX-8 SANDBOX-9: with its network off, the program asks its model, through the proxy if that is elsewhere', async () => {
    const model = await startDemoModel();
    const gateway = createServer((asked, response) => {
      const onward = request(model.url + asked.url, {
        method: asked.method,
        headers: { ...asked.headers, host: '127.0.0.1' },
      });
      onward.on('response', (answer) => answer.pipe(response.writeHead(answer.statusCode!, answer.headers)));
      asked.pipe(onward);
    });
    await new Promise<void>((resolve) => void gateway.listen(0, '127.0.0.1', resolve));
    // No address that tools take for their own machine, so that its requests go through the proxy.
    const env = { ANTHROPIC_BASE_URL: `http://0.0.0.0:${(gateway.address() as AddressInfo).port}` };
    const own = await openSdkHarness({ dataDir, env, sandbox: { ...settings, mode: 'required', network: 'off' } });
    try {
      const session = await openSession(own);
      const directories = (): string[] =>
        readdirSync(tmpdir()).filter((name) => join(tmpdir(), name).startsWith(temporaryPrefix()));
      expect(directories()).toHaveLength(1);
      const turn = await runTurn(session, 'run: curl -s http://host.invalid/', {
        answer: () => ({ outcome: 'allow' }),
      });
      expect(JSON.stringify(ofType(turn, 'tool_call_update')[0]?.rawOutput)).toContain('is not among its hosts');
      await session.handle.close();
      await until(() => directories().length === 0);
    } finally {
      await own.close();
      gateway.close();
      await model.close();
    }
  }, 120_000);
});
