import type { Bubblewrap } from './agents/sandbox/bubblewrap.ts';
import type { Config } from './config.ts';
import { type Finding, finding } from './protocol/finding.ts';

/** Whether agents can run in a sandbox here. Without one a server runs as before, unless it has to have one. */
export function checkSandbox(
  { sandbox, sandboxNetwork, sandboxHosts }: Pick<Config, 'sandbox' | 'sandboxNetwork' | 'sandboxHosts'>,
  found: Bubblewrap,
): Finding {
  const name = 'sandbox';
  const hosts = sandboxNetwork === 'limited' && sandboxHosts.length > 0 ? ` and ${sandboxHosts.join(', ')}` : '';
  const network =
    sandboxNetwork === 'open'
      ? 'Its network is open (see --sandbox-network).'
      : `From it they reach their model’s provider${hosts}, and nothing else.`;
  if (sandboxNetwork !== 'open' && sandbox === 'off') {
    const problem = `--sandbox-network ${sandboxNetwork} counts in a sandbox, and chats need not have one.`;
    return finding(name, 'warn', problem, 'Set --sandbox required, too.');
  }
  const least =
    sandbox === 'off' ? 'Chats have one if they ask for it (see --sandbox).' : `It is ${sandbox} for every chat.`;
  if ('path' in found)
    return finding(name, 'ok', `Agents can run in a sandbox here, made by ${found.path}. ${least} ${network}`);
  if (sandbox === 'off')
    return finding(name, 'ok', `Agents cannot run in a sandbox here: ${found.reason} ${found.fix}`);
  const what = sandbox === 'required' ? 'No agent starts' : 'Agents run without a sandbox';
  return finding(name, sandbox === 'required' ? 'fail' : 'warn', `${what}: ${found.reason}`, found.fix);
}
