import { randomUUID } from 'node:crypto';
import { initialSettings } from '../../src/protocol/chat.ts';
import type { NewChat } from '../../src/store/chats.ts';

/** A chat to be stored. */
export function newChat(rest: Partial<NewChat> = {}): NewChat {
  return {
    id: randomUUID(),
    ...initialSettings,
    cwd: '/',
    agent: 'claude',
    backend: 'claude_sdk',
    ...rest,
  };
}
