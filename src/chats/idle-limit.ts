/**
 * For how long an agent without work is kept warm. The provider of its model keeps the conversation cached for a while after
 * the last request, and a chat that goes cold just before that ends would give away the little that is left. So one whose
 * cache ends soon after its limit, within as long again, goes cold just after its cache.
 */
import type { ChatContext } from './chat-context.ts';

/** Requests and answers take a moment, too. */
const afterCacheMs = 5_000;

/** The chat's own limit, or else the server's. */
export function ownIdleLimitMs({ settings, idleTimeoutMs }: Pick<ChatContext, 'settings' | 'idleTimeoutMs'>): number {
  const { idleSeconds } = settings.row;
  return idleSeconds === null ? idleTimeoutMs : idleSeconds * 1_000;
}

/** Of a chat that has been idle for this long. */
export function idleLimitMs(
  context: Pick<ChatContext, 'settings' | 'idleTimeoutMs' | 'aheadTimeoutMs' | 'cache'>,
  { isAhead, idleMs }: { isAhead: boolean; idleMs: number },
): number {
  const limitMs = ownIdleLimitMs(context);
  if (isAhead) return Math.min(context.aheadTimeoutMs, limitMs);
  const { leftMs } = context.cache;
  const cachedMs = idleMs + leftMs;
  const endsSoonAfter = leftMs > 0 && cachedMs > limitMs && cachedMs <= 2 * limitMs;
  return endsSoonAfter ? cachedMs + afterCacheMs : limitMs;
}
