/** What `boocode doctor` checks: whether everything that the server needs works, and if not, what to do. */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { declaredAgents } from './agents/agents.ts';
import { git, gitEnvironment } from './chats/workspaces/git.ts';
import { Workspaces } from './chats/workspaces/workspaces.ts';
import type { Config } from './config.ts';
import { openDataDirectory } from './data-directory.ts';
import { findBubblewrap } from './agents/sandbox/bubblewrap.ts';
import { checkMemory } from './diagnose-memory.ts';
import { exposureOf } from './exposure.ts';
import { checkTlsFiles, warningsAbout } from './http/tls-files.ts';
import { checkSandbox, limitsNetwork } from './diagnose-sandbox.ts';
import { checkSecrets } from './diagnose-secrets.ts';
import { isBooCode } from './http/is-boocode.ts';
import { memoryReader } from './lib/memory.ts';
import { withDeathSignal } from './lib/process-identity.ts';
import { type Finding, finding } from './protocol/finding.ts';
import { toBooError } from './protocol/error.ts';
import { commitAdvice, connectionAdvice, readDatabaseFacts } from './store/database-facts.ts';
import { openEmbeddedPostgres } from './store/embedded-postgres/embedded-postgres.ts';

export async function diagnose(config: Config): Promise<Finding[]> {
  const { agentEnv: env, sdkByDefault } = config;
  const agents = await Promise.all(declaredAgents.map((agent) => agent.diagnose({ env, sdkByDefault })));
  return [
    checkNode(),
    ...checkDeathSignal(),
    ...agents.flat(),
    checkAgentEnvironment(config),
    checkSandbox(config, findBubblewrap(limitsNetwork(config))),
    ...(await checkWorkspaces(config)),
    checkMemory(config, memoryReader()),
    checkDataDir(config),
    await checkDatabase(config),
    ...(await checkSecrets(config)),
    ...checkTls(config),
    await checkPort(config),
  ];
}

function checkNode(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isNew = major > 20 || (major === 20 && minor >= 19);
  return isNew
    ? finding('node', 'ok', `Node ${process.versions.node}`)
    : finding('node', 'fail', `Node ${process.versions.node} is too old.`, 'Install Node 20.19 or newer.');
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

/** Only names: the values are confidential. */
function checkAgentEnvironment({ agentEnv, agentEnvNames }: Config): Finding {
  const name = 'agents get';
  const names = Object.keys(agentEnv).toSorted();
  const message = `Agents get: ${names.join(', ')}.`;
  const proxy = names.find((each) => /_proxy$/i.test(each) && /\/\/[^/@]+@/.test(agentEnv[each] ?? ''));
  if (proxy !== undefined) {
    const fix = 'What agents run can read it: use a proxy that admits this machine without a password.';
    return finding(name, 'warn', `${message} The address in ${proxy} contains a password.`, fix);
  }
  const more = ' Add others by name with --agent-env: SSH_AUTH_SOCK, for instance, lends them your SSH keys.';
  return finding(name, 'ok', agentEnvNames.length > 0 ? message : message + more);
}

/** Only where something is set: without it, a directory is where it is. */
async function checkWorkspaces({ dataDir, agentEnv: env, workspaces: mappings, clones }: Config): Promise<Finding[]> {
  if (mappings.length === 0 && !clones) return [];
  const name = 'workspaces';
  const hasGit = await git(['--version'], { cwd: '/', env: gitEnvironment(env) }).then(
    ({ code }) => code === 0,
    () => false,
  );
  if (!hasGit) {
    const problem = 'There is no git, so nothing tells whether a directory is the same repository as on another host.';
    return [finding(name, 'fail', problem, 'Install git.')];
  }
  const present = await new Workspaces({ dataDir, env, mappings }).present();
  const absent = mappings.filter(({ from }) => !present.includes(from));
  const here = present.length === 0 ? 'None of the mapped directories is here' : `Here: ${present.join(', ')}`;
  const message = absent.length === 0 ? `${here}.` : `${here}; not here: ${absent.map(({ to }) => to).join(', ')}.`;
  if (clones) return [finding(name, 'ok', `${mappings.length === 0 ? '' : `${message} `}What is not here is cloned.`)];
  if (absent.length === 0) return [finding(name, 'ok', message)];
  return [
    finding(
      name,
      'warn',
      message,
      'Create or clone them, or set --clone: until then chats that work there stay on other hosts.',
    ),
  ];
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
      // Throws if there are too few for any server.
      const aboutRoom = connectionAdvice(facts);
      let what = `Postgres ${facts.version}, ${whose}`;
      // What a pooler does not say is no problem yet.
      if (aboutRoom && facts.isPooled) what += `. ${aboutRoom.problem} ${aboutRoom.fix}`;
      const problems = [facts.isPooled ? null : aboutRoom, commitAdvice(facts)].filter((advice) => advice !== null);
      if (problems.length === 0) return finding('database', 'ok', what);
      const [all, fixes] = [problems.map(({ problem }) => problem), problems.map(({ fix }) => fix)];
      return finding('database', 'warn', [`${what}.`, ...all].join(' '), fixes.join(' '));
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

function checkTls(config: Config): Finding[] {
  const { tls } = config;
  const exposed = exposureOf(config);
  if (exposed) return [finding('network', 'warn', exposed.problem, exposed.fix)];
  if (tls === null) return [];
  try {
    const certificate = checkTlsFiles(tls);
    const warnings = warningsAbout(tls, { certificate }, new Date());
    const what = `HTTPS with ${tls.cert}, valid until ${certificate.validTo}.`;
    if (warnings.length === 0) return [finding('tls', 'ok', what)];
    return [finding('tls', 'warn', what, warnings.join(' '))];
  } catch (error) {
    return [finding('tls', 'fail', toBooError(error).message, 'Name a certificate and its key, both in PEM.')];
  }
}

async function checkPort({ host, port, tls }: Config): Promise<Finding> {
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
  if (await isBooCode(`${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`)) {
    return finding('port', 'ok', `A BooCode server is running on ${host}:${port}.`);
  }
  return finding('port', 'warn', `Another program listens on ${host}:${port}.`, 'Choose another port with --port.');
}
