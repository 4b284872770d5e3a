import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findClaudeProgram } from '../../src/agents/claude/claude-program.ts';
import { ClaudeSdkBackend } from '../../src/agents/claude-sdk/claude-sdk-backend.ts';
import { ClaudePtyBackend, type ClaudePtyBackendOptions } from '../../src/agents/claude-pty/claude-pty-backend.ts';
import { loadPseudoTerminals } from '../../src/terminal/pseudo-terminal.ts';
import { type DemoModel, startDemoModel } from '../../src/demo/demo-model.ts';
import { type Log, silentLog } from '../../src/lib/log.ts';
import type { BackendHarness } from '../contract/agent-backend.ts';
import { type AgentEnv, createAgentEnv } from './agent-env.ts';
import { ownAgents, type SeenProcess } from './processes.ts';

export interface PtyHarness extends BackendHarness {
  backend: ClaudePtyBackend;
  model: DemoModel;
  agent: AgentEnv;
  leftovers(chatId: string): SeenProcess[];
}

export interface PtyHarnessOptions {
  /** A program other than the real `claude`. */
  program?: string;
  env?: Record<string, string>;
  dataDir?: string;
  sandbox?: ClaudePtyBackendOptions['sandbox'];
  limits?: ClaudePtyBackendOptions['limits'];
  logger?: Log;
}

/** A ClaudePtyBackend with the real program in real terminals and a scripted model. */
export async function openPtyHarness(options: PtyHarnessOptions = {}): Promise<PtyHarness> {
  const loaded = await loadPseudoTerminals();
  if (!loaded.ok) throw new Error(loaded.reason);
  const model = await startDemoModel();
  const agent = await createAgentEnv(model.url);
  const cwd = await realpath(await mkdtemp(join(tmpdir(), 'boocode-pty-')));
  const program = options.program ?? findClaudeProgram();
  if (program === null) throw new Error('There is no claude program for this platform.');
  const backend = new ClaudePtyBackend({
    program,
    env: { ...agent.env, ...options.env },
    ...(options.dataDir === undefined ? {} : { dataDir: options.dataDir }),
    ...(options.sandbox && { sandbox: options.sandbox }),
    logger: options.logger ?? silentLog,
    calls: new ClaudeSdkBackend({
      env: { ...agent.env, ...options.env },
      logger: silentLog,
      continuesFor: 'claude_pty',
    }),
    limits: options.limits ?? {},
  });
  const left = (): SeenProcess[] => ownAgents().filter((each) => each.environ.includes(`HOME=${agent.home}`));
  return {
    backend,
    model,
    agent,
    cwd,
    held: () => model.held,
    release: () => void model.release(),
    leftovers: left,
    async close() {
      try {
        await backend.dispose();
        if (left().length > 0)
          throw new Error(
            `Agents are left: ${left()
              .map((each) => each.command)
              .join('; ')}`,
          );
      } finally {
        await model.close();
        await agent.remove();
        await rm(cwd, { recursive: true, force: true });
      }
    },
  };
}
