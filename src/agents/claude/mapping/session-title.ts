import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { title } from '../../../protocol/chat.ts';

/** The session's name given by a person, if this transcript entry contains one. */
export function titleOf(entry: SessionStoreEntry): string | undefined {
  return entry.type === 'custom-title' ? title.safeParse(entry['customTitle']).data : undefined;
}
