/**
 * What cannot happen in the middle of a turn, and closes the session: a task of the work queue. One that has to wait, for
 * a turn or for work that closing would kill, exists only as long as its caller waits: nothing of it is stored, so that
 * it cannot surprise anybody later.
 */
import type { BackendName, RunningChoice } from '../protocol/chat.ts';
import { BooError } from '../protocol/error.ts';
import type { Actor } from '../protocol/principal.ts';
import type { Write } from '../store/events.ts';
import type { ChatContext } from './chat-context.ts';
import type { ChatLoop } from './chat-loop.ts';
import type { ChatSession } from './chat-session.ts';
import type { OpenDecisions } from './open-decisions.ts';
import type { Turns } from './turns.ts';

export interface BusyChat extends ChatContext {
  session: ChatSession;
  turns: Turns;
  loop: ChatLoop;
  decisions: OpenDecisions;
}

/** What it is called where it is refused. */
export type Verb = 'flip' | 'move';

export interface BetweenTurns {
  verb: Verb;
  /** What happens to a running turn, and to work that closing the session would kill. */
  running: RunningChoice;
  /** On which backend another process can take up calls that wait for a decision; undefined if none will. */
  continuesOn: BackendName | undefined;
  /** Who asks for it. */
  actor: Actor;
  /** Aborted with a BooError once the caller no longer waits. */
  signal: AbortSignal | undefined;
}

/** How often a session is asked whether its work is done. */
const askAgainMs = 250;

/** Throws `chat_busy` when something runs and the request does not say what happens to it. */
export async function betweenTurns(chat: BusyChat, request: BetweenTurns, work: () => Promise<void>): Promise<void> {
  const { state, session, queue, turns, decisions } = chat;
  const { running, verb, continuesOn, actor, signal } = request;
  signal?.throwIfAborted();
  const isUrgent = running === 'interrupt';
  // Without a wait if there are none, since these tasks keep their order.
  const isKept = decisions.isAsking && (await takesDecisions(chat, continuesOn, isUrgent));
  if (running === 'refuse' && !isKept) assertIdle(state.turn !== undefined || decisions.isWaiting, session, verb);
  const done = queue.addTask('flip', work, { isUrgent, runsSuspended: isUrgent || isKept, signal });
  const ends = isUrgent && !isKept;
  if (ends) await decisions.cancel(actor);
  await Promise.all([done, ends && state.turn ? turns.interrupt(actor) : undefined]);
}

/**
 * Whether all that goes on is that decisions wait for an answer, which are taken along: another process continues their
 * calls. Frees the process that asked.
 */
async function takesDecisions(
  { agents, decisions }: BusyChat,
  continuesOn: BackendName | undefined,
  isUrgent: boolean,
): Promise<boolean> {
  if (continuesOn === undefined || !agents.backendFor(continuesOn).canContinue) return false;
  if (decisions.isWaiting) return true;
  return (isUrgent || !decisions.isProcessNeeded) && (await decisions.suspend());
}

/** Waits until closing the session kills nothing, or until another task arrives that closes it anyway. */
export async function untilIdle(
  { queue, turns, session, loop }: BusyChat,
  signal: AbortSignal | undefined,
): Promise<void> {
  while (!queue.isUrgent) {
    await turns.recordUnprompted();
    queue.assertOpen();
    signal?.throwIfAborted();
    if (!session.handle?.isBusy) return;
    await loop.sleep(askAgainMs, signal);
  }
}

/** Ends the session in order. Turns that the agent started by itself in the meantime belong before what follows. */
export async function closeSession({ session, turns, queue }: BusyChat): Promise<void> {
  await session.close();
  await turns.recordUnprompted();
  queue.assertOpen();
}

/** Stores what a chat is from here on. If that fails it may or may not be stored, so the chat has to be read again. */
export async function storeOrFail(chat: BusyChat, write: Write): Promise<void> {
  await chat.log.append(write).catch((error: unknown) => {
    chat.fail(error);
    throw error;
  });
}

export function assertIdle(isTurnRunning: boolean, session: ChatSession, verb: Verb): void {
  if (isTurnRunning) {
    const details = { field: 'running', because: 'turn' };
    const choices = `Send "running": "finish" to ${verb} when it has finished, or "interrupt" to end it and ${verb} at once.`;
    throw new BooError('chat_busy', `A turn is running. ${choices}`, { details });
  }
  if (session.handle?.isBusy) {
    const details = { field: 'running', because: 'work' };
    const problem = `The session has work that a ${verb} would end: a background task, or a terminal that is attached.`;
    const choices = `Send "running": "finish" to ${verb} when it is done, or "interrupt" to ${verb} at once.`;
    throw new BooError('chat_busy', `${problem} ${choices}`, { details });
  }
}
