// How git is run, with the real one.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { git as gitHere, initRepository } from '../../../test/support/git-repository.ts';
import { until } from '../../../test/support/until.ts';
import { identifyProcess, isAlive } from '../../lib/process-identity.ts';
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

test('CHANGE-17: what a hook leaves running delays nothing', async () => {
  hook(`setsid sleep 1000 & echo $! > daemon`);
  const result = await commit({ timeoutMs: 60_000 });
  expect(result.code).toBe(0);
  const daemon = identifyProcess(Number(readFileSync(join(cwd, 'daemon'), 'utf8')))!;
  expect(isAlive(daemon)).toBe(true);
  process.kill(daemon.pid, 'SIGKILL');
});
