import type { AgentDirectory } from '../agents/agent.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Sql } from '../store/database.ts';
import type { Admission } from './admission.ts';
import type { Bypass } from './bypass.ts';
import type { ChatBudget } from './chat-budget.ts';
import type { ChatLog } from './chat-log.ts';
import type { ChatSettings } from './chat-settings.ts';
import type { ChatStateMachine } from './chat-state-machine.ts';
import type { ChatSecrets } from './secrets/chat-secrets.ts';
import type { SandboxFloor } from './sandbox-floor.ts';
import type { SharedBudgets } from './shared-budgets.ts';
import type { PromptCache } from './prompt-cache.ts';
import type { Waits } from './waits.ts';
import type { WorkQueue } from './work-queue.ts';
import type { Workspaces } from './workspaces/workspaces.ts';

/** What a chat gets from its host. */
export interface ChatEnvironment {
  readonly sql: Sql;
  readonly log: ChatLog;
  readonly clock: Clock;
  readonly logger: Log;
  readonly idleTimeoutMs: number;
  /** How long an agent that was started ahead of a prompt waits for it. */
  readonly aheadTimeoutMs: number;
  /** No agent is started in a directory that overlaps it. */
  readonly dataDir: string;
  readonly workspaces: Workspaces;
  /** Whose agents may work without asking; without, all owners’. */
  readonly bypass?: Bypass;
  /** What its agents have at least; without, what its chat asks for. */
  readonly sandbox?: SandboxFloor;
  /** Starting agents is heavy, and memory is limited. */
  readonly admission: Admission;
  /** Resolves when the session that this host released earlier has ended. */
  readonly before: Promise<void> | undefined;
  readonly agents: AgentDirectory;
  /** What its agents get, and nobody is shown. */
  readonly secrets?: ChatSecrets | undefined;
  readonly budgets: SharedBudgets;
}

/** What all parts of one chat share. */
export interface ChatContext extends ChatEnvironment {
  readonly settings: ChatSettings;
  readonly state: ChatStateMachine;
  readonly queue: WorkQueue;
  readonly waits: Waits;
  readonly cache: PromptCache;
  readonly budget: ChatBudget;
  /** What the start of its agent waits for may be something else now. */
  readonly onPlaceChanged: () => void;
  /** The agent's process was about to tell its agent what that has scheduled. */
  readonly onScheduledTold: () => void;
  /** Drops the chat: nobody knows what is stored, or another host has the chat. */
  readonly fail: (error: unknown) => void;
}
