import { BooError } from '../protocol/error.ts';

export interface OpeningSession {
  open(): Promise<void>;
  /** May be called while the session opens, which then fails. Idempotent. */
  close(): Promise<void>;
}

/** The open sessions of one backend, so that none outlives it. */
export class OpenSessions<S extends OpeningSession> {
  readonly #sessions = new Set<S>();

  /** Opens a session. If aborted, it closes the session, then rejects. */
  async open(session: S, signal?: AbortSignal): Promise<S> {
    const giveUp = (): void => void session.close();
    this.#sessions.add(session);
    signal?.addEventListener('abort', giveUp, { once: true });
    try {
      if (!signal?.aborted) await session.open();
      if (signal?.aborted) throw new BooError('agent_failed', 'The session was closed while it was opening.');
      return session;
    } catch (error) {
      if (signal?.aborted) await session.close();
      this.#sessions.delete(session);
      throw error;
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
  }

  /** Call it when a session has ended by itself or was closed. */
  ended(session: S): void {
    this.#sessions.delete(session);
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#sessions].map((session) => session.close()));
  }
}
