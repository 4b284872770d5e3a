import type { BooClient, Chat } from '../client/client.ts';
import { largeContextTokens } from '../protocol/large-context.ts';
import { wakeWords } from '../protocol/wake-words.ts';
import type { Terminal } from './terminal.ts';

/** What the next prompt of a cold chat costs before it says anything, if that is much. `chat` is as it was before it was warmed. */
export async function tellWakeCost(client: BooClient, { id, state }: Chat, terminal: Terminal): Promise<void> {
  if (state !== 'cold') return;
  // An older server does not know it.
  const cost = await client.wakeCost(id).catch(() => null);
  if (cost === null || (cost.contextTokens ?? 0) < largeContextTokens) return;
  const words = wakeWords(cost, Date.now());
  if (words !== null) terminal.err(`${terminal.errStyle('dim', `· ${words}`)}\n`);
}
