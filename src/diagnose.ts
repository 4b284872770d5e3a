/** What `boocode doctor` looks at: does everything stand that the server needs, and if not, what is to be done. */
import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Config } from './config.ts';
import { toBooError } from './protocol/error.ts';
import { openDatabase } from './store/database.ts';
import { openEmbeddedPostgres } from './store/embedded-postgres/embedded-postgres.ts';

export interface Finding {
  name: string;
  status: 'ok' | 'warn' | 'fail';
  message: string;
  /** What to do; null when nothing is. */
  fix: string | null;
}

const run = promisify(execFile);

export async function diagnose(config: Config): Promise<Finding[]> {
  return [
    checkNode(),
    await checkProgram(),
    checkGate(config),
    checkLogin(config),
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

/** The `claude` program that comes with the SDK, in the package for this platform. */
function findProgram(): string | null {
  const resolve = createRequire(createRequire(import.meta.url).resolve('@anthropic-ai/claude-agent-sdk'));
  const ending = process.platform === 'win32' ? '.exe' : '';
  for (const libc of ['', '-musl']) {
    const name = `@anthropic-ai/claude-agent-sdk-${process.platform}-${process.arch}${libc}/claude${ending}`;
    try {
      return resolve.resolve(name);
    } catch {
      // Not for this platform.
    }
  }
  return null;
}

async function checkProgram(): Promise<Finding> {
  const program = findProgram();
  const fix = 'Run `npm install` again, with optional dependencies.';
  if (program === null) {
    return finding('claude', 'fail', `There is no claude program for ${process.platform} ${process.arch}.`, fix);
  }
  try {
    const { stdout } = await run(program, ['--version'], { timeout: 20_000 });
    return finding('claude', 'ok', `claude ${stdout.trim()}, bundled`);
  } catch (error) {
    return finding('claude', 'fail', `The claude program does not start: ${toBooError(error).message}`, fix);
  }
}

function checkGate(config: Config): Finding {
  return config.sdkByDefault
    ? finding('backend', 'ok', 'New chats run on the Claude Agent SDK (CLAUDE_SDK_BACKEND is on).')
    : finding(
        'backend',
        'warn',
        'CLAUDE_SDK_BACKEND is off, and the terminal backend is not part of this version.',
        'Start the server with CLAUDE_SDK_BACKEND=1, or name the backend claude_sdk when creating a chat.',
      );
}

function checkLogin(config: Config): Finding {
  const env = config.agentEnv;
  const configDir = env['CLAUDE_CONFIG_DIR'] ?? join(env['HOME'] ?? homedir(), '.claude');
  for (const name of ['ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN', 'CLAUDE_CODE_OAUTH_TOKEN']) {
    if (env[name]) return finding('login', 'ok', `${name} is set.`);
  }
  for (const name of ['CLAUDE_CODE_USE_BEDROCK', 'CLAUDE_CODE_USE_VERTEX', 'CLAUDE_CODE_USE_FOUNDRY']) {
    if (env[name]) return finding('login', 'ok', `${name} is set.`);
  }
  if (existsSync(join(configDir, '.credentials.json')))
    return finding('login', 'ok', 'The claude program is logged in.');
  const where = process.platform === 'darwin' ? ' (a login kept in the keychain is not visible here)' : '';
  return finding(
    'login',
    'warn',
    `No login for Claude was found${where}.`,
    'Set ANTHROPIC_API_KEY, or run `claude` once and log in. The demo needs neither: `npx boocode demo`.',
  );
}

function checkDataDir({ dataDir }: Config): Finding {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
    return finding('data directory', 'ok', dataDir);
  } catch {
    const fix = 'Make it writable for this user, or choose another with --data-dir.';
    return finding('data directory', 'fail', `${dataDir} cannot be written.`, fix);
  }
}

async function checkDatabase(config: Config): Promise<Finding> {
  const isOwn = config.databaseUrl !== null;
  // The embedded one is tried out in a directory of its own: the real one may be in use.
  const scratch = isOwn ? null : mkdtempSync(join(tmpdir(), 'boocode-doctor-'));
  try {
    const embedded = scratch === null ? null : await openEmbeddedPostgres({ dataDir: scratch });
    const sql = openDatabase(config.databaseUrl ?? embedded?.url ?? '', { max: 1 });
    try {
      const [row] = await sql<{ version: string }[]>`select current_setting('server_version') as version`;
      return finding('database', 'ok', `Postgres ${row?.version}, ${isOwn ? 'yours (DATABASE_URL)' : 'embedded'}`);
    } finally {
      await sql.end({ timeout: 5 });
      await embedded?.close();
    }
  } catch (error) {
    const fix = isOwn ? 'Check DATABASE_URL and that the server is up.' : 'Set DATABASE_URL to a Postgres of your own.';
    return finding('database', 'fail', `The database does not answer: ${toBooError(error).message}`, fix);
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
    return finding('port', 'ok', `A BooCode server answers on ${host}:${port}.`);
  }
  return finding('port', 'warn', `Another program listens on ${host}:${port}.`, 'Choose another port with --port.');
}

async function isBooCode(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(2_000) });
    const body = (await response.json()) as { status?: unknown };
    return body.status === 'ok' || body.status === 'unavailable';
  } catch {
    return false;
  }
}
