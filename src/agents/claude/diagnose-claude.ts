/** What `boocode doctor` reports about Claude: its program, its login, and each way to run it. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { toBooError } from '../../protocol/error.ts';
import { type Finding, finding } from '../../protocol/finding.ts';
import { loadPseudoTerminals } from '../../terminal/pseudo-terminal.ts';
import type { AgentDeclaration } from '../agent.ts';
import { findClaudeProgram, noProgram, reinstall } from './claude-program.ts';
import { chooseProvider } from './provider.ts';

type Options = Parameters<AgentDeclaration['diagnose']>[0];

const run = promisify(execFile);

export async function diagnoseClaude({ env, sdkByDefault }: Options): Promise<Finding[]> {
  const [program, terminals, login] = [await checkProgram(), await checkTerminals(), checkLogin(env)];
  const needs = { terminal: [program, terminals], sdk: [program] };
  return [
    program,
    terminals,
    login,
    checkPath({ backend: 'claude_pty', what: 'The terminal program', needs: needs.terminal, login, sdkByDefault }),
    checkPath({ backend: 'claude_sdk', what: 'The Agent SDK', needs: needs.sdk, login, sdkByDefault }),
    finding('provider', 'ok', `Requests go to ${chooseProvider(env).title}.`),
  ];
}

async function checkProgram(): Promise<Finding> {
  const program = findClaudeProgram();
  if (program === null) return finding('claude', 'fail', noProgram(), reinstall);
  try {
    const { stdout } = await run(program, ['--version'], { timeout: 20_000 });
    return finding('claude', 'ok', `claude ${stdout.trim()}, bundled`);
  } catch (error) {
    return finding('claude', 'fail', `The claude program does not start: ${toBooError(error).message}`, reinstall);
  }
}

/** Optional: backends that need it report its absence themselves. */
async function checkTerminals(): Promise<Finding> {
  const loaded = await loadPseudoTerminals();
  return loaded.ok
    ? finding('terminals', 'ok', 'Pseudo-terminals can be opened.')
    : finding('terminals', 'warn', loaded.reason, reinstall);
}

interface Path {
  backend: 'claude_pty' | 'claude_sdk';
  what: string;
  needs: readonly Finding[];
  login: Finding;
  sdkByDefault: boolean;
}

/** Whether chats can run this way here. The default for new chats must work. */
function checkPath({ backend, what, needs, login, sdkByDefault }: Path): Finding {
  const isDefault = (backend === 'claude_sdk') === sdkByDefault;
  const isOn = `CLAUDE_SDK_BACKEND is ${sdkByDefault ? 'on' : 'off'}`;
  const role = isDefault ? `New chats run on it (${isOn}).` : `Chats that name it run on it (${isOn}).`;
  const missing = needs.filter((need) => need.status !== 'ok').map((need) => need.name);
  if (missing.length > 0) {
    const fix = isDefault
      ? `See above${sdkByDefault ? '' : ', or start the server with CLAUDE_SDK_BACKEND=1'}.`
      : 'See above, if you want to use it.';
    return finding(
      backend,
      isDefault ? 'fail' : 'warn',
      `${what} does not work here. Missing: ${missing.join(', ')}.`,
      fix,
    );
  }
  if (login.status !== 'ok')
    return finding(backend, 'warn', `${what} is available, but not logged in. ${role}`, 'See login.');
  return finding(backend, 'ok', `${what} works here. ${role}`);
}

function checkLogin(env: Options['env']): Finding {
  const configDir = env['CLAUDE_CONFIG_DIR'] ?? join(env['HOME'] ?? homedir(), '.claude');
  for (const name of ['ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN', 'CLAUDE_CODE_OAUTH_TOKEN']) {
    if (env[name]) return finding('login', 'ok', `${name} is set.`);
  }
  const { switches } = chooseProvider(env);
  const chosen = switches.find((name) => env[name]);
  if (chosen !== undefined) return finding('login', 'ok', `${chosen} is set.`);
  if (existsSync(join(configDir, '.credentials.json')))
    return finding('login', 'ok', 'The claude program is logged in.');
  const where = process.platform === 'darwin' ? ' (a login in the keychain is not visible here)' : '';
  return finding(
    'login',
    'warn',
    `No login for Claude was found${where}.`,
    'Set ANTHROPIC_API_KEY, or start the server and sign in with `boocode login`. ' +
      'The demo needs neither: `npx boocode demo`.',
  );
}
