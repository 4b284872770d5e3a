import { randomUUID } from 'node:crypto';
import { initialSettings } from '../../src/protocol/chat.ts';
import type { ChatRow, NewChat } from '../../src/store/chats.ts';

/** A chat to be stored. */
export function newChat(rest: Partial<NewChat> = {}): NewChat {
  return {
    id: randomUUID(),
    ...initialSettings,
    cwd: '/',
    agent: 'claude',
    backend: 'claude_sdk',
    ...rest,
  };
}

/** A chat as it is stored. */
export function chatRow(rest: Partial<ChatRow> = {}): ChatRow {
  return {
    ...newChat(),
    agentDirectory: null,
    workspace: null,
    waitingPrompts: 0,
    isAsking: false,
    hasAnswer: false,
    continuation: null,
    hold: null,
    holder: null,
    costUsd: 0,
    tokensIn: 0,
    tokensOut: 0,
    head: 0,
    forkedFrom: null,
    worktree: null,
    group: null,
    budgetWarnedUsd: null,
    createdAt: new Date(0),
    updatedAt: new Date(1),
    ordinal: 1,
    ...rest,
  };
}
