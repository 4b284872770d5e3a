import type { AgentBackend, AgentSession } from '../agents/agent-backend.ts';
import type { AgentTerminal } from '../terminal/agent-terminal.ts';
import type { BackendName } from '../protocol/chat.ts';
import { BooError } from '../protocol/error.ts';
import type { ChatContext } from './chat-context.ts';
import type { ChatSession } from './chat-session.ts';

/** The terminal of a chat's session. If the session is not open, it is opened between turns. Throws `terminal_unavailable`. */
export async function openTerminal(
  { state, settings, queue, backendFor }: ChatContext,
  session: ChatSession,
): Promise<AgentTerminal> {
  // Before a session is opened for nothing.
  assertTerminal(backendFor(settings.row.backend));
  if (session.isReady || (session.handle && state.turn)) return terminalOf(session.handle);
  return queue.addTask('terminal', async () => {
    // The chat may have been flipped meanwhile.
    assertTerminal(backendFor(settings.row.backend));
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
