/** Sums of the usage of model requests. */
import type { Usage } from './event.ts';

export const noUsage: Usage = { inputTokens: 0, outputTokens: 0, cacheReadInputTokens: 0, cacheCreationInputTokens: 0 };

export const counters = Object.keys(noUsage) as (keyof Usage)[];

/** All input tokens, cached or not. */
export const tokensIn = ({ inputTokens, cacheReadInputTokens, cacheCreationInputTokens }: Usage): number =>
  inputTokens + cacheReadInputTokens + cacheCreationInputTokens;

export const sumOf = (one: Usage, other: Usage): Usage => combine(one, other, (a, b) => a + b);

/** The larger value of each counter. */
export const mostOf = (one: Usage, other: Usage): Usage => combine(one, other, Math.max);

/** What `all` has beyond `part`. */
export const restOf = (all: Usage, part: Usage): Usage => combine(all, part, (a, b) => Math.max(a - b, 0));

function combine(one: Usage, other: Usage, by: (a: number, b: number) => number): Usage {
  return {
    inputTokens: by(one.inputTokens, other.inputTokens),
    outputTokens: by(one.outputTokens, other.outputTokens),
    cacheReadInputTokens: by(one.cacheReadInputTokens, other.cacheReadInputTokens),
    cacheCreationInputTokens: by(one.cacheCreationInputTokens, other.cacheCreationInputTokens),
  };
}
