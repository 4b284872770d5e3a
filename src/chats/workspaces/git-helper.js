// @ts-check
/**
 * The small process that runs git for the host (`git-runner.ts`), asked and answered by messages. JavaScript, because Node
 * starts it from `src` in tests.
 */
import { spawn } from 'node:child_process';

/**
 * @typedef {object} GitRun
 * @property {number} id
 * @property {readonly string[]} args
 * @property {string} cwd
 * @property {Readonly<Record<string, string>>} env
 * @property {number} timeoutMs
 * @property {Uint8Array | undefined} input
 * @property {number} maxBytes What it prints beyond this many bytes is dropped.
 *
 * @typedef {{ end: number }} GitEnd Ends the run with this id. It is answered all the same.
 *
 * @typedef {object} GitAnswer
 * @property {number} id
 * @property {{ code: number, stdout: Buffer, stderr: string, isCut: boolean }} [result]
 * @property {{ message: string, code?: string | undefined }} [failure]
 *
 * @typedef {import('node:stream').Readable} Readable
 */

const maxComplaint = 256 * 1024;
/** How long git may take to end once it is asked to, and its output to end after it. */
const patienceMs = 1_000;
/** How each run is ended. @type {Map<number, (why: string, signal?: NodeJS.Signals) => void>} */
const running = new Map();

process.on('message', (/** @type {GitRun | GitEnd} */ message) => {
  if ('end' in message) return running.get(message.end)?.('git was stopped');
  try {
    run(message);
  } catch (error) {
    // Some arguments are refused at once, such as those with a null character.
    answer(message.id, { failure: { message: String(error) } });
  }
});
// The host has gone, however it ended. Ended by this signal git removes its locks.
process.on('disconnect', () => {
  for (const end of running.values()) end('the host has gone');
  if (running.size === 0) process.exit(0);
});

/** @param {GitRun} request */
function run({ id, args, cwd, env, timeoutMs, input, maxBytes }) {
  // A session of its own has no terminal that could be asked for a password, and its processes end together.
  const child = spawn('git', args, { cwd, env, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  // It may end before it has read everything.
  child.stdin.on('error', () => undefined).end(input);
  const output = { stdout: collect(child.stdout, maxBytes), stderr: collect(child.stderr, maxComplaint) };
  /** @type {string | undefined} */
  let why;
  /** @type {NodeJS.Timeout | undefined} */
  let patience;
  const signalAll = (/** @type {NodeJS.Signals} */ name) => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, name);
    } catch {
      // It has just ended.
    }
  };
  const end = (/** @type {string} */ reason) => {
    why ??= reason;
    // Ended this way it removes its locks.
    signalAll('SIGTERM');
    patience ??= setTimeout(() => signalAll('SIGKILL'), patienceMs);
  };
  const timer = setTimeout(() => end(`git took longer than ${timeoutMs / 1000} s`), timeoutMs);
  running.set(id, end);
  const settle = (/** @type {Omit<GitAnswer, 'id'>} */ rest) => {
    clearTimeout(timer);
    clearTimeout(patience);
    running.delete(id);
    answer(id, rest);
  };
  child.once('error', (/** @type {NodeJS.ErrnoException} */ { message, code }) => {
    settle({ failure: { message, code } });
  });
  // What a hook has left running may hold its output open.
  child.once('exit', () => {
    clearTimeout(patience);
    patience = setTimeout(() => {
      if (why !== undefined) signalAll('SIGKILL');
      child.stdout.destroy();
      child.stderr.destroy();
    }, patienceMs);
  });
  child.once('close', (code, killed) => {
    if (!running.has(id)) return;
    if (why !== undefined) signalAll('SIGKILL');
    if (why !== undefined || code === null)
      return settle({ failure: { message: why ?? `git was ended by ${killed}` } });
    const { bytes: stdout, isCut } = output.stdout();
    settle({ result: { code, stdout, stderr: output.stderr().bytes.toString('utf8'), isCut } });
  });
}

/**
 * @param {number} id
 * @param {Omit<GitAnswer, 'id'>} rest
 */
function answer(id, rest) {
  if (!process.connected) {
    if (running.size === 0) process.exit(0);
    return;
  }
  // That the host has gone is told by `disconnect`.
  process.send?.({ id, ...rest }, undefined, undefined, () => undefined);
}

/**
 * Keeps the first bytes of a stream, and reads on.
 *
 * @param {Readable} stream
 * @param {number} maxBytes
 */
function collect(stream, maxBytes) {
  /** @type {Buffer[]} */
  const pieces = [];
  let length = 0;
  stream.on('data', (/** @type {Buffer} */ piece) => {
    if (length < maxBytes) pieces.push(piece.subarray(0, maxBytes - length));
    length += piece.byteLength;
  });
  return () => ({ bytes: Buffer.concat(pieces), isCut: length > maxBytes });
}
