import type { AgentBackend, AgentSession } from '../agents/agent-backend.ts';
import type { AgentTerminal } from '../terminal/agent-terminal.ts';
import type { BackendName } from '../protocol/chat.ts';
import { BooError } from '../protocol/error.ts';
import type { ChatSession } from './chat-session.ts';

export interface TerminalParts {
  session: ChatSession;
  /** The backend that runs the chat as it is now. */
  backend(): AgentBackend;
  isTurnRunning(): boolean;
  /** Has something done between turns. */
  between(task: () => Promise<AgentTerminal>): Promise<AgentTerminal>;
}

/** The terminal of a chat's session, which is opened between turns where it is not open. Throws `terminal_unavailable`. */
export async function openTerminal({ session, ...chat }: TerminalParts): Promise<AgentTerminal> {
  // Before a session is opened for nothing.
  assertTerminal(chat.backend());
  if (session.isReady || (session.handle && chat.isTurnRunning())) return terminalOf(session.handle);
  return chat.between(async () => {
    assertTerminal(chat.backend());
    await session.warm();
    return terminalOf(session.handle);
  });
}

function assertTerminal({ name, capabilities }: AgentBackend): void {
  if (!capabilities.terminal) throw noTerminal(name);
}

function terminalOf(session: AgentSession | undefined): AgentTerminal {
  const terminal = session?.terminal;
  if (!terminal) throw new BooError('terminal_unavailable', 'The session has just ended. Try again.');
  return terminal;
}

function noTerminal(name: BackendName): BooError {
  return new BooError(
    'terminal_unavailable',
    `This chat runs on ${name}, which has no terminal. Flip it with \`boocode flip <chat> --to pty\`, or PATCH it with ` +
      '{"backend": "claude_pty"}, and try again.',
    { details: { backend: name } },
  );
}
