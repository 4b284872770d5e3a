/**
 * A question beside the conversation: the agent answers it from what it knows, without tools, also in the middle of a turn.
 * Neither question nor answer are part of the conversation, or stored anywhere.
 */
import { toBooError, BooError } from '../protocol/error.ts';
import type { ChatContext } from './chat-context.ts';
import type { ChatSession } from './chat-session.ts';
import type { OpenDecisions } from './open-decisions.ts';

const limitMs = 2 * 60_000;

/** If the agent has no process, it is started between turns. Throws `aside_unavailable`, `model_error`, `agent_failed`. */
export async function askAside(
  context: ChatContext,
  session: ChatSession,
  decisions: Pick<OpenDecisions, 'isWaiting'>,
  { question, signal }: { question: string; signal: AbortSignal },
): Promise<string> {
  const { agents, queue, settings, state } = context;
  const assertAble = (): void => {
    if (agents.backendFor(settings.row.backend).answersAsides !== true) throw unable(settings.row.backend);
  };
  assertAble();
  const isOpen = session.handle !== undefined && (session.isReady || state.turn !== null);
  if (!isOpen && decisions.isWaiting)
    throw new BooError('aside_unavailable', 'The agent has ended while it waited for an answer: give that first.');
  if (!isOpen) {
    const start = async (): Promise<void> => {
      // The chat may have been flipped meanwhile.
      assertAble();
      await session.warm();
    };
    await queue.addTask('terminal', start, { signal });
  }
  const { handle } = session;
  if (!handle?.askAside) throw new BooError('agent_failed', 'The agent’s process has just ended. Ask again.');
  session.use();
  const late = AbortSignal.timeout(limitMs);
  try {
    return await handle.askAside(question, AbortSignal.any([signal, late]));
  } catch (error) {
    signal.throwIfAborted();
    if (late.aborted) throw new BooError('model_error', `The model has not answered within ${limitMs / 1_000} s.`);
    throw toBooError(error);
  }
}

function unable(backend: string): BooError {
  return new BooError(
    'aside_unavailable',
    `This chat runs on ${backend}, which answers side questions only in its own terminal: type /btw there, or flip the chat to claude_sdk.`,
    { details: { backend } },
  );
}
