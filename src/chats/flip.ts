/**
 * A flip: the chat goes on with another backend, or in another directory, in the same session. It happens between turns:
 * the old backend closes the session in order, so that the transcript is complete in the store, and one write tells the
 * new one to everybody. Whoever opens the session next does it there, and resumes from the store.
 *
 * A flip that has to wait, for a turn or for work that closing would kill, lasts as long as somebody waits for it:
 * nothing of it is stored, so nothing of it may surprise anybody later.
 */
import type { AgentDirectory } from '../agents/agent.ts';
import type { Clock } from '../lib/clock.ts';
import type { BackendName, RunningChoice } from '../protocol/chat.ts';
import { BooError } from '../protocol/error.ts';
import { type Actor, doneByActor } from '../protocol/principal.ts';
import { setSessionBackend } from '../store/agent-sessions.ts';
import type { ChatChanges, ChatRow } from '../store/chats.ts';
import type { Write } from '../store/events.ts';
import type { ChatSession } from './chat-session.ts';
import type { ChatLog } from './chat-log.ts';
import type { ChatSettings } from './chat-settings.ts';

/** What cannot change while the session is open. */
interface Place {
  backend?: BackendName | undefined;
  /** Resolved: see `resolveWorkingDirectory`. */
  cwd?: string | undefined;
}

export interface FlipRequest extends Place {
  /** What becomes of a running turn, and of work that closing the session would kill. */
  running: RunningChoice;
  /** What else is to change, in the same write. */
  changes: ChatChanges;
  /** Who asks for it. */
  actor: Actor;
  /** Aborted, with a BooError, once nobody waits for the flip any more. */
  signal: AbortSignal | undefined;
}

export interface FlipParts {
  log: ChatLog;
  clock: Clock;
  session: ChatSession;
  settings: ChatSettings;
  readonly agents: AgentDirectory;
  /** Throws once the chat is being let go. */
  assertRunning(): void;
  isTurnRunning(): boolean;
  interruptTurn(actor: Actor): Promise<void>;
  /** Has something done between turns. */
  between(task: () => Promise<void>, signal?: AbortSignal): Promise<void>;
  /** Records the turns that the agent began by itself and that wait for it. */
  recordUnprompted(): Promise<void>;
  /** Has agents leave nothing of the chat in its directory that the store has not. */
  leaveDirectory(): Promise<void>;
  /** Nobody knows what is stored. */
  onFailure(error: unknown): void;
}

/** How often a session is asked whether its work is done. */
const askAgainMs = 250;

export class Flips {
  readonly #parts: FlipParts;
  #pending = 0;
  /** Flips among them that wait for nothing. */
  #hurried = 0;
  #rouse = (): void => {};

  constructor(parts: FlipParts) {
    this.#parts = parts;
  }

  /** Some flip waits for nothing: it goes before what the agent begins by itself. */
  get isHurried(): boolean {
    return this.#hurried > 0;
  }

  /** A flip that waits looks again whether it still has to. */
  rouse(): void {
    this.#rouse();
  }

  /** Throws `backend_unavailable`, or `chat_busy` where something runs and the request does not say what becomes of it. */
  async flip(request: FlipRequest): Promise<void> {
    const { session, settings } = this.#parts;
    const wanted = this.#newPlace(request);
    if (this.#pending === 0 && !wanted) return settings.change(request.changes, session, request.actor);
    // Before anything is touched.
    request.signal?.throwIfAborted();
    const { agent, backend } = settings.row;
    this.#parts.agents.choose(agent, request.backend ?? backend);
    if (request.running === 'refuse') assertIdle(this.#parts.isTurnRunning(), session, settings.row.id, wanted);

    const isHurried = request.running === 'interrupt';
    const leave = this.#enter(isHurried);
    // Left before its promise is settled, too: what comes next in turn must know.
    const done = this.#parts.between(() => this.#make(request).finally(leave), request.signal).finally(leave);
    this.rouse();
    await Promise.all([done, isHurried ? this.#parts.interruptTurn(request.actor) : undefined]);
  }

  /** What of the request differs from what the chat has by now; undefined where nothing does. */
  #newPlace({ backend, cwd }: Place): Place | undefined {
    const { row } = this.#parts.settings;
    const place = {
      ...(backend === undefined || backend === row.backend ? {} : { backend }),
      ...(cwd === undefined || cwd === row.cwd ? {} : { cwd }),
    };
    return Object.keys(place).length === 0 ? undefined : place;
  }

  /** Counts a flip until the returned function is called, as often as anybody likes. */
  #enter(isHurried: boolean): () => void {
    let isOver = false;
    this.#pending += 1;
    if (isHurried) this.#hurried += 1;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#pending -= 1;
      if (isHurried) this.#hurried -= 1;
    };
  }

  /** Between turns. */
  async #make({ running, changes, actor, signal, ...request }: FlipRequest): Promise<void> {
    const { log, session, settings } = this.#parts;
    // Another flip may have been first.
    const { id, agent, trusted } = settings.row;
    const place = this.#newPlace(request);
    if (!place) return settings.change(changes, session, actor);

    if (running === 'refuse') assertIdle(false, session, id, place);
    await this.#untilIdle(id, signal);
    await session.close();
    // What the session still said of itself belongs before its end.
    await this.#parts.recordUnprompted();
    this.#parts.assertRunning();
    if (place.cwd !== undefined) await this.#parts.leaveDirectory();
    // Trust is by directory: who has looked at the old one has not looked at this one.
    const untrusted = place.cwd !== undefined && trusted ? { trusted: false } : {};
    const whole = { ...untrusted, ...changes, ...place };
    await log.append(flipped(log, agent, whole, actor)).catch((error: unknown) => {
      // Perhaps it is stored, and perhaps not: the chat is to be read anew.
      this.#parts.onFailure(error);
      throw error;
    });
    settings.stored(whole);
    session.forgetFailure();
  }

  /** Waits until closing the session kills nothing, or until somebody is in a hurry. */
  async #untilIdle(chatId: string, signal: AbortSignal | undefined): Promise<void> {
    for (;;) {
      if (this.isHurried) return;
      await this.#parts.recordUnprompted();
      this.#parts.assertRunning();
      signal?.throwIfAborted();
      if (!this.#parts.session.handle?.isBusy) return;
      await this.#pause(signal);
    }
  }

  async #pause(signal: AbortSignal | undefined): Promise<void> {
    let cancel = (): void => {};
    await new Promise<void>((resolve) => {
      this.#rouse = resolve;
      signal?.addEventListener('abort', this.#rouse);
      cancel = this.#parts.clock.after(askAgainMs, resolve);
    });
    cancel();
    signal?.removeEventListener('abort', this.#rouse);
    this.#rouse = () => {};
  }
}

function flipped(log: ChatLog, agent: ChatRow['agent'], changes: ChatChanges, actor: Actor): Write {
  const { backend } = changes;
  return {
    events: [{ body: { type: 'chat_updated', ...changes, ...doneByActor(actor) } }],
    ...(backend === undefined ? {} : { side: (db) => [setSessionBackend(db, log.lease, agent, backend)] }),
    chat: changes,
  };
}

function assertIdle(isTurnRunning: boolean, session: ChatSession, chatId: string, place: Place = {}): void {
  const verb = place.cwd === undefined ? 'flip' : 'move';
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
