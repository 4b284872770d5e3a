/** The log is append-only, so a notice names what the agent withdraws, and readers strike it out. */
import type { AgentEvent } from '../../agent-backend.ts';
import { asList } from './loose-json.ts';
import type { Delivered } from './mapping-state.ts';

/** Ids of the messages and tool calls that came from these frames, in order. */
export function withdrawnIds(delivered: Delivered | null, frames: unknown): string[] {
  const named = new Set(asList(frames));
  const ids: string[] = [];
  if (named.size === 0) return ids;
  for (let entry = delivered; entry; entry = entry.before) {
    if (named.has(entry.frame)) ids.unshift(...entry.ids);
  }
  return ids;
}

export function withdrawal(delivered: Delivered | null, frames: unknown): AgentEvent[] {
  const ids = withdrawnIds(delivered, frames);
  if (ids.length === 0) return [];
  const message = 'The agent withdrew its answer and is answering again.';
  return [{ type: 'notice', level: 'info', code: 'superseded', message, data: { ids } }];
}
