// @ts-check
// Mutation testing: changes a path's code in one place after the other, and runs the tests that cover the place. A change
// that no test notices has survived. What it says of this project's files is in docs/testing.md.
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Stryker } from '@stryker-mutator/core';

const usage = `npm run mutate -- PATH... [options]

Mutates a file of src, some of its lines (src/http/access.ts:30-40) or a folder, and prints what no test noticed.

  --tests PATH     only these tests, a file or a folder; may be repeated (those of the same module, and for src/store
                   also those of src/chats, which write most of its rows)
  --concurrency N  mutants that are tried at once, each with a Postgres of its own (1)
  --help

Exit codes: 0 every mutant was tried, 1 it could not be done.`;

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
  const { tests, ...options } = given;
  process.chdir(root);
  process.env['BOOCODE_MUTATE_TESTS'] = JSON.stringify(tests);
  // A mutant that hangs is killed, with a Postgres that could not clean up: what it leaves goes with this folder.
  const scratch = mkdtempSync(join(tmpdir(), 'boocode-mutate-'));
  process.env['TMPDIR'] = scratch;
  try {
    await new Stryker(options).runMutationTest();
    return 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    return 1;
  } finally {
    rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
  }
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
  const concurrency = Number(values.concurrency);
  if (!Number.isInteger(concurrency) || concurrency < 1)
    throw new Error('--concurrency must be a whole number from 1.');
  return {
    mutate: [...positionals.flatMap(sourcesIn), '!src/**/*.test.ts'],
    concurrency,
    tests: (values.tests ?? positionals.flatMap(modulesTesting)).map(testsIn),
  };
}

/** @param {string} given */
function sourcesIn(given) {
  const [, path = '', lines = ''] = /^(.*?)((?::\d+(?:-\d+)?)?)$/.exec(given) ?? [];
  const inRoot = pathOf(path);
  return isFolder(inRoot) ? [`${inRoot}/**/*.ts`, `${inRoot}/**/*.tsx`] : [inRoot + lines];
}

/** @param {string} given */
function testsIn(given) {
  const inRoot = pathOf(given);
  return isFolder(inRoot) ? `${inRoot}/**/*.test.ts` : inRoot;
}

/** @param {string} given */
function modulesTesting(given) {
  const module = pathOf(given.replace(/:[\d-]+$/, ''))
    .split('/')
    .slice(0, 2)
    .join('/');
  return module === 'src/store' ? [module, 'src/chats'] : [module];
}

/** @param {string} given Seen from where the command was given. */
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
