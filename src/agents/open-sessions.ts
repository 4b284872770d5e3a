import { BooError } from '../protocol/error.ts';

export interface OpeningSession {
  open(): Promise<void>;
  /** Also while it opens: then it never will. Idempotent. */
  close(): Promise<void>;
}

/** The sessions of one backend that have not ended yet: none outlives it. */
export class OpenSessions<S extends OpeningSession> {
  readonly #sessions = new Set<S>();

  /** Opens a session. Aborted, it closes it, and rejects once that is done. */
  async open(session: S, signal?: AbortSignal): Promise<S> {
    const giveUp = (): void => void session.close();
    this.#sessions.add(session);
    signal?.addEventListener('abort', giveUp, { once: true });
    try {
      if (!signal?.aborted) await session.open();
      if (signal?.aborted) throw new BooError('agent_failed', 'The session was closed while it opened.');
      return session;
    } catch (error) {
      if (signal?.aborted) await session.close();
      this.#sessions.delete(session);
      throw error;
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
  }

  /** The session has ended by itself, or was closed. */
  ended(session: S): void {
    this.#sessions.delete(session);
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#sessions].map((session) => session.close()));
  }
}
