import type { Usage } from './event.ts';

/** All that the agent was given to read, from the cache or not. */
export const tokensIn = ({ inputTokens, cacheReadInputTokens, cacheCreationInputTokens }: Usage): number =>
  inputTokens + cacheReadInputTokens + cacheCreationInputTokens;
