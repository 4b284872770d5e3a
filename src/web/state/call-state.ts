import type { ChatLog, ToolCall } from './chat-log.ts';

/** What is to be expected of a call that has no result. */
export interface CallState {
  /** A decision about it is pending, whether or not a process waits for it. */
  isAsking: boolean;
  /** Its turn is running, or another one that continues it. Also while the agent’s next process starts with the answer. */
  isTurnOpen: boolean;
}

export function callState(log: ChatLog, { toolCallId, turnId }: Pick<ToolCall, 'toolCallId' | 'turnId'>): CallState {
  const decisionId = log.askedFor.get(toolCallId);
  const isAsking = decisionId !== undefined && !log.settled.has(decisionId);
  const isOpen = turnId === undefined ? log.openTurn !== undefined : runsFor(log, turnId);
  return { isAsking, isTurnOpen: isOpen || (decisionId !== undefined && isContinuing(log, decisionId)) };
}

/** Whether the running turn is this one, or continues it. */
function runsFor({ openTurn, turns }: ChatLog, turnId: string): boolean {
  for (let id = openTurn; id !== undefined; id = turns.get(id)?.continues) if (id === turnId) return true;
  return false;
}

/** The decision is answered, and the turn that continues with the answer has not started yet. */
function isContinuing({ openTurn, latest, settled, withoutEffect }: ChatLog, decisionId: string): boolean {
  const outcome = settled.get(decisionId)?.outcome;
  if (openTurn !== undefined || outcome === undefined || outcome === 'cancelled') return false;
  return latest.ended?.openDecisionIds?.includes(decisionId) === true && !withoutEffect.has(decisionId);
}
