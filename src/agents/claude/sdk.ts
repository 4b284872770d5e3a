import { createRequire } from 'node:module';
import type * as Sdk from '@anthropic-ai/claude-agent-sdk';

const require = createRequire(import.meta.url);
let loaded: typeof Sdk | undefined;

/**
 * The Agent SDK. It takes as long to load as half of the server, so that is done when it is first used, or soon after the
 * server is ready (`Agent.prepare`).
 */
export function loadSdk(): typeof Sdk {
  return (loaded ??= require('@anthropic-ai/claude-agent-sdk') as typeof Sdk);
}
