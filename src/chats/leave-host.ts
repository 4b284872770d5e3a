/**
 * A chat leaves its host for another one, on purpose: between turns the session is closed in order, so that the transcript
 * is complete in the store, and one write says where the chat goes. From then on nothing starts here, and once its lease
 * is released, the other host is the only one that takes it (`store/leases.ts`).
 */
import type { RunningChoice } from '../protocol/chat.ts';
import type { HostMove } from '../protocol/host.ts';
import { type Actor, doneByActor } from '../protocol/principal.ts';
import type { Write } from '../store/events.ts';
import { assertIdle, betweenTurns, type BusyChat, closeSession, storeOrFail, untilIdle } from './between-turns.ts';

export interface Departure {
  /** What happens to a running turn, and to work that closing the session would kill. */
  running: RunningChoice;
  /** Whether it still leaves once nothing runs, and where to; null: to whichever host takes it. */
  readonly destination: (pinnedTo: string | null) => HostMove | null | 'stays';
}

export interface DepartureRequest extends Departure {
  actor: Actor;
  signal: AbortSignal | undefined;
}

/** Throws `chat_busy` when something runs and the request does not say what happens to it. */
export async function leaveHost(chat: BusyChat, request: DepartureRequest): Promise<void> {
  const continuesOn = chat.settings.row.backend;
  await betweenTurns(chat, { ...request, verb: 'move', continuesOn }, () => leaveNow(chat, request));
}

async function leaveNow(chat: BusyChat, { running, destination, actor, signal }: DepartureRequest): Promise<void> {
  const { session, settings, queue } = chat;
  if (running === 'refuse') assertIdle(false, session, 'move');
  await untilIdle(chat, signal);
  const pinnedTo = settings.row.host;
  const move = destination(pinnedTo);
  if (move === 'stays') return;
  await closeSession(chat);
  if (move) await storeOrFail(chat, movedWrite(move, pinnedTo, actor));
  queue.close();
}

/** A pin follows the chat to its new host. */
export function movedWrite(move: HostMove, pinnedTo: string | null, actor: Actor): Write {
  const pin = pinnedTo === null || pinnedTo === move.to.name ? {} : { host: move.to.name };
  const body = { type: 'chat_updated', ...pin, movedToHost: move, ...doneByActor(actor) } as const;
  return { events: [{ body }], chat: { ...pin, nextHost: move.to.id } };
}
