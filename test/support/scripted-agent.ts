/** A test double of an agent, run by scripted backends. It reads transcripts with Claude's own modules. */
import type { Agent, BackendDeclaration } from '../../src/agents/agent.ts';
import { foldSummary } from '../../src/agents/claude/fold-summary.ts';
import { createHistoryMapper } from '../../src/agents/claude/mapping/map-history.ts';
import { createTurnTraces } from '../../src/agents/claude/mapping/turn-traces.ts';
import { permissionModes } from '../../src/protocol/chat.ts';
import { backendNames } from './backend-names.ts';
import type { ScriptedBackend } from './scripted-backend.ts';

export type ScriptedAgent = { -readonly [Field in keyof Agent]: Agent[Field] } & {
  /** The ids of the sessions that `removeSession` was called for. */
  readonly removed: string[];
};

/**
 * The first backend is the default; the product's other backend is unavailable unless given. A test may replace methods
 * of the returned agent.
 */
export function scriptedAgent(backends: readonly [ScriptedBackend, ...ScriptedBackend[]]): ScriptedAgent {
  const declare = (name: string): BackendDeclaration => ({
    name,
    label: name,
    hint: '',
    howToChoose: `Or use ${name}.`,
    runs: backends.find((backend) => backend.name === name) ?? { reason: `${name} is not here.` },
  });
  const [first] = backends;
  const removed: string[] = [];
  return {
    name: 'claude',
    label: 'Claude',
    backends: [declare(first.name), ...backendNames.filter((name) => name !== first.name).map(declare)],
    permissionModes,
    models: [],
    foldSummary,
    createHistory: createHistoryMapper,
    createTurnTraces,
    removed,
    removeSession({ sessionId }) {
      removed.push(sessionId);
      return Promise.resolve();
    },
    dispose: () => Promise.resolve(),
  };
}
