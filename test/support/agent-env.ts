import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { agentEnvironment } from '../../src/agents/claude/agent-environment.ts';

export interface AgentEnv {
  /** A whole environment for agents: a fresh home, a fresh config directory, and the model at the given address. */
  env: Record<string, string>;
  home: string;
  configDir: string;
  remove(): Promise<void>;
}

/** For agents that reach only the given stand-in for the Messages API, and see no user settings. */
export async function createAgentEnv(modelUrl: string): Promise<AgentEnv> {
  const home = await mkdtemp(join(tmpdir(), 'boocode-home-'));
  const configDir = join(home, '.claude');
  const path = agentEnvironment({ PATH: process.env['PATH'], LANG: 'C.UTF-8' });
  return {
    home,
    configDir,
    env: {
      ...path,
      HOME: home,
      CLAUDE_CONFIG_DIR: configDir,
      ANTHROPIC_BASE_URL: modelUrl,
      ANTHROPIC_API_KEY: 'sk-demo-0000000000000000',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      DISABLE_AUTOUPDATER: '1',
      IS_SANDBOX: '1',
    },
    // The program may still be writing its last lines there.
    remove: () => rm(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }),
  };
}
