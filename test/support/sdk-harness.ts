import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClaudeSdkBackend, type ClaudeSdkBackendOptions } from '../../src/agents/claude-sdk/claude-sdk-backend.ts';
import { type DemoModel, startDemoModel } from '../../src/demo/demo-model.ts';
import { type Log, silentLog } from '../../src/lib/log.ts';
import type { BackendHarness } from '../contract/agent-backend.ts';
import { type AgentEnv, createAgentEnv } from './agent-env.ts';
import { ownAgents, type SeenProcess } from './processes.ts';

export interface SdkHarness extends BackendHarness {
  backend: ClaudeSdkBackend;
  model: DemoModel;
  agent: AgentEnv;
  leftovers(chatId: string): SeenProcess[];
}

export interface SdkHarnessOptions {
  env?: Record<string, string>;
  dataDir?: string;
  sandbox?: ClaudeSdkBackendOptions['sandbox'];
  limits?: ClaudeSdkBackendOptions['limits'];
  logger?: Log;
}

/** A ClaudeSdkBackend with the real program and a scripted model. */
export async function openSdkHarness(options: SdkHarnessOptions = {}): Promise<SdkHarness> {
  const model = await startDemoModel();
  const agent = await createAgentEnv(model.url);
  const cwd = await realpath(await mkdtemp(join(tmpdir(), 'boocode-sdk-')));
  const backend = new ClaudeSdkBackend({
    env: { ...agent.env, ...options.env },
    ...(options.dataDir === undefined ? {} : { dataDir: options.dataDir }),
    ...(options.sandbox && { sandbox: options.sandbox }),
    logger: options.logger ?? silentLog,
    limits: options.limits ?? {},
  });
  return {
    backend,
    model,
    agent,
    cwd,
    held: () => model.held,
    release: () => void model.release(),
    leftovers: () => ownAgents().filter((each) => each.environ.includes(`HOME=${agent.home}`)),
    async close() {
      try {
        await backend.dispose();
        const left = ownAgents().filter((each) => each.environ.includes(`HOME=${agent.home}`));
        if (left.length > 0) throw new Error(`Agents are left: ${left.map((each) => each.command).join('; ')}`);
      } finally {
        await model.close();
        await agent.remove();
        await rm(cwd, { recursive: true, force: true });
      }
    },
  };
}
