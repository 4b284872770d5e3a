/** What happens one after the other for a chat. */
import { createSerial, type Serial } from '../../lib/serial.ts';
import type { ViewName } from './chat-folder.ts';

export interface Lanes {
  turns: Serial;
  /** Of each view, and how often it was used. */
  reads: Record<ViewName, Serial>;
  readCounts: Record<ViewName, number>;
  hasStart: Set<string>;
  /** Starts of turns that wait or run. */
  starting: number;
  /** The turn whose end is not recorded yet. */
  ended: string | null;
}

export class ChatLanes {
  readonly #known = new Map<string, Lanes>();
  readonly #running = new Set<Promise<unknown>>();

  of(chatId: string): Lanes {
    const known = this.#known.get(chatId);
    if (known) return known;
    const lanes: Lanes = {
      turns: createSerial(),
      reads: { view: createSerial(), watch: createSerial() },
      readCounts: { view: 0, watch: 0 },
      hasStart: new Set(),
      starting: 0,
      ended: null,
    };
    this.#known.set(chatId, lanes);
    return lanes;
  }

  forget(chatId: string): void {
    this.#known.delete(chatId);
  }

  /** `settled` waits for it. */
  track<T>(work: Promise<T>): Promise<T> {
    const over = work.then(
      () => undefined,
      () => undefined,
    );
    this.#running.add(over);
    void over.finally(() => this.#running.delete(over));
    return work;
  }

  async settled(): Promise<void> {
    await Promise.allSettled(this.#running);
  }
}
