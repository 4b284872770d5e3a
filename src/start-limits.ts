import { availableParallelism } from 'node:os';
import type { StartLimits } from './chats/admission.ts';
import type { Config } from './config.ts';

/** A start keeps a core busy. */
export function startLimitsOf({ startsAtOnce, agentMemoryBytes, reserveMemoryBytes }: Config): StartLimits {
  return {
    startsAtOnce: startsAtOnce ?? availableParallelism(),
    agentBytes: agentMemoryBytes,
    reserveBytes: reserveMemoryBytes,
  };
}
