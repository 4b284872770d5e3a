// @ts-check
/** Runs a program in its own process group, so that it can be ended with everything it started. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

const graceMs = 10_000;
const longestOutput = 1_000_000;

/**
 * Resolves with its exit code and output, even if it fails; rejects if it cannot be started or `signal` ends it.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd: string, env: NodeJS.ProcessEnv, signal: AbortSignal, onLine?: (line: string) => void }} options
 * @returns {Promise<{ code: number | null, stdout: string, stderr: string }>}
 */
export async function runCommand(command, args, { cwd, env, signal, onLine = () => {} }) {
  signal.throwIfAborted();
  const child = spawn(command, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  for (const name of /** @type {const} */ (['stdout', 'stderr'])) {
    child[name].setEncoding('utf8').on('data', (text) => (said[name] = (said[name] + text).slice(-longestOutput)));
    createInterface({ input: child[name] }).on('line', onLine);
  }
  /** @type {Promise<number | null>} */
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const end = () => void endGroup(child, ended);
  signal.addEventListener('abort', end, { once: true });
  try {
    const code = await ended;
    signal.throwIfAborted();
    return { code, ...said };
  } finally {
    signal.removeEventListener('abort', end);
  }
}

/**
 * @param {import('node:child_process').ChildProcess} child
 * @param {Promise<unknown>} ended
 */
async function endGroup({ pid }, ended) {
  if (pid === undefined) return;
  /** @param {NodeJS.Signals} name */
  const tell = (name) => {
    try {
      process.kill(-pid, name);
    } catch {
      // It has exited.
    }
  };
  tell('SIGINT');
  await Promise.race([ended.catch(() => {}), delay(graceMs, undefined, { ref: false })]);
  tell('SIGKILL');
}
