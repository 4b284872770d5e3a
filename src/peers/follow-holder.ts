import { feedItems } from '../client/feed-stream.ts';
import type { FeedItem } from '../protocol/event.ts';
import type { LogCursor } from '../protocol/log-cursor.ts';
import { callPeer } from './peer-connection.ts';
import type { Peers } from './peers.ts';
import { hostItself } from './peers.ts';
import { forwardedHeader } from './signature.ts';

/** Feeds have a keep-alive every 15 s. */
const silenceLimitMs = 40_000;

interface Holder {
  id: string;
  address: string | null;
}

/**
 * A chat's live feed from the host that holds it. Ends when the host no longer holds the chat or stops; throws if it cannot
 * be reached, falls silent, or does not hold the chat.
 */
export async function* followHolder(
  peers: Pick<Peers, 'sign'>,
  { id: to, address }: Holder,
  { chatId, after }: { chatId: string; after: LogCursor },
  signal: AbortSignal,
  limitMs = silenceLimitMs,
): AsyncGenerator<FeedItem, void, undefined> {
  const request = { to, method: 'GET', target: `/v1/chats/${chatId}/events?after=${after}`, body: new Uint8Array() };
  const headers = { accept: 'text/event-stream', [forwardedHeader]: peers.sign({ ...request, principal: hostItself }) };
  const answer = await callPeer({ ...request, address: address!, headers, signal, silenceLimitMs: limitMs });
  if (answer.statusCode !== 200) {
    answer.destroy();
    throw new Error(`The other host answered with status ${answer.statusCode}.`);
  }
  const read = feedItems();
  for await (const piece of answer) yield* read(piece as Buffer);
}
