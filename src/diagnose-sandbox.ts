import { existsSync } from 'node:fs';
import type { Bubblewrap } from './agents/sandbox/bubblewrap.ts';
import type { Config } from './config.ts';
import { type Finding, finding } from './protocol/finding.ts';
import { isStricter, type SandboxMode } from './protocol/sandbox.ts';

type Settings = Pick<Config, 'sandbox' | 'sandboxNetwork' | 'sandboxHosts'> &
  Partial<Pick<Config, 'sandboxDirectories'>>;

const name = 'sandbox';

/** Whether a chat may have to have a network that is not the machine's. */
export const limitsNetwork = ({ sandboxNetwork, sandboxDirectories = [] }: Settings): boolean =>
  [sandboxNetwork, ...sandboxDirectories.map(({ network }) => network)].some((network) => network !== 'open');

/** Whether agents can run in a sandbox here. Without one a server runs as before, unless it has to have one. */
export function checkSandbox(settings: Settings, found: Bubblewrap): Finding {
  const { sandbox, sandboxNetwork, sandboxHosts, sandboxDirectories = [] } = settings;
  const problem = problemOf(settings);
  if (problem) return finding(name, 'warn', problem.what, problem.fix);
  const hosts = sandboxNetwork === 'limited' && sandboxHosts.length > 0 ? ` and ${sandboxHosts.join(', ')}` : '';
  const network =
    sandboxNetwork === 'open'
      ? 'Its network is open (see --sandbox-network).'
      : `From it they reach their model’s provider${hosts}, and nothing else.`;
  const least =
    sandbox === 'off' ? 'Chats have one if they ask for it (see --sandbox).' : `It is ${sandbox} for every chat.`;
  const ofDirectories = sandboxDirectories.map(
    (rule) => ` In ${rule.directory} it is at least ${rule.mode}:${rule.network}.`,
  );
  if ('path' in found) {
    const what = `Agents can run in a sandbox here, made by ${found.path}. ${least} ${network}${ofDirectories.join('')}`;
    return finding(name, 'ok', what);
  }
  if (sandbox !== 'off') {
    const what = sandbox === 'required' ? 'No agent starts' : 'Agents run without a sandbox';
    return finding(name, sandbox === 'required' ? 'fail' : 'warn', `${what}: ${found.reason}`, found.fix);
  }
  const named = (mode: SandboxMode): string =>
    sandboxDirectories.flatMap((rule) => (rule.mode === mode ? [rule.directory] : [])).join(', ');
  if (named('required') !== '') {
    return finding(name, 'fail', `No agent starts in ${named('required')}: ${found.reason}`, found.fix);
  }
  if (named('preferred') !== '') {
    return finding(name, 'warn', `Agents run without a sandbox in ${named('preferred')}: ${found.reason}`, found.fix);
  }
  return finding(name, 'ok', `Agents cannot run in a sandbox here: ${found.reason} ${found.fix}`);
}

/** What is set and does not do what it seems to. */
function problemOf({ sandbox, sandboxNetwork, sandboxDirectories = [] }: Settings) {
  if (sandboxNetwork !== 'open' && sandbox === 'off') {
    const what = `--sandbox-network ${sandboxNetwork} counts in a sandbox, and chats need not have one.`;
    return { what, fix: 'Set --sandbox required, too.' };
  }
  for (const { directory, mode, network } of sandboxDirectories) {
    if (!existsSync(directory)) {
      return { what: `--sandbox-directories names ${directory}, which does not exist.`, fix: 'Correct its path.' };
    }
    if (network !== 'open' && mode === 'off' && !isStricter(sandbox, 'off')) {
      const what = `The network ${network} of ${directory} counts in a sandbox, and chats there need not have one.`;
      return { what, fix: `Set --sandbox-directories ${directory}=required:${network}.` };
    }
  }
  return null;
}
