import { runningBackend } from '../agents/agent.ts';
import type { AgentSession } from '../agents/agent-backend.ts';
import type { AgentTerminal } from '../terminal/agent-terminal.ts';
import { BooError } from '../protocol/error.ts';
import type { ChatContext } from './chat-context.ts';
import type { ChatSession } from './chat-session.ts';
import type { OpenDecisions } from './open-decisions.ts';

/** The terminal of a chat's session. If the session is not open, it is opened between turns. Throws `terminal_unavailable`. */
export async function openTerminal(
  context: ChatContext,
  session: ChatSession,
  decisions: Pick<OpenDecisions, 'isWaiting'>,
): Promise<AgentTerminal> {
  const { state, queue } = context;
  // Before a session is opened for nothing.
  assertTerminal(context);
  const { handle } = session;
  session.use();
  if (handle?.terminal && (session.isReady || state.turn)) return handle.terminal;
  if (decisions.isWaiting) {
    const why = 'The agent of this chat has ended while it waited for an answer.';
    throw new BooError(
      'terminal_unavailable',
      `${why} Its terminal can be opened once that is answered, or cancelled.`,
    );
  }
  return queue.addTask('terminal', async () => {
    // The chat may have been flipped meanwhile.
    assertTerminal(context);
    await session.warm();
    return terminalOf(session.handle);
  });
}

function assertTerminal({ settings, agents }: ChatContext): void {
  const { agent, backend } = settings.row;
  const withTerminal = agents
    .agentFor(agent)
    .backends.filter((declaration) => runningBackend(declaration)?.capabilities.terminal);
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
  if (session && !terminal) {
    const why = 'The agent still works in the background after an answer, in a process without a terminal.';
    throw new BooError('terminal_unavailable', `${why} Try again when that is done.`);
  }
  if (!terminal) throw new BooError('terminal_unavailable', 'The session has just ended. Try again.');
  return terminal;
}
