import type { Chat } from '../client/client.ts';

// Written out, because commands that only talk to a server do not load the schemas.
export const backendNames = ['claude_sdk', 'claude_pty'] as const satisfies readonly Chat['backend'][];
