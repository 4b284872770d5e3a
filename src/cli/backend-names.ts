import type { Chat } from '../client/client.ts';

// Written out, since the schemas stay out of the commands that only talk to a server.
export const backendNames = ['claude_sdk', 'claude_pty'] as const satisfies readonly Chat['backend'][];
