/**
 * Listens to the doorbells of other hosts, on a connection of its own, and reopens it when it is lost. Nothing depends on
 * it: without it, everything is noticed a little later.
 *
 * A pooler may accept LISTEN and then deliver nothing, and a dead connection looks like a quiet one. So the host rings
 * itself, over another connection: once it listens, and from time to time while other hosts are up.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { OpenListener } from '../store/notifications.ts';

export const reopenAfterMs = 1_000;
export const testEveryMs = 15_000;
export const heardWithinMs = 5_000;

export interface DoorbellListenerParts {
  clock: Clock;
  logger: Log;
  readonly openListener: OpenListener;
  /** Rings this host, over another connection. */
  readonly ringSelf: (test: string) => Promise<void>;
  readonly onHeard: (text: string) => void;
}

interface SelfTest {
  id: string;
  isHeard: boolean;
  onHeard?: () => void;
}

export class DoorbellListener {
  readonly #parts: DoorbellListenerParts;
  #running: Promise<void> | undefined;
  /** Ends with the connection, or with this listener. */
  #connection = new AbortController();
  #test: SelfTest | undefined;
  #hasOthers = false;
  #isFailing = false;
  #isStopped = false;

  constructor(parts: DoorbellListenerParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#connection.abort();
    await this.#running;
  }

  noteOthers(areUp: boolean): void {
    this.#hasOthers = areUp;
  }

  /** This host has heard its own ring. */
  heardSelf(id: string): void {
    if (this.#test?.id !== id) return;
    this.#test.isHeard = true;
    this.#test.onHeard?.();
  }

  async #run(): Promise<void> {
    const { logger } = this.#parts;
    while (!this.#isStopped) {
      try {
        if ((await this.#listen()) === 'deaf') {
          logger.info(
            {},
            'No notifications pass between the database and this host, as behind pgbouncer in transaction mode: what other hosts do is noticed within a second instead of at once.',
          );
          return;
        }
      } catch (err) {
        if (!this.#isFailing) logger.warn({ err }, 'Other hosts cannot be listened to; trying again.');
        this.#isFailing = true;
      }
      if (this.#isStopped) return;
      this.#connection = new AbortController();
      await this.#pause(reopenAfterMs);
    }
  }

  /** On one connection. `lost`: it is over, or silent since a while. `deaf`: it has delivered nothing. */
  async #listen(): Promise<'lost' | 'deaf'> {
    const connection = (this.#connection = new AbortController());
    const { openListener, onHeard } = this.#parts;
    const listener = openListener({ onHeard, onLost: () => connection.abort() });
    // It may come late, or never.
    listener.ready.catch(() => undefined);
    try {
      await Promise.race([listener.ready, aborted(connection.signal)]);
      if (this.#isStopped) return 'lost';
      if (connection.signal.aborted) throw new Error('The connection was closed before it could be used.');
      if (!(await this.#hearsItself())) return connection.signal.aborted ? 'lost' : 'deaf';
      this.#isFailing = false;
      do await this.#pause(testEveryMs);
      while (!connection.signal.aborted && (!this.#hasOthers || (await this.#hearsItself())));
      return 'lost';
    } finally {
      await listener.close();
    }
  }

  /** Rejects if it could not ring. */
  async #hearsItself(): Promise<boolean> {
    const test: SelfTest = { id: randomUUID(), isHeard: false };
    this.#test = test;
    await this.#parts.ringSelf(test.id);
    if (!test.isHeard) await this.#pause(heardWithinMs, (end) => (test.onHeard = end));
    return test.isHeard;
  }

  /** Ends early with the connection, or when its end is called. */
  #pause(ms: number, onBegun?: (end: () => void) => void): Promise<void> {
    const { signal } = this.#connection;
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        signal.removeEventListener('abort', end);
        resolve();
      };
      const cancel = this.#parts.clock.after(ms, end);
      signal.addEventListener('abort', end);
      onBegun?.(end);
    });
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
