import type { AgentDirectory } from '../agents/agent.ts';
import type { Log } from '../lib/log.ts';
import type { BooError } from '../protocol/error.ts';
import type { Decision } from '../protocol/decision.ts';
import { type ChatRow, findChat } from '../store/chats.ts';
import type { Sql } from '../store/database.ts';
import { afterInterruption } from './after-interruption.ts';
import type { ChatLog } from './chat-log.ts';
import { canContinue } from './continued-calls.ts';
import { recoverChat } from './recovery.ts';
import { ask, unknownChat } from './storage.ts';
import { wasAsked } from './unasked.ts';
import type { Workspaces } from './workspaces/workspaces.ts';

export interface TakeOverParts {
  sql: Sql;
  logger: Log;
  hostId: string;
  readonly agents: AgentDirectory;
  readonly workspaces: Pick<Workspaces, 'locate'>;
  log: ChatLog;
  /** If this host itself has dropped the chat, why, and the epoch in which it held it. */
  dropped: { epoch: number; cause: BooError } | undefined;
  /** Called with the decisions before they are cancelled. */
  readonly onLeft: (decisions: readonly Decision[]) => void;
}

/** Finishes what the last holder of a chat left open; what only its agent knows about that is looked up as it is needed. */
export function takeOver({
  sql,
  logger,
  hostId,
  agents,
  workspaces,
  log,
  dropped,
  onLeft,
}: TakeOverParts): Promise<void> {
  const { lease } = log;
  const find = async (): Promise<ChatRow | null> => {
    const row = await ask(() => findChat(sql, lease.chatId));
    return row && { ...row, cwd: (await workspaces.locate(row)).directory };
  };
  return recoverChat({
    sql,
    log,
    hostId,
    dropped,
    createTraces: async () => agents.agentFor((await find())?.agent ?? agents.default.name).createTurnTraces(),
    wasAsked: async (turnId, prompt) => {
      const chat = await find();
      return chat === null || wasAsked({ sql, lease, chat, logger, agents }, turnId, prompt);
    },
    canContinue: async (decision) => {
      const row = await find();
      return row !== null && canContinue({ sql, log, agents, settings: { rowHere: row } }, decision);
    },
    afterInterruption: async (turnId) => {
      const row = await find();
      if (!row) throw unknownChat();
      return afterInterruption(agents, row, { turnId, starts: row.continuation?.starts ?? 0 });
    },
    onLeft,
  });
}
