/** What `boocode doctor` checks: is everything there that the server needs, and if not, what to do. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { chooseProvider } from './agents/provider.ts';
import { findClaudeProgram } from './agents/claude/claude-program.ts';
import { loadPseudoTerminals } from './terminal/pseudo-terminal.ts';
import type { Config } from './config.ts';
import { openDataDirectory } from './data-directory.ts';
import { isBooCode } from './http/is-boocode.ts';
import { withDeathSignal } from './lib/process-identity.ts';
import type { BackendName } from './protocol/chat.ts';
import { toBooError } from './protocol/error.ts';
import { poolSizes, readDatabaseFacts } from './store/database-facts.ts';
import { openEmbeddedPostgres } from './store/embedded-postgres/embedded-postgres.ts';

export interface Finding {
  name: string;
  status: 'ok' | 'warn' | 'fail';
  message: string;
  /** What to do; null if nothing. */
  fix: string | null;
}

const run = promisify(execFile);

export async function diagnose(config: Config): Promise<Finding[]> {
  const [program, terminals, login] = [await checkProgram(), await checkTerminals(), checkLogin(config)];
  return [
    checkNode(),
    program,
    terminals,
    ...checkDeathSignal(),
    login,
    checkPath(config, { backend: 'claude_pty', what: 'The terminal program', needs: [program, terminals], login }),
    checkPath(config, { backend: 'claude_sdk', what: 'The Agent SDK', needs: [program], login }),
    checkAgentEnvironment(config),
    checkDataDir(config),
    await checkDatabase(config),
    await checkPort(config),
  ];
}

function finding(name: string, status: Finding['status'], message: string, fix: string | null = null): Finding {
  return { name, status, message, fix };
}

function checkNode(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isNew = major > 20 || (major === 20 && minor >= 19);
  return isNew
    ? finding('node', 'ok', `Node ${process.versions.node}`)
    : finding('node', 'fail', `Node ${process.versions.node} is too old.`, 'Install Node 20.19 or newer.');
}

const reinstall = 'Run `npm install` again, with optional dependencies.';

async function checkProgram(): Promise<Finding> {
  const program = findClaudeProgram();
  if (program === null) {
    return finding('claude', 'fail', `There is no claude program for ${process.platform} ${process.arch}.`, reinstall);
  }
  try {
    const { stdout } = await run(program, ['--version'], { timeout: 20_000 });
    return finding('claude', 'ok', `claude ${stdout.trim()}, bundled`);
  } catch (error) {
    return finding('claude', 'fail', `The claude program does not start: ${toBooError(error).message}`, reinstall);
  }
}

/** Not everybody needs it: what fails without it is reported there. */
async function checkTerminals(): Promise<Finding> {
  const loaded = await loadPseudoTerminals();
  return loaded.ok
    ? finding('terminals', 'ok', 'Pseudo-terminals can be opened.')
    : finding('terminals', 'warn', loaded.reason, reinstall);
}

/** On Linux the kernel ends agents whose host has died; elsewhere nothing does before the next start. */
function checkDeathSignal(): Finding[] {
  if (process.platform !== 'linux') return [];
  if (withDeathSignal('agent', [], 'TERM').command !== 'agent') {
    return [finding('setpriv', 'ok', 'Agents end with their server, even if it is killed.')];
  }
  const problem = 'There is no setpriv that knows --pdeathsig: an agent may outlive a killed server.';
  return [finding('setpriv', 'warn', problem, 'Install util-linux. Until then the next start of the server ends it.')];
}

interface Path {
  backend: BackendName;
  what: string;
  needs: readonly Finding[];
  login: Finding;
}

/** Whether chats can run this way here. The default for new chats must work. */
function checkPath({ sdkByDefault }: Config, { backend, what, needs, login }: Path): Finding {
  const isDefault = (backend === 'claude_sdk') === sdkByDefault;
  const isOn = `CLAUDE_SDK_BACKEND is ${sdkByDefault ? 'on' : 'off'}`;
  const role = isDefault ? `New chats run on it (${isOn}).` : `Chats that name it run on it (${isOn}).`;
  const missing = needs.filter((need) => need.status !== 'ok').map((need) => need.name);
  if (missing.length > 0) {
    const fix = isDefault
      ? `See above${sdkByDefault ? '' : ', or start the server with CLAUDE_SDK_BACKEND=1'}.`
      : 'See above, if you want it.';
    return finding(
      backend,
      isDefault ? 'fail' : 'warn',
      `${what} does not work here. Missing: ${missing.join(', ')}.`,
      fix,
    );
  }
  if (login.status !== 'ok')
    return finding(backend, 'warn', `${what} is here, but not logged in. ${role}`, 'See login.');
  return finding(backend, 'ok', `${what} works here. ${role}`);
}

/** Only names: the values are confidential. */
function checkAgentEnvironment({ agentEnv, agentEnvNames }: Config): Finding {
  const name = 'agents get';
  const names = Object.keys(agentEnv).toSorted();
  const { title } = chooseProvider(agentEnv);
  const message = `Agents get, for ${title}: ${names.join(', ')}.`;
  const proxy = names.find((each) => /_proxy$/i.test(each) && /\/\/[^/@]+@/.test(agentEnv[each] ?? ''));
  if (proxy !== undefined) {
    const fix = 'What agents run can read it: use a proxy that admits this machine without a password.';
    return finding(name, 'warn', `${message} The address in ${proxy} contains a password.`, fix);
  }
  const more = ' Add others by name with --agent-env: SSH_AUTH_SOCK, for instance, lends them your SSH keys.';
  return finding(name, 'ok', agentEnvNames.length > 0 ? message : message + more);
}

function checkLogin(config: Config): Finding {
  const env = config.agentEnv;
  const configDir = env['CLAUDE_CONFIG_DIR'] ?? join(env['HOME'] ?? homedir(), '.claude');
  for (const name of ['ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN', 'CLAUDE_CODE_OAUTH_TOKEN']) {
    if (env[name]) return finding('login', 'ok', `${name} is set.`);
  }
  const { switches } = chooseProvider(env);
  const chosen = switches.find((name) => env[name]);
  if (chosen !== undefined) return finding('login', 'ok', `${chosen} is set.`);
  if (existsSync(join(configDir, '.credentials.json')))
    return finding('login', 'ok', 'The claude program is logged in.');
  const where = process.platform === 'darwin' ? ' (a login kept in the keychain is not visible here)' : '';
  return finding(
    'login',
    'warn',
    `No login for Claude was found${where}.`,
    'Set ANTHROPIC_API_KEY, or start the server and sign in with `boocode login`. ' +
      'The demo needs neither: `npx boocode demo`.',
  );
}

function checkDataDir({ dataDir }: Config): Finding {
  try {
    const removeEmpty = openDataDirectory(dataDir);
    removeEmpty();
    return finding('data directory', 'ok', dataDir);
  } catch {
    const fix = 'Make it writable for this user, or choose another with --data-dir.';
    return finding('data directory', 'fail', `${dataDir} is not writable.`, fix);
  }
}

async function checkDatabase(config: Config): Promise<Finding> {
  const isOwn = config.databaseUrl !== null;
  // The embedded one is tested in a separate directory: the real one may be in use.
  const scratch = isOwn ? null : mkdtempSync(join(tmpdir(), 'boocode-doctor-'));
  try {
    const embedded = scratch === null ? null : await openEmbeddedPostgres({ dataDir: scratch });
    try {
      const facts = await readDatabaseFacts(config.databaseUrl ?? embedded?.url ?? '');
      const whose = isOwn ? `yours (DATABASE_URL)${facts.isPooled ? ' through a pooler' : ''}` : 'embedded';
      poolSizes(facts);
      return finding('database', 'ok', `Postgres ${facts.version}, ${whose}`);
    } finally {
      await embedded?.close();
    }
  } catch (error) {
    const fix = isOwn ? null : 'Set DATABASE_URL to a Postgres of your own.';
    return finding('database', 'fail', toBooError(error).message, fix);
  } finally {
    if (scratch !== null) rmSync(scratch, { recursive: true, force: true });
  }
}

async function checkPort({ host, port }: Config): Promise<Finding> {
  if (port === 0) return finding('port', 'ok', 'any free port');
  const isTaken = await new Promise<boolean>((resolve) => {
    const socket = connect({ host, port, timeout: 2_000 });
    const end = (answer: boolean) => (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', end(true)).once('error', end(false)).once('timeout', end(false));
  });
  if (!isTaken) return finding('port', 'ok', `${host}:${port} is free.`);
  if (await isBooCode(`http://${host.includes(':') ? `[${host}]` : host}:${port}`)) {
    return finding('port', 'ok', `A BooCode server is running on ${host}:${port}.`);
  }
  return finding('port', 'warn', `Another program listens on ${host}:${port}.`, 'Choose another port with --port.');
}
