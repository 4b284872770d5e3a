import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { title } from '../../../protocol/chat.ts';

/** The name that a person gave the session, where this entry of its transcript says one. */
export function titleOf(entry: SessionStoreEntry): string | undefined {
  return entry.type === 'custom-title' ? title.safeParse(entry['customTitle']).data : undefined;
}
