import { randomBytes } from 'node:crypto';
import type { AgentDeclaration } from './agents/agent.ts';
import { declaredAgents } from './agents/agents.ts';
import type { Config } from './config.ts';
import { startDemoModel } from './demo/demo-model.ts';

export interface DemoOptions {
  agents?: readonly AgentDeclaration[];
  demoIntervalMs?: number;
}

/** The agents of a demo reach only the demo model, and leave the user's own settings alone. */
export async function demoEnvironment(
  config: Config,
  options: DemoOptions,
  closers: (() => Promise<unknown>)[],
): Promise<Record<string, string>> {
  const apiKey = `demo-${randomBytes(16).toString('hex')}`;
  const model = await startDemoModel({ apiKey, intervalMs: options.demoIntervalMs ?? 0 });
  closers.push(() => model.close());
  const endpoint = { url: model.url, apiKey, dataDir: config.dataDir };
  const { agents = declaredAgents } = options;
  return agents.reduce((env, agent) => agent.demoEnvironment(env, endpoint), { ...config.agentEnv });
}
