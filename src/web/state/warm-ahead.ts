import type { Chat } from '../../protocol/chat.ts';
import type { Api } from './api.ts';

/** Until the chat's new state arrives, each key press would ask again. */
const againAfterMs = 30_000;

/**
 * Has the server start the agent of a cold chat when a person is likely to write a prompt: they created it, opened it or
 * began to type.
 */
export function createWarmAhead(
  api: Pick<Api, 'warm'>,
  find: (chatId: string) => Chat | undefined,
  nowMs: () => number = () => performance.now(),
): (chatId: string) => void {
  const askedAtMs = new Map<string, number>();
  return (chatId) => {
    const chat = find(chatId);
    if (chat?.state !== 'cold' || chat.archived) return;
    if (nowMs() - (askedAtMs.get(chatId) ?? -Infinity) < againAfterMs) return;
    askedAtMs.set(chatId, nowMs());
    // The prompt is what counts: it says what is wrong, if it comes.
    api.warm(chatId).catch(() => undefined);
  };
}
