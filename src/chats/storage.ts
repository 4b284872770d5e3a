/** Calls the database, and reports its problems as BooErrors. */
import { BooError } from '../protocol/error.ts';
import { ask } from '../store/ask.ts';
import type { Sql } from '../store/database.ts';
import { findHolder, findPin, type Holder } from '../store/hosts.ts';
import { FencedError, toStorageError } from '../store/storage-error.ts';

export { ask };

/** A write that decides by itself how often to retry. */
export async function write<T>(task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    if (error instanceof FencedError) throw new BooError('chat_elsewhere', error.message, { cause: error });
    throw toStorageError(error);
  }
}

/** With the host that holds the chat, or is to take it, if there is one: where to go. */
export async function elsewhere(sql: Sql, chatId: string): Promise<BooError> {
  const [holder, pinnedTo] = await ask(() => Promise.all([findHolder(sql, chatId), findPin(sql, chatId)]));
  const isHeld = holder?.isHeld === true;
  if (pinnedTo !== null && !isHeld) return pinnedElsewhere(chatId, pinnedTo, holder);
  if (!holder?.name) return new BooError('chat_elsewhere', `Another host holds chat ${chatId}. Try again shortly.`);
  const { name, address } = holder;
  const fact = isHeld ? `The host ${name} holds chat ${chatId}.` : `Chat ${chatId} was moved to the host ${name}.`;
  const way =
    address === null
      ? 'It has no address for other hosts (--advertise-url): use it directly, or try again shortly.'
      : `Go to ${address}, or try again shortly.`;
  return new BooError('chat_elsewhere', `${fact} ${way}`, { details: placeOf(holder) });
}

function pinnedElsewhere(chatId: string, pinnedTo: string, holder: Holder | null): BooError {
  const way = holder === null ? 'which is not up' : holder.address === null ? 'which is up' : `at ${holder.address}`;
  const unpin = `To let any host take it: \`boocode unpin ${chatId}\`, or PATCH it with {"host": null}.`;
  const details = { ...(holder && placeOf(holder)), pinnedTo };
  return new BooError('chat_elsewhere', `Chat ${chatId} is pinned to the host ${pinnedTo}, ${way}. ${unpin}`, {
    details,
  });
}

const placeOf = ({ id: hostId, name, address }: Holder) => ({ hostId, name, address });

/** For so long that the host had to drop a chat in the middle of a turn. */
export function databaseLost(cause?: unknown): BooError {
  const told = toStorageError(cause);
  return told instanceof BooError
    ? told
    : new BooError('storage_unavailable', 'The database did not answer in time.', { cause });
}

export function unknownChat(): BooError {
  return new BooError('not_found', 'This chat does not exist.');
}

export function shuttingDown(): BooError {
  return new BooError('shutting_down', 'This host is shutting down.');
}

export function draining(): BooError {
  return new BooError('shutting_down', 'This host hands its chats over and takes none: use another one.');
}

export function lettingGo(): BooError {
  return new BooError('shutting_down', 'This host is releasing the chat. Try again shortly.');
}
