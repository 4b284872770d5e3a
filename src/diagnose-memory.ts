/** What `boocode doctor` says about memory: how many agents it is enough for, and which processes go first. */
import { reserveOf } from './chats/admission.ts';
import type { Config } from './config.ts';
import type { ReadMemory } from './lib/memory.ts';
import { type Finding, finding } from './protocol/finding.ts';
import { startLimitsOf } from './start-limits.ts';

const mb = 1024 * 1024;
/** With fewer, prompts wait again and again. */
const fewAgents = 4;

export function checkMemory(config: Config, readMemory: ReadMemory): Finding {
  const name = 'memory';
  const { agentBytes, reserveBytes } = startLimitsOf(config);
  if (agentBytes === 0) return finding(name, 'ok', 'Agents start whatever is free (--agent-memory-mb 0).');
  const memory = readMemory();
  if (!memory) return finding(name, 'ok', 'This system does not say how much is free: agents start whatever is.');
  const reserve = reserveOf(memory, { reserveBytes });
  const room = Math.max(0, Math.floor((memory.availableBytes - reserve) / agentBytes));
  const [free, all, kept] = [memory.availableBytes, memory.totalBytes, reserve].map((bytes) => Math.round(bytes / mb));
  const facts = `${free} MB of ${all} MB are free, and ${kept} MB stay so`;
  if (room >= fewAgents) return finding(name, 'ok', `${facts}: enough for ${room} agents.`);
  const enough = room === 0 ? 'no agent can start' : `enough for ${room} ${room === 1 ? 'agent' : 'agents'}`;
  const fix =
    'Prompts of other chats wait until an idle agent has ended. Free memory, raise the limit of the container, or see --agent-memory-mb and --reserve-memory-mb.';
  return finding(name, 'warn', `${facts}: ${enough}.`, fix);
}
