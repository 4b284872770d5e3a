import type { Clock } from '../lib/clock.ts';
import type { Event } from '../protocol/event.ts';

/** When the provider forgets a conversation. */
export class PromptCache {
  readonly #clock: Clock;
  #untilMs: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  noted(event: Event): void {
    if (event.type !== 'usage_update' || event.cacheSeconds === undefined) return;
    this.#untilMs = this.#clock.monotonicMs() + event.cacheSeconds * 1_000;
  }

  /** 0 if nothing is cached any more. */
  get leftMs(): number {
    return this.#untilMs === undefined ? 0 : Math.max(0, this.#untilMs - this.#clock.monotonicMs());
  }
}
