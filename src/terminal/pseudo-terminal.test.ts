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
  // As every agent is: it ends with this process.
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

/** A program in Node: raw mode, then what is given. */
const raw = (script: string): string[] => ['-e', `process.stdin.setRawMode(true);${script}`];

describe('TERM-6: a program in a pseudo-terminal', () => {
  test('can be had here', async () => {
    expect(await loadPseudoTerminals()).toEqual({ ok: true });
  });

  test('has the directory, the size and the environment it was given', async () => {
    const { pty, output } = start('sh', ['-c', 'pwd; stty size; echo "$TERM"; echo "$LANG"']);
    expect(await pty.exited).toEqual({ exitCode: 0, signal: null });
    expect(output()).toBe('/\r\n24 80\r\nxterm-256color\r\nC.UTF-8\r\n');
  });

  test('says how it ended: a code, a signal, a program that is not there', async () => {
    expect(await start('sh', ['-c', 'exit 7']).pty.exited).toEqual({ exitCode: 7, signal: null });
    expect(await start('sh', ['-c', 'kill -9 $$']).pty.exited).toEqual({ exitCode: null, signal: 9 });
    const missing = start('/no/such/program', []);
    expect((await missing.pty.exited).exitCode).not.toBe(0);
    expect(missing.output()).toContain('/no/such/program');
  });

  test('takes a megabyte at once, whole and in order, though it reads slowly', async () => {
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

  test('takes single keys and pastes in the order they came, however it reads', async () => {
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
      // Some of it is taken meanwhile.
      if (round % 50 === 0) await until(() => pty.waitingBytes < 20_000);
    }
    send('.');
    await pty.exited;
    expect(output()).toContain(`got ${createHash('sha256').update(sent).digest('hex')}`);
  });

  test('learns of a new size', async () => {
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

  test('waits while nobody reads, and all it wrote arrives before its end is told', async () => {
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

  test('that ends while nobody reads loses nothing of what it wrote', async () => {
    const { pty, output } = start('sh', ['-c', 'printf "%2000s" end']);
    pty.pause();
    await until(() => identifyProcess(pty.pid) === null);
    expect(await pty.exited).toEqual({ exitCode: 0, signal: null });
    expect(output()).toHaveLength(2000);
  });

  test('that has ended takes no harm from whatever comes', async () => {
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

  test('is killed with much input waiting', async () => {
    const { pty, output } = start(process.execPath, raw(`console.log('ready'); setInterval(() => {}, 1000);`));
    await until(() => output().includes('ready'));
    pty.write('x'.repeat(2_000_000));
    pty.kill('SIGTERM');
    expect(await pty.exited).toEqual({ exitCode: null, signal: 15 });
  });

  test('leaves, when it ends, its terminal and its children', async () => {
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
