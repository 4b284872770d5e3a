/**
 * Edits of the waiting prompts. An edit reads the table when its write's turn has come: everything that starts, stores
 * or edits a prompt is a write to the same log, so it changes exactly what it sees.
 */
import { BooError } from '../protocol/error.ts';
import { type Actor, doneByActor } from '../protocol/principal.ts';
import type { Sql } from '../store/database.ts';
import type { Write } from '../store/events.ts';
import {
  cancelPrompt,
  findPrompt,
  type FoundPrompt,
  listWaitingPrompts,
  placePrompts,
  type WaitingPromptRow,
} from '../store/prompts.ts';
import type { ChatLog } from './chat-log.ts';

/** Makes the write; null when there is nothing to change. */
export type PromptEdit = (sql: Sql, log: ChatLog) => Promise<Write | null>;

/** Throws `prompt_taken`, `not_found`. Does nothing if it is already cancelled. */
export function cancelling(promptId: string, actor: Actor): PromptEdit {
  return async (sql, log) => {
    const found = await log.ask(() => findPrompt(sql, log.lease.chatId, promptId));
    if (found?.state === 'cancelled') return null;
    assertWaits(found, promptId);
    return {
      events: [{ body: { type: 'prompt_cancelled', promptId, ...doneByActor(actor) } }],
      side: (db) => [cancelPrompt(db, log.lease, promptId)],
    };
  };
}

/** Throws `prompt_taken`, `not_found` for the prompt, and `invalid_request` if `before` does not wait. */
export function moving(promptId: string, before: string | null, actor: Actor): PromptEdit {
  return async (sql, log) => {
    const { chatId } = log.lease;
    const waiting = await log.ask(() => listWaitingPrompts(sql, chatId));
    const moved = waiting.find(({ id }) => id === promptId);
    if (!moved) {
      assertWaits(await log.ask(() => findPrompt(sql, chatId, promptId)), promptId);
      throw new BooError('internal', 'A waiting prompt is not in the list of waiting prompts.');
    }
    const order = ordered(waiting, moved, before);
    if (order.every(({ id }, at) => id === waiting[at]?.id)) return null;
    const promptIds = order.map(({ id }) => id);
    // The same positions, reassigned: later prompts come after all of them.
    const places = waiting.map(({ place }) => place);
    return {
      events: [{ body: { type: 'prompts_reordered', promptIds, ...doneByActor(actor) } }],
      side: (db) => [placePrompts(db, log.lease, promptIds, places)],
    };
  };
}

function ordered(
  waiting: readonly WaitingPromptRow[],
  moved: WaitingPromptRow,
  before: string | null,
): WaitingPromptRow[] {
  if (before === moved.id) return [...waiting];
  const others = waiting.filter((prompt) => prompt !== moved);
  const at = before === null ? others.length : others.findIndex(({ id }) => id === before);
  if (at === -1) {
    const details = { field: 'before' };
    throw new BooError('invalid_request', `before: prompt ${before} is not waiting`, { details });
  }
  return others.toSpliced(at, 0, moved);
}

function assertWaits(found: FoundPrompt | null, promptId: string): void {
  if (!found) throw new BooError('not_found', 'This prompt does not exist.');
  if (found.state === 'waiting') return;
  const why = found.state === 'cancelled' ? 'was cancelled' : 'is no longer waiting: its turn has started';
  throw new BooError('prompt_taken', `Prompt ${promptId} ${why}.`);
}
