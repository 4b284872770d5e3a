import { basename } from 'node:path';
import type { Chat, ChatState } from '../protocol/chat.ts';
import type { AgentDirectory, Event, Usage } from '../protocol/event.ts';
import { noUsage, tokensIn } from '../protocol/usage.ts';
import type { Workspace } from '../protocol/workspace.ts';
import type { Worktree } from '../protocol/worktree.ts';
import type { ChatRow, StoredHold } from '../store/chats.ts';

/** What only the host that holds the chat knows. */
export interface LiveState extends Pick<Chat, 'state' | 'waitsFor' | 'mcpServers'> {
  /** Where the chat's directory is on that host. */
  directory?: string;
}

/** The state of a chat that no host holds. It may wait for a person all the same. */
export function atRest({ isAsking }: Pick<ChatRow, 'isAsking'>): LiveState {
  return { state: isAsking ? 'waiting' : 'cold', waitsFor: null, mcpServers: null };
}

/** The chat as clients see it. */
export function chatView(row: Readonly<ChatRow>, live: LiveState): Chat {
  const {
    ordinal: _ordinal,
    hold,
    agentDirectory,
    waitingPrompts,
    isAsking: _isAsking,
    hasAnswer: _hasAnswer,
    continuation: _continuation,
    budgetWarnedUsd: _budgetWarnedUsd,
    workspace,
    worktree,
    ...rest
  } = row;
  const { directory = row.cwd, ...state } = live;
  return {
    ...rest,
    workspace: workspace && pickShown(workspace),
    worktree: worktree && shownWorktree(worktree),
    waiting: waitingPrompts,
    hold: hold && { ...hold, resumesAt: resumesByItself(hold, row) ? hold.resetsAt : null },
    currentDirectory: currentDirectory(agentDirectory, live.state) ?? directory,
    title: row.title ?? (basename(row.cwd) || row.cwd),
    ...state,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

export function shownWorktree({ path, branch, base, baseCommit, repository }: Worktree): Worktree {
  return { path, branch, base, baseCommit, repository };
}

/** Whether a held queue resumes when its limit resets. */
export const resumesByItself = ({ reason }: Pick<StoredHold, 'reason'>, row: Pick<ChatRow, 'resumeAtReset'>): boolean =>
  row.resumeAtReset || reason === 'budget_spent';

function pickShown({ remote, branch, path }: Workspace): Workspace {
  return { remote, branch, path };
}

/** A `cd` ends with the agent's process; a worktree is where the next one starts. */
function currentDirectory(directory: AgentDirectory | null, state: ChatState): string | null | undefined {
  return state === 'cold' || state === 'failed' || state === 'warming' ? directory?.worktree : directory?.cwd;
}

/** The row after an event was stored. Only what is counted from events changes, not the settings. */
export function afterEvent(row: Readonly<ChatRow>, event: Event): ChatRow {
  return {
    ...row,
    head: event.seq,
    updatedAt: new Date(event.at),
    waitingPrompts: row.waitingPrompts + waitingChange(event),
    hold: holdAfter(row.hold, event),
    agentDirectory: agentDirectoryAfter(row.agentDirectory, event),
    costUsd: row.costUsd + costOf(event),
    tokensIn: row.tokensIn + sum(usageOf(event), tokensIn),
    tokensOut: row.tokensOut + sum(usageOf(event), ({ outputTokens }) => outputTokens),
  };
}

function waitingChange(event: Event): number {
  switch (event.type) {
    case 'prompt_accepted':
      return 1;
    case 'prompt_cancelled':
      return -1;
    case 'turn_started':
      return -event.promptIds.length;
    case 'turn_finished':
    case 'queue_resumed':
      return event.requeuedPromptIds?.length ?? 0;
    default:
      return 0;
  }
}

function holdAfter(before: StoredHold | null, event: Event): StoredHold | null {
  if (event.type === 'queue_resumed') return null;
  if (event.type !== 'queue_held') return before;
  const { type: _type, chatId: _chatId, seq: _seq, at, turnId: _turnId, resumesAt: _resumesAt, ...facts } = event;
  return { ...facts, since: at };
}

function agentDirectoryAfter(before: AgentDirectory | null, event: Event): AgentDirectory | null {
  if (event.type === 'current_directory_update') return { cwd: event.cwd, worktree: event.worktree };
  return event.type === 'chat_updated' && event.cwd !== undefined ? null : before;
}

const sum = (usages: Usage[], count: (usage: Usage) => number): number =>
  usages.reduce((total, usage) => total + count({ ...noUsage, ...usage }), 0);

/** The usage that was added to the agent session with the event: one sum for a turn, a sum per model for a session. */
function usageOf(event: Event): Usage[] {
  if (event.type === 'turn_finished') return [event.usage];
  const models = event.type === 'notice' && event.code === 'session_cost' ? event.data?.['models'] : undefined;
  return typeof models === 'object' && models !== null ? Object.values(models as Record<string, Usage>) : [];
}

/** The cost that was added to the agent session with the event. */
export function costOf(event: Event): number {
  if (event.type === 'turn_finished') return event.costUsd;
  const cost = event.type === 'notice' && event.code === 'session_cost' ? event.data?.['costUsd'] : undefined;
  return typeof cost === 'number' ? cost : 0;
}
