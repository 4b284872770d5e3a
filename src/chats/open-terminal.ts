import type { Agent } from '../agents/agent.ts';
import type { AgentSession } from '../agents/agent-backend.ts';
import type { AgentTerminal } from '../terminal/agent-terminal.ts';
import type { BackendName } from '../protocol/chat.ts';
import { BooError } from '../protocol/error.ts';
import type { ChatSession } from './chat-session.ts';

export interface TerminalParts {
  session: ChatSession;
  /** The chat's agent, and the name of the backend that runs it now. */
  runsOn(): { agent: Agent; backend: BackendName };
  isTurnRunning(): boolean;
  /** Has something done between turns. */
  between(task: () => Promise<AgentTerminal>): Promise<AgentTerminal>;
}

/** The terminal of a chat's session, which is opened between turns where it is not open. Throws `terminal_unavailable`. */
export async function openTerminal({ session, ...chat }: TerminalParts): Promise<AgentTerminal> {
  // Before a session is opened for nothing.
  assertTerminal(chat.runsOn());
  if (session.isReady || (session.handle && chat.isTurnRunning())) return terminalOf(session.handle);
  return chat.between(async () => {
    assertTerminal(chat.runsOn());
    await session.warm();
    return terminalOf(session.handle);
  });
}

function assertTerminal({ agent, backend }: ReturnType<TerminalParts['runsOn']>): void {
  const withTerminal = agent.backends.filter(({ runs }) => !('reason' in runs) && runs.capabilities.terminal);
  if (withTerminal.some(({ name }) => name === backend)) return;
  const [other] = withTerminal;
  const way = other
    ? ` Flip it with \`boocode flip <chat> --to ${other.name}\`, or PATCH it with {"backend": "${other.name}"}, and try again.`
    : '';
  throw new BooError('terminal_unavailable', `This chat runs on ${backend}, which has no terminal.${way}`, {
    details: { backend },
  });
}

function terminalOf(session: AgentSession | undefined): AgentTerminal {
  const terminal = session?.terminal;
  if (!terminal) throw new BooError('terminal_unavailable', 'The session has just ended. Try again.');
  return terminal;
}
