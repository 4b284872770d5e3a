import type { SessionStore } from '@anthropic-ai/claude-agent-sdk';
import { projectKey } from '../../src/agents/claude/files/transcript-file.ts';

/**
 * Whether the session's transcript says that it was prompted. The prompt's words alone do not: they come a moment earlier,
 * in the entry of the program's queue.
 */
export async function isPromptStored(session: { sessionId: string; sessionStore: SessionStore }, text: string) {
  const entries = (await session.sessionStore.load({ projectKey, sessionId: session.sessionId })) ?? [];
  return entries.some((entry) => entry.type === 'user' && JSON.stringify(entry).includes(JSON.stringify(text)));
}
