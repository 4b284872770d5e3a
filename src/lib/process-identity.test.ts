import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterEach, expect, test } from 'vitest';
import { until } from '../../test/support/until.ts';
import { commandLine, endProcess, identifyProcess, isAlive, withDeathSignal } from './process-identity.ts';

const started: ChildProcess[] = [];
afterEach(async () => {
  for (const child of started.splice(0)) await endProcess(child, { graceMs: 0 });
});

function start(command: string, args: string[]): ChildProcess & { pid: number } {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  started.push(child);
  if (child.pid === undefined) throw new Error(`${command} cannot be started.`);
  return child as ChildProcess & { pid: number };
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new Error('No pipe.');
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return line;
}

/** A Node program that runs the script, prints `ready`, and keeps running. */
function startNode(script: string): ChildProcess & { pid: number } {
  return start(process.execPath, ['-e', `${script}; console.log('ready'); setInterval(() => {}, 1e6)`]);
}

test('a running process has the same identity each time', () => {
  const identity = identifyProcess(process.pid);
  expect(identity).toMatchObject({ pid: process.pid });
  expect(identifyProcess(process.pid)).toEqual(identity);
  expect(identity && isAlive(identity)).toBe(true);
});

test('a process that has ended is not alive', async () => {
  const child = start('cat', []);
  const identity = identifyProcess(child.pid);
  expect(identity && isAlive(identity)).toBe(true);
  child.stdin?.end();
  await once(child, 'exit');
  expect(identity && isAlive(identity)).toBe(false);
  expect(identifyProcess(child.pid)).toBeNull();
});

test('another process with the same pid is not alive', () => {
  expect(isAlive({ pid: process.pid, startedAt: 'an earlier time' })).toBe(false);
});

test('a zombie is not alive, although it accepts signals', async () => {
  // The shell becomes `cat`, which does not reap the shell's child.
  const parent = start('sh', ['-c', 'tail -f /dev/null & echo $!; exec cat']);
  const pid = Number(await firstLine(parent));
  await until(() => commandLine(parent.pid) === 'cat', { what: 'the shell to become cat' });
  process.kill(pid, 'SIGKILL');
  await until(() => identifyProcess(pid) === null, { what: 'the child to end' });
  expect(process.kill(pid, 0)).toBe(true);
});

test('a command line includes the arguments', async () => {
  const child = startNode('');
  await firstLine(child);
  expect(commandLine(child.pid)).toBe([process.execPath, ...child.spawnargs.slice(1)].join(' '));
});

test('a child that obeys the signal exits by itself', async () => {
  const child = startNode(`process.on('SIGTERM', () => process.exit(7))`);
  await firstLine(child);
  await endProcess(child, { graceMs: 10_000 });
  expect(child.exitCode).toBe(7);
  await endProcess(child, { graceMs: 10_000 });
});

test('a child that ignores the signal is killed after the grace period', async () => {
  const child = startNode(`process.on('SIGINT', () => {})`);
  await firstLine(child);
  await endProcess(child, { graceMs: 50, signal: 'SIGINT' });
  expect(child.signalCode).toBe('SIGKILL');
});

test('a process can be ended by its identity', async () => {
  const child = startNode('');
  await firstLine(child);
  const identity = identifyProcess(child.pid);
  if (!identity) throw new Error('Not found.');
  await endProcess(identity, { graceMs: 10_000 });
  expect(isAlive(identity)).toBe(false);
  await until(() => child.signalCode === 'SIGTERM', { what: 'the signal to be told' });
});

test('a later process with the same pid is left alone', async () => {
  const child = startNode('');
  await firstLine(child);
  await endProcess({ pid: child.pid, startedAt: 'an earlier time' }, { graceMs: 0 });
  expect(child.exitCode ?? child.signalCode).toBeNull();
  expect(identifyProcess(child.pid)).not.toBeNull();
});

const wrapped = withDeathSignal('tail', ['-f', '/dev/null'], 'TERM');

// Only Linux with util-linux can do it.
test.skipIf(wrapped.command === 'tail')('a child with a death signal ends when its parent is killed', async () => {
  const [program, args] = [JSON.stringify(wrapped.command), JSON.stringify(wrapped.args)];
  const parent = startNode(
    `const child = require('node:child_process').spawn(${program}, ${args}, { stdio: 'ignore' }); console.log(child.pid)`,
  );
  const pid = Number(await firstLine(parent));
  await until(() => commandLine(pid).startsWith('tail'), { what: 'the child to start' });
  const identity = identifyProcess(pid);
  if (!identity) throw new Error('The child is not there.');
  try {
    parent.kill('SIGKILL');
    await once(parent, 'exit');
    expect(await until(() => !isAlive(identity), { what: 'the child to end with its parent' })).toBe(true);
  } finally {
    await endProcess(identity, { graceMs: 0 });
  }
});
