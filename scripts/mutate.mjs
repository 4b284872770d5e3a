// @ts-check
// Mutation testing: changes the code of a path in one place after another, and runs the tests that cover the place. A
// change that no test notices has survived. docs/testing.md says how to read it.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { runnerImport } from 'vite';

const usage = `npm run mutate -- PATH... [options]

Mutates files of src, some lines of one (src/http/access.ts:30-40) or a folder, and prints what no test noticed.

  --tests PATH     only these tests, a file or a folder; may be repeated (those of the same module, and for src/store
                   also those of src/chats)
  --concurrency N  mutants that are tried at once (1)
  --help

Exit codes: 0 every mutant was tried, 1 not, 130 interrupted.`;

const root = resolve(import.meta.dirname, '..');

process.exitCode = await main();

async function main() {
  let given;
  try {
    given = readArguments();
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    return 1;
  }
  if (given === null) {
    console.log(usage);
    return 0;
  }
  const stop = new AbortController();
  process.on('SIGINT', () => stop.abort()).on('SIGTERM', () => stop.abort());
  process.chdir(root);
  // A mutant that hangs is killed, and cannot clean up: what it leaves goes with this folder.
  const scratch = mkdtempSync(join(tmpdir(), 'boocode-mutate-'));
  process.env['TMPDIR'] = scratch;
  const sandbox = `.stryker-tmp/${basename(scratch)}`;
  let closePostgres;
  try {
    const { url, close } = await openPostgres();
    closePostgres = close;
    const env = { ...process.env, BOOCODE_MUTATE_TESTS: JSON.stringify(given.tests), BOOCODE_MUTATE_POSTGRES: url };
    return stop.signal.aborted ? 130 : await runStryker([...given.options, '--tempDirName', sandbox], env, stop.signal);
  } finally {
    await closePostgres?.();
    for (const folder of [sandbox, scratch]) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** That of `npm test`. It is started once, since Vitest is started again after each mutant that hangs. */
async function openPostgres() {
  const { module } = await runnerImport(join(root, 'test/support/global-setup.ts'));
  let url = '';
  const close = await module.default({ provide: (/** @type {string} */ _, /** @type {string} */ it) => (url = it) });
  return { url, close };
}

/**
 * @param {string[]} options
 * @param {NodeJS.ProcessEnv} env
 * @param {AbortSignal} signal
 * @returns {Promise<number>}
 */
function runStryker(options, env, signal) {
  const program = join(root, 'node_modules/@stryker-mutator/core/bin/stryker.js');
  return new Promise((resolve, reject) => {
    // Its own process group, which can be ended as a whole.
    const child = spawn(process.execPath, [program, 'run', ...options], { env, stdio: 'inherit', detached: true });
    const end = () => void (child.pid !== undefined && process.kill(-child.pid, 'SIGKILL'));
    signal.addEventListener('abort', end);
    child.once('error', reject).once('exit', (code) => {
      signal.removeEventListener('abort', end);
      resolve(signal.aborted ? 130 : (code ?? 1));
    });
  });
}

function readArguments() {
  const { values, positionals } = parseArgs({
    options: {
      tests: { type: 'string', multiple: true },
      concurrency: { type: 'string', default: '1' },
      help: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  if (values.help) return null;
  if (positionals.length === 0) throw new Error('Name a path to mutate.');
  if (!/^[1-9]\d*$/.test(values.concurrency)) throw new Error('--concurrency must be a whole number from 1.');
  const mutate = [...positionals.flatMap(sourcesIn), '!src/**/*.test.ts'].join(',');
  return {
    options: ['--mutate', mutate, '--concurrency', values.concurrency],
    tests: (values.tests ?? positionals.flatMap(modulesTesting)).map(testsIn),
  };
}

/** @param {string} given */
function sourcesIn(given) {
  const [path, lines] = splitLines(given);
  const inRoot = pathOf(path);
  return isFolder(inRoot) ? [`${inRoot}/**/*.ts`, `${inRoot}/**/*.tsx`] : [inRoot + lines];
}

/** @param {string} given */
function testsIn(given) {
  const inRoot = pathOf(given);
  return isFolder(inRoot) ? `${inRoot}/**/*.test.ts` : inRoot;
}

/** The chats write most of what is stored. @param {string} given */
function modulesTesting(given) {
  const module = pathOf(splitLines(given)[0]).split('/').slice(0, 2).join('/');
  return module === 'src/store' ? [module, 'src/chats'] : [module];
}

/** @param {string} given @returns {[path: string, lines: string]} */
function splitLines(given) {
  const [lines = '', first = '', last = first] = /:(\d+)(?:-(\d+))?$/.exec(given) ?? [];
  return [given.slice(0, given.length - lines.length), first && `:${first}-${last}`];
}

/** As seen from where the command was given. @param {string} given */
function pathOf(given) {
  const path = resolve(process.env['INIT_CWD'] ?? '.', given);
  const inRoot = relative(root, path).replaceAll('\\', '/');
  if (!existsSync(path)) throw new Error(`There is no ${given}.`);
  if (!inRoot.startsWith('src/')) throw new Error(`${given} is not in src.`);
  return inRoot;
}

/** @param {string} inRoot */
function isFolder(inRoot) {
  return statSync(join(root, inRoot)).isDirectory();
}
