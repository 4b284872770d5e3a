/** What waking costs, in words: for the page and the command line alike. */
import type { WakeCost } from './wake-cost.ts';
import { spanText } from './wait-words.ts';

const noPrice: Record<NonNullable<WakeCost['noPrice']>, string> = {
  no_context: 'its price is not known',
  other_model: 'its price with another model than before is not known',
  not_learned: 'the agent has not reported yet what such tokens cost',
};

/** One or two sentences; null if nothing is known. */
export function wakeWords({ contextTokens, cache, costUsd, noPrice: why }: WakeCost, nowMs: number): string | null {
  if (contextTokens === null) return null;
  const price = costUsd === null ? (why === null ? '' : ` (${noPrice[why]})`) : `, ${priceText(costUsd)}`;
  const first = `The next prompt sends ${tokensText(contextTokens)} again${price}.`;
  if (cache.endsAt === null) return cache.state === 'ended' ? `${first} None of it is cached for that model.` : first;
  const span = spanText(roundedMs(Math.abs(Date.parse(cache.endsAt) - nowMs)));
  return cache.state === 'live'
    ? `${first} They are cached for another ${span}.`
    : `${first} Their cache ended ${span} ago.`;
}

export function tokensText(tokens: number): string {
  return tokens < 1_000 ? `${tokens} tokens` : `${Math.round(tokens / 1_000)}k tokens`;
}

function priceText(usd: number): string {
  return usd < 0.01 ? 'less than $0.01' : `about $${usd.toFixed(2)}`;
}

/** Nobody needs the seconds of an hour. */
function roundedMs(ms: number): number {
  const unit = ms < 60_000 ? 1_000 : ms < 3_600_000 ? 60_000 : ms < 86_400_000 ? 600_000 : 3_600_000;
  return Math.round(ms / unit) * unit;
}
