/** The SDK's own. It has its own file so that `boocode/session-store` loads nothing else of the agents. */
export { foldSessionSummary as foldSummary } from '@anthropic-ai/claude-agent-sdk';
