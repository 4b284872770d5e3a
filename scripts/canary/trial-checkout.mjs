// @ts-check
/**
 * A copy of the project in a temporary folder, with another version of the SDK. The rest of node_modules is linked, and
 * nothing is written to the checkout itself. What runs in the copy keeps its temporary files there, too, so that
 * leftovers of a run can be found by their location.
 */
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
} from 'node:fs';
import { realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { runCommand } from './run-command.mjs';

export const sdkName = '@anthropic-ai/claude-agent-sdk';
const scope = dirname(sdkName);

/** @param {string} folder The SDK's own. */
export const manifestOf = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

/**
 * @typedef {Awaited<ReturnType<typeof openTrialCheckout>>} TrialCheckout
 * @param {string} root The checkout that is copied, with what is not committed yet.
 * @param {string} version Of the SDK, or a tag as npm knows it.
 * @param {AbortSignal} signal
 */
export async function openTrialCheckout(root, version, signal) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'boocode-canary-')));
  // Postgres runs as another user where tests run as root.
  chmodSync(folder, 0o755);
  const checkout = join(folder, 'boocode');
  const temporary = join(folder, 't');
  const env = { ...process.env, TMPDIR: temporary, CI: '1', NO_COLOR: '1' };
  const close = async () => {
    await endLeftovers(folder);
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  };
  try {
    mkdirSync(temporary);
    chmodSync(temporary, 0o1777);
    await copyFiles(root, checkout, { cwd: root, env, signal });
    linkModules(root, checkout);
    await installSdk(checkout, join(folder, 'install'), version, { env, signal });
    return {
      folder,
      checkout,
      sdkFolder: join(checkout, 'node_modules', sdkName),
      /**
       * @param {readonly string[]} args Of node.
       * @param {(line: string) => void} [onLine]
       */
      node: (args, onLine = () => {}) => runCommand(process.execPath, args, { cwd: checkout, env, signal, onLine }),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * @param {string} root
 * @param {string} checkout
 * @param {{ cwd: string, env: NodeJS.ProcessEnv, signal: AbortSignal }} options
 */
async function copyFiles(root, checkout, options) {
  const listed = await runCommand('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], options);
  if (listed.code !== 0) throw new Error(`This works in a git checkout only: ${listed.stderr.trim()}`);
  for (const file of listed.stdout.split('\0').filter((name) => name && existsSync(join(root, name)))) {
    mkdirSync(dirname(join(checkout, file)), { recursive: true });
    cpSync(join(root, file), join(checkout, file));
  }
}

/**
 * @param {string} root
 * @param {string} checkout
 */
function linkModules(root, checkout) {
  const [from, to] = [join(root, 'node_modules'), join(checkout, 'node_modules')];
  if (!existsSync(from)) throw new Error('There is no node_modules: run `npm install` first.');
  mkdirSync(join(to, scope), { recursive: true });
  // Names that start with a dot are caches, except for the programs.
  for (const name of readdirSync(from).filter((each) => each === '.bin' || !each.startsWith('.')))
    if (name !== scope) symlinkSync(join(from, name), join(to, name));
  for (const name of readdirSync(join(from, scope)).filter((each) => !`${scope}/${each}`.startsWith(sdkName)))
    symlinkSync(join(from, scope, name), join(to, scope, name));
}

/**
 * Its own packages replace the project's; other dependencies go into its own folder. Its peers are the project's.
 * @param {string} checkout
 * @param {string} place
 * @param {string} version
 * @param {{ env: NodeJS.ProcessEnv, signal: AbortSignal }} options
 */
async function installSdk(checkout, place, version, options) {
  mkdirSync(place);
  writeFileSync(join(place, 'package.json'), '{"private": true}\n');
  const npmrc = join(checkout, '.npmrc');
  if (existsSync(npmrc)) cpSync(npmrc, join(place, '.npmrc'));
  const args = [
    'install',
    '--ignore-scripts',
    '--legacy-peer-deps',
    '--no-audit',
    '--no-fund',
    `${sdkName}@${version}`,
  ];
  const { code, stderr } = await runCommand('npm', args, { cwd: place, ...options });
  if (code !== 0) throw new Error(`${sdkName}@${version} cannot be installed:\n${stderr.trim()}`);
  const [from, to] = [join(place, 'node_modules'), join(checkout, 'node_modules')];
  for (const name of readdirSync(join(from, scope)))
    if (`${scope}/${name}`.startsWith(sdkName)) renameSync(join(from, scope, name), join(to, scope, name));
  const own = join(to, sdkName, 'node_modules');
  for (const name of readdirSync(from).filter((each) => !each.startsWith('.'))) {
    if (readdirSync(join(from, name)).length === 0) continue;
    mkdirSync(own, { recursive: true });
    renameSync(join(from, name), join(own, name));
  }
  const file = join(checkout, 'package.json');
  const manifest = JSON.parse(readFileSync(file, 'utf8'));
  manifest.dependencies[sdkName] = manifestOf(join(to, sdkName)).version;
  writeFileSync(file, `${JSON.stringify(manifest, null, 2)}\n`);
}

const leaveMs = 3_000;

/**
 * Ends what still runs in the folder or from it, by process id. Linux only: elsewhere the process groups have to
 * suffice.
 * @param {string} folder
 */
async function endLeftovers(folder) {
  for (const name of /** @type {const} */ (['SIGTERM', 'SIGKILL'])) {
    const pids = processesOf(folder);
    if (pids.length === 0) return;
    for (const pid of pids)
      try {
        process.kill(pid, name);
      } catch {
        // It has exited.
      }
    for (let waited = 0; waited < leaveMs && processesOf(folder).length > 0; waited += 100) await delay(100);
  }
}

/** @param {string} folder */
function processesOf(folder) {
  if (!existsSync('/proc/self/cwd')) return [];
  const isInside = (/** @type {string} */ path) => path === folder || path.startsWith(`${folder}/`);
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return ['cwd', 'exe'].some((link) => isInside(readlinkSync(`/proc/${pid}/${link}`))) || words.some(isInside);
      } catch {
        return false;
      }
    })
    .map(Number);
}
