import { createHash, randomBytes } from 'node:crypto';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { markOf, processesWith } from '../../test/support/processes.ts';
import { until } from '../../test/support/until.ts';
import { identifyProcess } from '../lib/process-identity.ts';
import { openAgentTerminal } from '../agents/agent-process.ts';
import { loadPseudoTerminals, type PseudoTerminal } from './pseudo-terminal.ts';

const env = { PATH: process.env['PATH'] ?? '', LANG: 'C.UTF-8' };
const size = { columns: 80, rows: 24 };
const started: PseudoTerminal[] = [];

beforeAll(async () => {
  await loadPseudoTerminals();
});
afterEach(async () => {
  for (const pty of started.splice(0)) {
    pty.kill('SIGKILL');
    await pty.exited;
  }
});

function start(command: string, args: string[]): { pty: PseudoTerminal; output: () => string; bytes: () => number } {
  // Like every agent, it ends with this process.
  const pty = openAgentTerminal(command, args, { cwd: '/', env, size });
  started.push(pty);
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  pty.onData((data) => {
    bytes += data.length;
    if (bytes < 1_000_000) pieces.push(data);
  });
  return { pty, output: () => Buffer.concat(pieces).toString(), bytes: () => bytes };
}

/** Arguments for Node: raw mode, then the given script. */
const raw = (script: string): string[] => ['-e', `process.stdin.setRawMode(true);${script}`];

describe('TERM-6: a program in a pseudo-terminal', () => {
  test('is available here', async () => {
    expect(await loadPseudoTerminals()).toEqual({ ok: true });
  });

  test('gets the given directory, size and environment', async () => {
    const { pty, output } = start('sh', ['-c', 'pwd; stty size; echo "$TERM"; echo "$LANG"']);
    expect(await pty.exited).toEqual({ exitCode: 0, signal: null });
    expect(output()).toBe('/\r\n24 80\r\nxterm-256color\r\nC.UTF-8\r\n');
  });

  test('reports how it ended: exit code, signal or missing program', async () => {
    expect(await start('sh', ['-c', 'exit 7']).pty.exited).toEqual({ exitCode: 7, signal: null });
    expect(await start('sh', ['-c', 'kill -9 $$']).pty.exited).toEqual({ exitCode: null, signal: 9 });
    const missing = start('/no/such/program', []);
    expect((await missing.pty.exited).exitCode).not.toBe(0);
    expect(missing.output()).toContain('/no/such/program');
  });

  test('receives a megabyte at once, complete and in order, even if it reads slowly', async () => {
    const sent = randomBytes(512 * 1024).toString('hex');
    const { pty, output } = start(process.execPath, [
      ...raw(`
        const hash = require('node:crypto').createHash('sha256'); let left = ${sent.length};
        console.log('ready');
        process.stdin.on('data', (data) => {
          hash.update(data); left -= data.length;
          if (left === 0) { console.log('got ' + hash.digest('hex')); process.exit(0); }
          process.stdin.pause(); setTimeout(() => process.stdin.resume(), 1);
        });`),
    ]);
    await until(() => output().includes('ready'));
    pty.write(sent);
    expect(pty.waitingBytes).toBeGreaterThan(0);
    await pty.exited;
    expect(output()).toContain(`got ${createHash('sha256').update(sent).digest('hex')}`);
    expect(pty.waitingBytes).toBe(0);
  });

  test('receives single keys and pastes in their order, however it reads', async () => {
    const { pty, output } = start(process.execPath, [
      ...raw(`
        let got = '';
        console.log('ready');
        process.stdin.on('data', (data) => {
          got += data;
          if (got.endsWith('.')) {
            console.log('got ' + require('node:crypto').createHash('sha256').update(got).digest('hex')); process.exit(0);
          }
          process.stdin.pause(); setTimeout(() => process.stdin.resume(), 1);
        });`),
    ]);
    await until(() => output().includes('ready'));
    let sent = '';
    const send = (text: string): void => {
      sent += text;
      pty.write(text);
    };
    for (let round = 0; round < 200; round += 1) {
      for (let key = 0; key < 300; key += 1) send(String(key % 10));
      if (round % 20 === 0) send(`<${'paste'.repeat(10_000)}>`);
      // Lets the program read some of it.
      if (round % 50 === 0) await until(() => pty.waitingBytes < 20_000);
    }
    send('.');
    await pty.exited;
    expect(output()).toContain(`got ${createHash('sha256').update(sent).digest('hex')}`);
  });

  test('is notified of a new size', async () => {
    const { pty, output } = start(process.execPath, [
      '-e',
      `process.stdout.on('resize', () => { console.log(process.stdout.getWindowSize().join('x')); process.exit(); });
       console.log('ready'); setInterval(() => {}, 1000);`,
    ]);
    await until(() => output().includes('ready'));
    pty.resize({ columns: 100, rows: 50 });
    await pty.exited;
    expect(output()).toContain('100x50');
  });

  test('waits while nobody reads, and all its output arrives before its end is reported', async () => {
    const { pty, bytes } = start('sh', ['-c', 'head -c 3000000 /dev/zero | tr "\\0" x']);
    await until(() => bytes() > 0);
    pty.pause();
    const paused = bytes();
    expect(paused).toBeLessThan(3_000_000);
    expect(identifyProcess(pty.pid)).not.toBe(null);
    expect(bytes()).toBe(paused);
    pty.resume();
    await pty.exited;
    expect(bytes()).toBe(3_000_000);
  });

  test('loses nothing of what it wrote if it ends while nobody reads', async () => {
    const { pty, output } = start('sh', ['-c', 'printf "%2000s" end']);
    pty.pause();
    await until(() => identifyProcess(pty.pid) === null);
    expect(await pty.exited).toEqual({ exitCode: 0, signal: null });
    expect(output()).toHaveLength(2000);
  });

  test('takes no harm from calls after its end', async () => {
    const { pty } = start('true', []);
    pty.write('x'.repeat(1_000_000));
    await pty.exited;
    pty.write('more');
    pty.resize({ columns: 10, rows: 10 });
    pty.pause();
    pty.resume();
    pty.kill('SIGKILL');
    expect(pty.waitingBytes).toBe(0);
  });

  test('can be killed while much input is waiting', async () => {
    const { pty, output } = start(process.execPath, raw(`console.log('ready'); setInterval(() => {}, 1000);`));
    await until(() => output().includes('ready'));
    pty.write('x'.repeat(2_000_000));
    pty.kill('SIGTERM');
    expect(await pty.exited).toEqual({ exitCode: null, signal: 15 });
  });

  test('takes its children with it when it is killed', async () => {
    const { pty, output } = start('sh', ['-c', 'sleep 1000 & echo ready; wait']);
    await until(() => output().includes('ready'));
    pty.kill('SIGKILL');
    await pty.exited;
    const mark = markOf(identifyProcess(process.pid)!);
    const left = (): string[] => processesWith(mark).map((each) => each.command);
    await until(() => !left().includes('sleep 1000'));
    expect(left()).not.toContain('sleep 1000');
  });

  test.runIf(process.platform === 'linux')('AGENT-4: carries the mark of its host', async () => {
    const { pty, output } = start('sh', ['-c', 'echo ready; exec sleep 1000']);
    await until(() => output().includes('ready'));
    const marked = processesWith(markOf(identifyProcess(process.pid)!));
    expect(marked.map((each) => each.pid)).toContain(pty.pid);
  });
});
