/** The SDK's own: a file of its own, so that `boocode/session-store` brings nothing else of the agents along. */
export { foldSessionSummary as foldSummary } from '@anthropic-ai/claude-agent-sdk';
