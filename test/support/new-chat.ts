import { randomUUID } from 'node:crypto';
import type { NewChat } from '../../src/store/chats.ts';

/** A chat to be stored. */
export function newChat(rest: Partial<NewChat> = {}): NewChat {
  return {
    id: randomUUID(),
    title: null,
    cwd: '/',
    agent: 'claude',
    backend: 'claude_sdk',
    model: null,
    permissionMode: 'default',
    trusted: false,
    acceptsAgentMessages: false,
    ...rest,
  };
}
