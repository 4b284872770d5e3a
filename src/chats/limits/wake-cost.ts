/** What the next prompt of a chat costs before it says anything, from what is stored: no agent is asked, or started. */
import type { Clock } from '../../lib/clock.ts';
import type { WakeCost } from '../../protocol/wake-cost.ts';
import { findChat } from '../../store/chats.ts';
import type { Sql } from '../../store/database.ts';
import {
  findLastModel,
  findLastRequest,
  findPricedUsage,
  findSinceRequest,
  type LastRequest,
} from '../../store/wake-facts.ts';
import { unknownChat } from '../storage.ts';
import { learnPrices } from './token-prices.ts';

const nothing: WakeCost = {
  model: null,
  contextTokens: null,
  sentAt: null,
  cache: { state: 'unknown', endsAt: null },
  costUsd: null,
  noPrice: 'no_context',
};

export async function readWakeCost(sql: Sql, clock: Clock, chatId: string): Promise<WakeCost> {
  if (!(await findChat(sql, chatId))) throw unknownChat();
  const { request, isOtherModel } = await readContext(sql, chatId);
  if (!request) return nothing;
  const model = await findLastModel(sql, chatId);
  const cache = isOtherModel ? { state: 'ended' as const, endsAt: null } : cacheOf(request, clock.now());
  const facts = { model, contextTokens: request.used, sentAt: request.at.toISOString(), cache };
  if (isOtherModel) return { ...facts, costUsd: null, noPrice: 'other_model' };
  const prices = model === null ? null : learnPrices(await findPricedUsage(sql, model));
  const price =
    cache.state === 'live' ? prices?.cacheReadInputTokens : (prices?.cacheCreationInputTokens ?? prices?.inputTokens);
  if (price === undefined || price === null) return { ...facts, costUsd: null, noPrice: 'not_learned' };
  return { ...facts, costUsd: request.used * price, noPrice: null };
}

/** The last request whose context the agent still has. */
async function readContext(sql: Sql, chatId: string): Promise<{ request: LastRequest | null; isOtherModel: boolean }> {
  let request = await findLastRequest(sql, chatId, null);
  let isOtherModel = false;
  if (!request) return { request, isOtherModel };
  for (const since of await findSinceRequest(sql, chatId, request.seq)) {
    if (since.type === 'model') isOtherModel = true;
    else if (since.type === 'forgotten') request = null;
    else request = since.fromSeq === null ? null : await findLastRequest(sql, chatId, since.fromSeq);
  }
  return { request, isOtherModel };
}

function cacheOf({ at, cacheSeconds }: LastRequest, now: Date): WakeCost['cache'] {
  if (cacheSeconds === null) return { state: 'unknown', endsAt: null };
  const ends = new Date(at.getTime() + cacheSeconds * 1_000);
  return { state: ends > now ? 'live' : 'ended', endsAt: ends.toISOString() };
}
