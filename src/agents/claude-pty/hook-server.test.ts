// Hooks as the program runs them: with exactly the command and arguments of the settings, each in its own process.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../../../test/support/until.ts';
import { type HookCall, type HookServer, openHookServer } from './hook-server.ts';

let server: HookServer;
let calls: HookCall[];
let children: ChildProcess[];
beforeEach(async () => {
  calls = [];
  children = [];
  server = await openHookServer((call) => calls.push(call));
});
afterEach(async () => {
  await server.close();
  for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
});

const socketPath = (): string => server.command.args.at(-1)!;

interface Hook {
  child: ChildProcess;
  /** Resolves with its output, once it has ended. */
  ended: Promise<{ code: number | null; printed: string; complained: string }>;
}

function startHook(): Hook {
  const child = spawn(server.command.command, server.command.args, { stdio: ['pipe', 'pipe', 'pipe'] });
  children.push(child);
  let printed = '';
  let complained = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complained += text));
  // It may exit before it has read everything.
  child.stdin.on('error', () => undefined);
  return {
    child,
    ended: once(child, 'close').then(([code]) => ({ code: code as number | null, printed, complained })),
  };
}

function runHook(input: unknown): Hook {
  const hook = startHook();
  hook.child.stdin?.end(JSON.stringify(input));
  return hook;
}

const called = (count: number): Promise<boolean> => until(() => calls.length === count, { what: `${count} calls` });
const answered = (value: unknown): unknown => ({
  code: 0,
  printed: value === '' ? '' : JSON.stringify(value),
  complained: '',
});

describe('DECIDE-5: a hook', () => {
  test('sends its input, and prints the first answer', async () => {
    const input = { tool_name: 'Bash', tool_input: { command: 'echo "ü 漢 👩‍👩‍👧"\n\u0000' } };
    const { ended } = runHook(input);
    await called(1);
    expect(calls[0]?.input).toEqual(input);
    const output = { hookSpecificOutput: { decision: { behavior: 'deny', message: 'nein, ärgerlich' } } };
    calls[0]?.answer(output);
    calls[0]?.answer({ second: true });
    expect(await ended).toEqual(answered(output));
  });

  test('prints nothing when it is answered with null, so that the dialog stays', async () => {
    const { ended } = runHook({ a: 1 });
    await called(1);
    calls[0]?.answer(null);
    expect(await ended).toEqual(answered(''));
  });

  test('that is killed abandons its question, and a later answer has no effect', async () => {
    const { child, ended } = runHook({ a: 1 });
    await called(1);
    let isAbandoned = false;
    void calls[0]?.abandoned.then(() => (isAbandoned = true));
    expect(isAbandoned).toBe(false);
    child.kill('SIGKILL');
    await ended;
    await until(() => isAbandoned);
    expect(() => calls[0]?.answer({ late: true })).not.toThrow();
  });

  test('may have five megabytes of input, in pieces, and an answer of the same size', async () => {
    const { child, ended } = startHook();
    const content = '漢字 and more '.repeat(330_000);
    const bytes = Buffer.from(JSON.stringify({ tool_input: { content } }));
    expect(bytes.length).toBeGreaterThan(5 * 1024 * 1024);
    const piece = 99_991;
    for (let start = 0; start < bytes.length; start += piece) {
      if (!child.stdin?.write(bytes.subarray(start, start + piece))) await once(child.stdin!, 'drain');
    }
    expect(calls).toEqual([]);
    child.stdin?.end();
    await called(1);
    expect(JSON.stringify(calls[0]?.input) === bytes.toString()).toBe(true);
    calls[0]?.answer({ content });
    const { code, printed } = await ended;
    expect(code).toBe(0);
    expect(printed === JSON.stringify({ content })).toBe(true);
  });

  test('prints an answer to its end, however late the program reads it', async () => {
    // The last bytes of some of these do not fit into the pipe until the program reads.
    const sizes = Array.from({ length: 24 }, (_, index) => 100_000 + index * 8_000);
    const hooks = sizes.map((size) => runHook({ size }));
    await called(sizes.length);
    for (const { child } of hooks) child.stdout?.pause();
    for (const call of calls) call.answer({ content: 'x'.repeat(call.input['size'] as number) });
    const last = runHook({ size: 0 });
    await called(sizes.length + 1);
    calls.at(-1)?.answer(null);
    await last.ended;
    for (const { child } of hooks) child.stdout?.resume();
    const lost: number[] = [];
    for (const [index, { ended }] of hooks.entries()) {
      const { printed } = await ended;
      if (printed.length !== JSON.stringify({ content: '' }).length + sizes[index]!) lost.push(sizes[index]!);
    }
    expect(lost).toEqual([]);
  });

  test('gets its own answer when several ask at once', async () => {
    const hooks = ['one', 'two', 'three', 'four'].map((name) => ({ name, hook: runHook({ name }) }));
    await called(4);
    for (const call of [...calls].reverse()) call.answer({ to: call.input['name'] });
    for (const { name, hook } of hooks) expect(await hook.ended).toEqual(answered({ to: name }));
  });

  test('that the server does not understand prints nothing, and nobody is asked', async () => {
    const { child, ended } = startHook();
    child.stdin?.end('{"half":');
    expect(await ended).toEqual(answered(''));
    expect(await runHook(7).ended).toEqual(answered(''));
    expect(await runHook([{}]).ended).toEqual(answered(''));
    expect(calls).toEqual([]);
  });

  test('prints nothing and exits successfully if the server is gone', async () => {
    await server.close();
    expect(await runHook({ a: 1 }).ended).toEqual(answered(''));
  });

  test('that waits ends with the server, without an answer', async () => {
    const { ended } = runHook({ a: 1 });
    await called(1);
    await server.close();
    expect(await ended).toEqual(answered(''));
    await calls[0]?.abandoned;
  });
});

describe('the socket', () => {
  test('is in a directory that only its user can enter, and is removed with the server', async () => {
    const directory = dirname(socketPath());
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(socketPath()).isSocket()).toBe(true);
    // Some systems cannot listen on longer paths.
    expect(Buffer.byteLength(socketPath())).toBeLessThan(104);
    await server.close();
    await server.close();
    expect(existsSync(directory)).toBe(false);
  });

  test('limits the size of the input', async () => {
    const socket = connect(socketPath());
    socket.on('error', () => undefined);
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    const block = Buffer.alloc(1024 * 1024, 0x20);
    for (let count = 0; count < 40 && !socket.destroyed; count += 1) {
      if (!socket.write(block)) await Promise.race([once(socket, 'drain').catch(() => undefined), closed]);
    }
    await closed;
    expect(calls).toEqual([]);
    expect(socket.bytesWritten).toBeLessThan(40 * 1024 * 1024);
  });
});

test('the hook is a program and its arguments, without a shell, and waits for a person for days', () => {
  expect(server.command).toMatchObject({
    type: 'command',
    command: process.execPath,
    args: ['-e', expect.any(String), socketPath()],
  });
  expect(server.command.timeout).toBeGreaterThan(48 * 3600);
});
