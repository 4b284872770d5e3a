// How git is run, with the real one.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { git as gitHere, initRepository } from '../../../test/support/git-repository.ts';
import { until } from '../../../test/support/until.ts';
import { commandLine, identifyProcess, isAlive } from '../../lib/process-identity.ts';
import { git, gitEnvironment } from './git.ts';

let cwd: string;
const env = gitEnvironment(process.env);

beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'boocode-git-'));
  initRepository(cwd);
  writeFileSync(join(cwd, 'a'), 'a');
  gitHere(cwd, 'add', 'a');
});
afterAll(() => rmSync(cwd, { recursive: true }));

const hook = (script: string): void =>
  writeFileSync(join(cwd, '.git/hooks/pre-commit'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
const commit = (options: { timeoutMs?: number; signal?: AbortSignal }) =>
  git(['commit', '-q', '-m', 'x', '--allow-empty', '--', 'a'], { cwd, env, asPerson: true, ...options });

test('CHANGE-17: git that is ended in the middle of a hook leaves no lock', async () => {
  const abort = new AbortController();
  hook(`touch begun; exec sleep 1000`);
  const committed = commit({ signal: abort.signal });
  await until(() => existsSync(join(cwd, 'begun')));
  expect(existsSync(join(cwd, '.git/index.lock'))).toBe(true);
  abort.abort(new Error('enough'));
  await expect(committed).rejects.toThrow('enough');
  expect(existsSync(join(cwd, '.git/index.lock'))).toBe(false);
});

test('CHANGE-17: git ends with its host, however that ends, and leaves no lock', async () => {
  rmSync(join(cwd, 'begun'), { force: true });
  hook(`echo $$ > hook; touch begun; exec sleep 1000`);
  const helper = fork(join(import.meta.dirname, 'git-helper.js'), [], { execArgv: [], serialization: 'advanced' });
  const ended = once(helper, 'exit');
  helper.send({ id: 1, args: ['commit', '-q', '-m', 'x', '--', 'a'], cwd, env, timeoutMs: 600_000, maxBytes: 100 });
  await until(() => existsSync(join(cwd, 'begun')));
  const sleeping = identifyProcess(Number(readFileSync(join(cwd, 'hook'), 'utf8')))!;
  // As by the death of the host: nothing is said.
  helper.disconnect();
  expect(await ended).toEqual([0, null]);
  await until(() => !isAlive(sleeping));
  expect(existsSync(join(cwd, '.git/index.lock'))).toBe(false);
});

test('CHANGE-17: without the process that runs git, what waits for it fails, and the next finds another one', async () => {
  rmSync(join(cwd, 'begun'), { force: true });
  hook(
    `echo $$ > hook; { cut -d" " -f4 /proc/$PPID/stat || ps -o ppid= -p $PPID; } 2>/dev/null > helper; touch begun; exec sleep 1000`,
  );
  const committed = commit({ timeoutMs: 600_000 });
  await until(() => existsSync(join(cwd, 'begun')));
  const pid = (name: string): number => Number(readFileSync(join(cwd, name), 'utf8'));
  expect(commandLine(pid('helper'))).toContain('git-helper.js');
  process.kill(pid('helper'), 'SIGKILL');
  await expect(committed).rejects.toThrow('The process that runs git has ended.');
  const sleeping = identifyProcess(pid('hook'))!;
  process.kill(sleeping.pid, 'SIGTERM');
  await until(() => !isAlive(sleeping));
  rmSync(join(cwd, '.git/index.lock'), { force: true });
  expect((await git(['--version'], { cwd, env })).stdout).toMatch(/^git version /);
});

test('CHANGE-17: one run is stopped, refused or too slow, and the others go on', async () => {
  hook('sleep 0.2');
  const going = commit({ timeoutMs: 60_000 });
  const late = git(['--version'], { cwd, env, signal: AbortSignal.abort(new Error('too late')) });
  await expect(late).rejects.toThrow('too late');
  const slow = git(['-c', 'alias.slow=!sleep 1000', 'slow'], { cwd, env, timeoutMs: 100 });
  await expect(slow).rejects.toThrow('git took longer than 0.1 s');
  await expect(git(['log', 'a\0b'], { cwd, env })).rejects.toThrow('null bytes');
  await expect(git(['--version'], { cwd: join(cwd, 'none'), env })).rejects.toThrow('ENOENT');
  expect((await going).code).toBe(0);
});

test('CHANGE-17: what a hook leaves running delays nothing', async () => {
  hook(`setsid sleep 1000 & echo $! > daemon`);
  const result = await commit({ timeoutMs: 60_000 });
  expect(result.code).toBe(0);
  const daemon = identifyProcess(Number(readFileSync(join(cwd, 'daemon'), 'utf8')))!;
  expect(isAlive(daemon)).toBe(true);
  process.kill(daemon.pid, 'SIGKILL');
});
