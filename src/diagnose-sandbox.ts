import type { Bubblewrap } from './agents/sandbox/bubblewrap.ts';
import type { Config } from './config.ts';
import { type Finding, finding } from './protocol/finding.ts';

/** Whether agents can run in a sandbox here. Without one a server runs as before, unless it has to have one. */
export function checkSandbox({ sandbox }: Pick<Config, 'sandbox'>, found: Bubblewrap): Finding {
  const name = 'sandbox';
  const least =
    sandbox === 'off' ? 'Chats have one if they ask for it (see --sandbox).' : `It is ${sandbox} for every chat.`;
  if ('path' in found) return finding(name, 'ok', `Agents can run in a sandbox here, made by ${found.path}. ${least}`);
  if (sandbox === 'off')
    return finding(name, 'ok', `Agents cannot run in a sandbox here: ${found.reason} ${found.fix}`);
  const what = sandbox === 'required' ? 'No agent starts' : 'Agents run without a sandbox';
  return finding(name, sandbox === 'required' ? 'fail' : 'warn', `${what}: ${found.reason}`, found.fix);
}
