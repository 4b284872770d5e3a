/** `boocode attach` as a person uses it: the real program in a real terminal, attached to a stand-in for the agent's. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import xterm from '@xterm/headless';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openAgentTerminal } from '../../src/agents/agent-process.ts';
import { loadPseudoTerminals, type PseudoTerminal } from '../../src/terminal/pseudo-terminal.ts';
import { TerminalHub } from '../../src/terminal/terminal-hub.ts';
import { type HttpServer, listen } from '../../src/http/server.ts';
import { createTestApp, type TestApp, testToken } from '../support/test-app.ts';
import { until } from '../support/until.ts';

const program = resolve(process.env['BOOCODE_TEST_PROGRAM'] ?? 'dist/cli/boocode.js');
const path = { PATH: process.env['PATH'] ?? '', LANG: 'C.UTF-8' };
const terminals: PseudoTerminal[] = [];
let app: TestApp;
let server: HttpServer;
let hub: TerminalHub;
let chatId: string;

beforeEach(async () => {
  await loadPseudoTerminals();
  app = createTestApp();
  server = await listen(app.app, { host: '127.0.0.1', port: 0, log: app.log });
  ({ id: chatId } = await app.chats.createChat({ cwd: '/tmp' }));
  hub = new TerminalHub();
  app.chats.setTerminal(chatId, hub);
});
afterEach(async () => {
  for (const pty of terminals.splice(0)) {
    pty.kill('SIGKILL');
    await pty.exited;
  }
  await server.close();
});

function open(command: string, args: string[], env: Record<string, string> = {}): PseudoTerminal {
  const size = { columns: 80, rows: 24 };
  const pty = openAgentTerminal(command, args, { cwd: '/', env: { ...path, ...env }, size });
  terminals.push(pty);
  return pty;
}

/** Stands in for the agent's program: it is full-screen, switches every mode on, and prints what it reads and its size. */
function startAgent(): PseudoTerminal {
  const pty = open(process.execPath, [
    '-e',
    `process.stdin.setRawMode(true);
     process.stdout.write('\\x1b[?1049h\\x1b[2J\\x1b[H\\x1b[?2004h\\x1b[?1002h\\x1b[?1006h\\x1b[?1004h\\x1b[?25l\\x1b[>1u\\x1b[2 q');
     const size = () => process.stdout.write('\\x1b[2;1Hsize ' + process.stdout.getWindowSize().join('x') + '.');
     process.stdout.on('resize', size); size();
     process.stdin.on('data', (data) => process.stdout.write('\\x1b[4;1Hread ' + JSON.stringify(String(data)) + '\\x1b[K'
       + (data[0] === 2 ? '\\x1b[40;1Hthe last line' : '') + (data[0] === 4 ? '\\x1b[?2004l' : '')));
     process.stdout.write('\\x1b[1;1Hagent here');`,
  ]);
  hub.connect(pty);
  return pty;
}

const env = (): Record<string, string> => ({ BOOCODE_URL: server.url, BOOCODE_TOKEN: testToken, HOME: '/nonexistent' });

interface Attached {
  pty: PseudoTerminal;
  /** All output that the person's terminal received. */
  text(): string;
  /** The lines on the person's screen now. */
  lines(): Promise<string[]>;
  screen: InstanceType<typeof xterm.Terminal>;
  pid(): Promise<number>;
  /** The terminal's settings before and after, as stty prints them. */
  settings(): Promise<[string, string]>;
}

/** A shell in a terminal that runs `boocode attach` and then shows the terminal's settings. */
function attach(...flags: string[]): Attached {
  const script = `
    echo "before {$(stty -a)}"
    sh -c 'echo "pid $$."; exec "$@"' sh "$@"
    echo "left with $?."
    i=0; while [ $i -lt 100 ] && ! stty -a | grep -q ' icanon'; do sleep 0.05; i=$((i + 1)); done
    echo "after {$(stty -a)}"`;
  const pty = open('sh', ['-c', script, 'sh', process.execPath, program, 'attach', chatId, ...flags], env());
  const screen = new xterm.Terminal({ cols: 80, rows: 24, allowProposedApi: true, scrollback: 1000 });
  let text = '';
  pty.onData((data) => {
    text += Buffer.from(data).toString();
    screen.write(data);
  });
  return {
    pty,
    screen,
    text: () => text,
    async lines() {
      await new Promise<void>((done) => screen.write('', done));
      const { active } = screen.buffer;
      return Array.from({ length: 24 }, (_, row) => active.getLine(active.baseY + row)?.translateToString(true) ?? '');
    },
    pid: async () => Number(await until(() => /pid (\d+)\./.exec(text)?.[1])),
    async settings() {
      const both = await until(() => /before \{([^}]*)\}[^]*after \{([^}]*)\}/.exec(text), { timeoutMs: 20_000 });
      // The size may have changed legitimately.
      const [before = '', after = ''] = both.slice(1).map((each) => each.replace(/rows \d+; columns \d+;/, ''));
      return [before, after];
    },
  };
}

const sees = (attached: Attached, wanted: string): Promise<unknown> =>
  until(async () => (await attached.lines()).some((line) => line.includes(wanted)), {
    what: `"${wanted}" in the terminal`,
    timeoutMs: 20_000,
  });

/** The person's terminal is restored: main screen, no modes on, cursor visible, settings as before. */
async function isRestored(attached: Attached): Promise<void> {
  const [before, after] = await attached.settings();
  expect(after).toBe(before);
  await until(() => attached.text().includes('\x1b[?1006l'));
  await attached.lines();
  const { modes, buffer } = attached.screen;
  expect(buffer.active.type).toBe('normal');
  expect(modes).toEqual(new xterm.Terminal({ allowProposedApi: true }).modes);
  const core = (attached.screen as unknown as { _core: { coreService: { isCursorHidden: boolean } } })._core;
  expect(core.coreService.isCursorHidden).toBe(false);
  const end = attached.text().slice(attached.text().lastIndexOf('agent here'));
  for (const undo of ['\x1b[?1006l', '\x1b[=0;1u', '\x1b[0 q', '\x1b[23;0t']) expect(end).toContain(undo);
}

describe('TERM-8: boocode attach', () => {
  test('shows the screen, sends what is typed, follows the size, and detaches with its key', async () => {
    const agent = startAgent();
    await until(() => hub.viewerCount === 0);
    const attached = attach();
    await sees(attached, 'agent here');
    expect((await attached.lines())[0]).toBe('agent here');
    expect(attached.text()).toContain('Ctrl-] leaves it');
    await sees(attached, 'size 80x24.');
    attached.pty.write('hello\x03');
    await sees(attached, String.raw`read "hello\u0003"`);
    attached.screen.resize(100, 30);
    attached.pty.resize({ columns: 100, rows: 30 });
    await sees(attached, 'size 100x30.');
    attached.pty.write('last\x1dnot typed');
    await until(() => attached.text().includes('left with 0.'));
    expect(attached.text()).toContain('Left the terminal.');
    await isRestored(attached);
    await until(() => hub.viewerCount === 0);
    // The agent continues, and has read what was typed before the key.
    const again = attach();
    await sees(again, 'read "last"');
    again.pty.write('\x1b[93;5u');
    await until(() => again.text().includes('left with 0.'));
    agent.kill('SIGKILL');
  });

  test('TERM-10: treats a paste as text: an end-of-paste sequence and the detach key do nothing in it', async () => {
    const agent = startAgent();
    const attached = attach();
    await sees(attached, 'agent here');
    // As sent by a terminal that filters nothing.
    attached.pty.write('\x1b[200~one\x1b[201~\r!two\x1d\x03\x1b[201~');
    await sees(attached, String.raw`read "\u001b[200~one␛[201~\n!two␝␃\u001b[201~"`);
    // A program without bracketed paste gets no Enter from a paste, and the person's terminal still brackets it.
    hub.write('\x04');
    await until(() => attached.text().endsWith('\x1b[?2004h'));
    attached.pty.write('\x1b[200~three\rfour\r\x1b[201~');
    await sees(attached, 'read "three four"');
    expect(attached.text()).not.toContain('left with');
    attached.pty.write('\x1d');
    await until(() => attached.text().includes('left with 0.'));
    await isRestored(attached);
    agent.kill('SIGKILL');
  });

  test('accepts another detach key', async () => {
    startAgent();
    const attached = attach('--detach-key', 'ctrl-q');
    await sees(attached, 'agent here');
    attached.pty.write('\x1d');
    await sees(attached, String.raw`read "\u001d"`);
    attached.pty.write('\x11');
    await until(() => attached.text().includes('left with 0.'));
    expect(attached.text()).toContain('Ctrl-Q leaves it');
  });

  test('watches with --read-only, without typing or changing the size', async () => {
    startAgent();
    const attached = attach('--read-only');
    await sees(attached, 'agent here');
    attached.pty.write('not typed');
    hub.write('typed');
    await sees(attached, 'read "typed"');
    expect((await attached.lines())[0]).toBe('agent here');
    expect(hub.size).toEqual({ columns: 120, rows: 40 });
    // The agent's terminal is larger than this one, which shows the part around the cursor.
    hub.write('\x02');
    await sees(attached, 'the last line');
    const other = hub.attach({ canWrite: true, size: { columns: 60, rows: 10 } });
    await sees(attached, 'size 60x10.');
    other.close();
    attached.pty.write('\x1d');
    await until(() => attached.text().includes('left with 0.'));
  });

  test('says why it ends when the terminal ends', async () => {
    startAgent();
    const attached = attach();
    await sees(attached, 'agent here');
    hub.end('The program has ended.');
    await until(() => attached.text().includes('left with 0.'));
    expect(attached.text()).toContain('The terminal has ended: The program has ended.');
    await isRestored(attached);
  });

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGKILL', 'SIGQUIT'] as const)(
    'restores the terminal even when %s ends it',
    async (signal) => {
      startAgent();
      const attached = attach();
      await sees(attached, 'agent here');
      process.kill(await attached.pid(), signal);
      await until(() => attached.text().includes('left with '));
      expect(attached.text()).not.toContain('left with 0.');
      await isRestored(attached);
      await until(() => hub.viewerCount === 0);
    },
  );

  test('reconnects when the server returns after an outage', async () => {
    startAgent();
    const attached = attach();
    await sees(attached, 'agent here');
    const { port } = server;
    await server.close();
    await until(() => attached.text().includes('The server is unreachable'));
    server = await listen(app.app, { host: '127.0.0.1', port, log: app.log });
    await until(() => hub.viewerCount === 1, { timeoutMs: 60_000 });
    attached.pty.write('back');
    await sees(attached, 'read "back"');
    expect((await attached.lines())[0]).toBe('agent here');
    attached.pty.write('\x1d');
    await until(() => attached.text().includes('left with 0.'));
    await isRestored(attached);
  });

  test('detaches with its key even while the server is unreachable', async () => {
    startAgent();
    const attached = attach();
    await sees(attached, 'agent here');
    await server.close();
    await until(() => attached.text().includes('The server is unreachable'));
    attached.pty.write('\x1d');
    await until(() => attached.text().includes('left with 0.'));
    expect(attached.text()).toContain('Left the terminal.');
    await isRestored(attached);
  });

  test('accepts 10 MB of input completely', async () => {
    const reader = open(process.execPath, [
      '-e',
      `process.stdin.setRawMode(true); let n = 0; process.stdout.write('agent here\\r\\n');
       process.stdin.on('data', (data) => { n += data.length; if (n >= 10_000_000) process.stdout.write('got ' + n + '\\r\\n') })`,
    ]);
    hub.connect(reader);
    const attached = attach();
    await sees(attached, 'agent here');
    attached.pty.write('x'.repeat(10_000_000));
    await until(async () => (await attached.lines()).some((line) => line.includes('got 10000000')), {
      timeoutMs: 60_000,
    });
    expect(attached.text()).toContain('got 10000000');
  }, 120_000);

  test.each([
    [
      'a chat without a terminal',
      async () => (await app.chats.createChat({ cwd: '/tmp' })).id,
      'This chat has no terminal.',
    ],
    ['a chat that is not there', async () => '11111111-1111-4111-8111-111111111111', 'does not exist'],
  ])('reports %s in one sentence, and does not touch the terminal', async (_what, id, sentence) => {
    chatId = await id();
    const attached = attach();
    await until(() => attached.text().includes('left with 1.'));
    expect(attached.text()).toContain(sentence);
    expect(attached.text()).not.toContain('\x1b[22;0t');
  });

  test('says so if it does not run in a terminal', async () => {
    const child = spawn(process.execPath, [program, 'attach', chatId], { env: { ...path, ...env() }, stdio: 'pipe' });
    let text = '';
    child.stderr.on('data', (data) => (text += String(data)));
    child.stdin.end();
    const [code] = (await once(child, 'close')) as [number];
    expect([code, text]).toEqual([1, expect.stringMatching(/^error: attach needs a terminal[^\n]*\n$/)]);
  });
});
