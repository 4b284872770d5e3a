import { stripVTControlCharacters } from 'node:util';
import xterm from '@xterm/headless';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../test/support/until.ts';
import { BooError } from '../protocol/error.ts';
import type { TerminalSize } from '../protocol/terminal.ts';
import type { TerminalFrame, TerminalViewer } from './agent-terminal.ts';
import { openAgentTerminal } from '../agents/agent-process.ts';
import { loadPseudoTerminals, type PseudoTerminal } from './pseudo-terminal.ts';
import { TerminalHub, type TerminalHubOptions } from './terminal-hub.ts';

const env = { PATH: process.env['PATH'] ?? '', LANG: 'C.UTF-8' };
const started: PseudoTerminal[] = [];

beforeAll(async () => {
  await loadPseudoTerminals();
});
afterEach(async () => {
  for (const pty of started.splice(0)) {
    pty.kill('SIGKILL');
    pty.resume();
    await pty.exited;
  }
});

function run(hub: TerminalHub, command: string, args: string[]): PseudoTerminal {
  const pty = openAgentTerminal(command, args, { cwd: '/', env, size: hub.size });
  started.push(pty);
  hub.connect(pty);
  return pty;
}

/** A program in Node with its terminal in raw mode; it says `ready`. */
function runScript(hub: TerminalHub, script: string): PseudoTerminal {
  return run(hub, process.execPath, [
    '-e',
    `process.stdin.setRawMode?.(true); setInterval(() => {}, 1e6); ${script}; console.log('ready');`,
  ]);
}

/** A viewer with its own terminal: draws what it gets, and acknowledges it unless it is stalled. */
class Watching {
  readonly viewer: TerminalViewer;
  readonly kinds: string[] = [];
  text = '';
  outputBytes = 0;
  screens = 0;
  ended: string | undefined;
  size: TerminalSize | undefined;
  stalled = false;
  readonly #terminal = new xterm.Terminal({ allowProposedApi: true, scrollback: 1000 });

  constructor(hub: TerminalHub, options: { size?: TerminalSize; canWrite?: boolean; stalled?: boolean } = {}) {
    this.viewer = hub.attach({ size: options.size, canWrite: options.canWrite ?? true });
    this.stalled = options.stalled ?? false;
    // Like a real terminal: its answers go to the program.
    this.#terminal.onData((data) => this.viewer.write(Buffer.from(data)));
    void this.#watch();
  }

  async #watch(): Promise<void> {
    for await (const frame of this.viewer.frames) {
      this.kinds.push(frame.type);
      const bytes = this.#take(frame);
      if (!this.stalled) this.viewer.acknowledge(bytes);
    }
  }

  #take(frame: TerminalFrame): number {
    if (frame.type === 'ended') this.ended = frame.reason;
    if (frame.type === 'size' || frame.type === 'screen') {
      this.size = frame.size;
      this.#terminal.resize(frame.size.columns, frame.size.rows);
    }
    if (frame.type === 'screen') {
      this.screens += 1;
      this.#terminal.reset();
      this.#terminal.write(frame.data);
      this.text = frame.data;
      return Buffer.byteLength(frame.data);
    }
    if (frame.type !== 'output') return 0;
    this.outputBytes += frame.data.length;
    const text = Buffer.from(frame.data).toString();
    this.text = this.outputBytes < 1_000_000 ? this.text + text : this.text.slice(-4096) + text;
    if (this.outputBytes < 1_000_000) this.#terminal.write(frame.data);
    return frame.data.length;
  }

  async lines(): Promise<string[]> {
    await new Promise<void>((done) => this.#terminal.write('', done));
    const { active } = this.#terminal.buffer;
    const all = Array.from({ length: active.length }, (_, row) => active.getLine(row)?.translateToString(true) ?? '');
    return all.slice(active.baseY);
  }

  sees(text: string): Promise<unknown> {
    return until(() => this.text.includes(text), { timeoutMs: 40_000, what: `"${text}" on the screen` });
  }
}

const hubOf = (options: TerminalHubOptions = {}): TerminalHub =>
  new TerminalHub({ size: { columns: 60, rows: 12 }, ...options });

describe('TERM-1: input', () => {
  test('reaches the program only from viewers that may write', async () => {
    const typed: string[] = [];
    const hub = hubOf({ onInput: (data) => typed.push(Buffer.from(data).toString()) });
    runScript(hub, `process.stdin.on('data', (data) => console.log('got ' + data))`);
    const [writer, reader] = [new Watching(hub), new Watching(hub, { canWrite: false })];
    await writer.sees('ready');
    reader.viewer.write(Buffer.from('no'));
    writer.viewer.write(Buffer.from('yes'));
    await reader.sees('got yes');
    hub.write('host');
    await reader.sees('got host');
    expect(reader.text).not.toContain('got no');
    expect(typed).toEqual(['yes']);
  });

  test('is refused beyond the limit, and what was accepted arrives complete', async () => {
    const hub = hubOf();
    const pty = runScript(
      hub,
      `let n = 0; process.on('SIGWINCH', () => process.stdin.on('data', (data) => {
      n += data.length; if (n === 10_000_000) console.log('all of it') }))`,
    );
    const watching = new Watching(hub, { size: { columns: 60, rows: 12 } });
    await watching.sees('ready');
    watching.viewer.write(Buffer.alloc(10_000_000, 'x'));
    expect(() => watching.viewer.write(Buffer.alloc(10_000_000, 'y'))).toThrow(
      expect.objectContaining({ code: 'payload_too_large' }),
    );
    expect(pty.waitingBytes).toBeLessThanOrEqual(10_000_000);
    watching.viewer.resize({ columns: 61, rows: 12 });
    await watching.sees('all of it');
  });

  test('is dropped if the program has ended', async () => {
    const hub = hubOf();
    const pty = run(hub, 'true', []);
    const watching = new Watching(hub);
    await pty.exited;
    watching.viewer.write(Buffer.from('x'));
    hub.write('y');
    expect(watching.ended).toBe(undefined);
  });
});

describe('TERM-2: a late viewer', () => {
  test('sees the current screen of a full-screen program', async () => {
    const hub = hubOf();
    runScript(
      hub,
      `process.stdout.write('before\\r\\n\\x1b[?1049h\\x1b[2J\\x1b[5;10H\\x1b[31mmiddle\\x1b[12;1Hbottom\\x1b[?25l\\x1b[2;2H')`,
    );
    const early = new Watching(hub);
    await early.sees('ready');
    const late = new Watching(hub);
    await until(() => late.screens === 1);
    expect(await late.lines()).toEqual(await early.lines());
    expect((await late.lines())[4]).toBe('         middle');
    expect(late.text).toContain('\x1b[?1049h');
    expect(late.text).toContain('\x1b[?25l');
    expect(late.kinds[0]).toBe('screen');
  });

  test('sees the last screen of an ended terminal, and that it has ended', async () => {
    const hub = hubOf();
    const pty = run(hub, 'echo', ['last words']);
    await pty.exited;
    hub.end('The program has ended.');
    hub.end('Nothing more.');
    const early = new Watching(hub);
    await until(() => early.ended);
    expect(early.text).toContain('last words');
    const late = new Watching(hub);
    await until(() => late.ended);
    expect(late.text).toContain('last words');
    expect(late.ended).toBe('The program has ended.');
    expect(hub.viewerCount).toBe(0);
  });
});

describe('TERM-3: the program’s queries', () => {
  test('are answered once with two viewers, even if they arrive in pieces', async () => {
    const hub = hubOf();
    const viewers = [new Watching(hub), new Watching(hub)];
    runScript(
      hub,
      `let read = ''; process.stdin.on('data', (data) => {
         read += data;
         if (read === 'go') process.stdout.write('\\x1b[6n\\x1b[', () => process.stdout.write('c'));
         if (read.endsWith('c')) console.log('answered');
         if (read.endsWith('.')) console.log('read ' + JSON.stringify(read));
       })`,
    );
    await viewers[0]!.sees('ready');
    hub.write('go');
    // By now the viewers have drawn what followed the query, and would have answered it.
    await viewers[0]!.sees('answered');
    await viewers[1]!.sees('answered');
    await Promise.all(viewers.map((each) => each.lines()));
    hub.write('.');
    await viewers[1]!.sees('read ');
    await viewers[0]!.sees('read ');
    expect(viewers[0]!.text).toContain(String.raw`read "go\u001b[2;1R\u001b[?1;2c."`);
    for (const { text } of viewers) {
      expect(text).not.toContain('\x1b[6n');
      expect(text).not.toContain('\x1b[c');
    }
  });

  test('use bounded memory if the program never reads the answers', async () => {
    const hub = hubOf();
    const pty = run(hub, 'sh', ['-c', 'stty raw -echo; yes "$(printf "\\033[c")" | head -c 3000000; sleep 1000']);
    const watching = new Watching(hub);
    await until(() => pty.waitingBytes > 60_000, { timeoutMs: 40_000 });
    await watching.lines();
    expect(pty.waitingBytes).toBeLessThan(70_000);
  });
});

describe('TERM-9: a command to a viewer’s terminal', () => {
  const script = `process.stdout.write('\\x1b]2;the title\\x07\\x1b[?2031h\\x1b]52;c;aGVsbG8=\\x07\\x1b]9;hello\\x07\\x1b[31m')`;

  test('reaches no viewer, neither live nor in a redrawn screen', async () => {
    const hub = hubOf();
    const early = new Watching(hub);
    runScript(hub, script);
    await early.sees('ready');
    const late = new Watching(hub);
    await late.sees('ready');
    for (const { text } of [early, late]) {
      expect(text).toContain('31m');
      for (const order of ['\x1b]', '2031', 'title']) expect(text).not.toContain(order);
    }
  });

  test('reaches viewers where it is allowed; a title also reaches later ones', async () => {
    const hub = hubOf({ passthrough: ['titles', 'clipboard'] });
    const early = new Watching(hub);
    runScript(hub, script);
    await early.sees('ready');
    expect(early.text).toContain('\x1b]52;c;aGVsbG8=\x07');
    expect(early.text).toContain('\x1b]2;the title\x07');
    expect(early.text).not.toContain('\x1b]9;');
    const late = new Watching(hub);
    await late.sees('ready');
    expect(late.text).toContain('\x1b]2;the title\x1b\\');
    expect(late.text).not.toContain('\x1b]52;');
  });
});

describe('PTY-8: a paste', () => {
  const script = `process.stdin.on('data', (data) => console.log('read ' + JSON.stringify(String(data))))`;
  const hostile = 'one\x1b[201~\r!two\r\nthree\x03\x7f\u009b201~\x00\tend\n';

  test('is bracketed if the program has asked for that, and nothing in it is a key', async () => {
    const hub = hubOf();
    runScript(hub, `process.stdout.write('\\x1b[?2004h'); ${script}`);
    const [writer, reader] = [new Watching(hub), new Watching(hub, { canWrite: false })];
    await writer.sees('ready');
    reader.viewer.paste('no');
    writer.viewer.paste('');
    writer.viewer.paste(hostile);
    await writer.sees('read ');
    await until(() => writer.text.includes('201~"'));
    expect(stripVTControlCharacters(writer.text).replaceAll(/[\r\n]/g, '')).toContain(
      String.raw`read "\u001b[200~one␛[201~\n!two\nthree␃␡�201~␀\tend\n\u001b[201~"`,
    );
    expect(writer.text).not.toContain('no');
  });

  test('is one line without Enter for a program that has not asked for brackets', async () => {
    const hub = hubOf();
    runScript(hub, script);
    const writer = new Watching(hub);
    await writer.sees('ready');
    writer.viewer.paste(hostile);
    await writer.sees('end"');
    expect(writer.text).toContain('read "one␛[201~ !two three␃␡�201~␀ end"');
  });
});

describe('TERM-4: the size', () => {
  const script = `const say = () => console.log('size ' + process.stdout.getWindowSize().join('x')); say(); process.stdout.on('resize', say)`;

  test('is the smallest of the viewers that may write, and stays when the last of them leaves', async () => {
    const hub = new TerminalHub();
    runScript(hub, script);
    const watching = new Watching(hub, { canWrite: false, size: { columns: 20, rows: 5 } });
    await watching.sees('size 120x40');
    const wide = new Watching(hub, { size: { columns: 200, rows: 20 } });
    await watching.sees('size 200x20');
    const tall = new Watching(hub, { size: { columns: 100, rows: 50 } });
    await watching.sees('size 100x20');
    expect(watching.size).toEqual({ columns: 100, rows: 20 });
    const withoutSize = new Watching(hub);
    tall.viewer.resize({ columns: 90, rows: 10 });
    await watching.sees('size 90x10');
    tall.viewer.close();
    await watching.sees('size 200x20');
    wide.viewer.close();
    withoutSize.viewer.close();
    watching.viewer.resize({ columns: 30, rows: 6 });
    expect(hub.size).toEqual({ columns: 200, rows: 20 });
    expect(hub.viewerCount).toBe(1);
  });

  test.each([
    ['columns', { columns: 0, rows: 0 }],
    ['columns', { columns: -1, rows: 24 }],
    ['rows', { columns: 80, rows: 1e9 }],
    ['rows', { columns: 80, rows: Number.NaN }],
    ['columns', { columns: 80.5, rows: 24 }],
  ])('is refused if no terminal can have its %s: %j', (field, size) => {
    const hub = new TerminalHub();
    const { viewer } = new Watching(hub);
    const refused: unknown = expect.objectContaining({ code: 'invalid_request', details: { field } });
    expect(() => viewer.resize(size)).toThrow(refused);
    expect(() => hub.attach({ size, canWrite: true })).toThrow(BooError);
    expect(hub.size).toEqual({ columns: 120, rows: 40 });
    expect(hub.viewerCount).toBe(1);
  });
});

describe('TERM-5: a stalled viewer', () => {
  test('delays nobody and uses no more than its window: 200 MB of output', async () => {
    const hub = hubOf();
    const stalled = new Watching(hub, { stalled: true });
    const reading = new Watching(hub);
    const before = memory();
    let most = before;
    const timer = setInterval(() => (most = Math.max(most, memory())), 50);
    const pty = run(hub, 'sh', ['-c', 'head -c 200000000 /dev/zero | tr "\\0" "x"; printf "\\r\\nthe end"']);
    expect(await pty.exited).toMatchObject({ exitCode: 0 });
    await reading.sees('the end');
    clearInterval(timer);
    expect(stalled.outputBytes).toBeLessThanOrEqual(256 * 1024);
    expect(stalled.screens).toBeLessThanOrEqual(2);
    expect((most - before) / 1e6).toBeLessThan(150);
    // Once it continues, it sees the current screen, not what it missed.
    stalled.stalled = false;
    stalled.viewer.acknowledge(10_000_000);
    await stalled.sees('the end');
    expect(stalled.outputBytes).toBeLessThanOrEqual(256 * 1024);
  }, 180_000);

  test('does not hold up the program, which waits only for the server’s own screen, in bounded memory', async () => {
    const hub = hubOf();
    let isPaused = false;
    const calls: string[] = [];
    let say = (_data: Uint8Array): void => undefined;
    const fast: PseudoTerminal = {
      pid: 0,
      waitingBytes: 0,
      exited: new Promise(() => {}),
      onData: (listener) => void (say = listener),
      write() {},
      resize() {},
      kill() {},
      pause() {
        isPaused = true;
        calls.push('pause');
      },
      resume() {
        isPaused = false;
        calls.push('resume');
      },
    };
    hub.connect(fast);
    const watching = new Watching(hub, { stalled: true });
    for (let round = 0; round < 3; round += 1) {
      let bytes = 0;
      for (; !isPaused && bytes < 50_000_000; bytes += 65_536) say(Buffer.alloc(65_536, 'x'));
      expect(bytes).toBeLessThanOrEqual(1024 * 1024 + 65_536);
      await until(() => !isPaused);
    }
    expect(calls.slice(0, 6)).toEqual(['pause', 'resume', 'pause', 'resume', 'pause', 'resume']);
    watching.viewer.close();
  });

  test('gets the last screen and the end, even if it never acknowledged anything', async () => {
    const hub = hubOf();
    const stalled = new Watching(hub, { stalled: true });
    const pty = run(hub, 'sh', ['-c', 'head -c 1000000 /dev/zero | tr "\\0" x; printf "\\r\\nlast"']);
    await pty.exited;
    hub.end('over');
    await until(() => stalled.ended);
    expect(stalled.text).toContain('last');
    expect(stalled.kinds.slice(-2)).toEqual(['screen', 'ended']);
  });

  test('stays attached when another program follows', async () => {
    const hub = hubOf();
    const watching = new Watching(hub);
    const first = run(hub, 'sh', ['-c', 'printf "\\033[?1049h\\033[?2004hfirst"; exec sleep 1000']);
    await watching.sees('first');
    runScript(hub, '');
    await watching.sees('ready');
    expect(watching.text).not.toContain('first');
    expect(watching.text).not.toContain('\x1b[?1049h');
    first.kill('SIGKILL');
    await first.exited;
    watching.viewer.write(Buffer.from('x'));
    expect(watching.ended).toBe(undefined);
  });

  test('is detached by leaving its frames', async () => {
    const hub = hubOf();
    const viewer = hub.attach({ canWrite: true });
    for await (const frame of viewer.frames) {
      expect(frame.type).toBe('screen');
      break;
    }
    expect(hub.viewerCount).toBe(0);
    viewer.close();
    viewer.write(Buffer.from('x'));
  });
});

function memory(): number {
  const { rss, external } = process.memoryUsage();
  return rss + external;
}
