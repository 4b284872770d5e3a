/**
 * Previews on their way to readers. An agent can say ten pieces in a millisecond, and each costs every reader's connection
 * far more than its text. So the first is shown at once, and what follows within a moment is joined.
 */
import type { Clock } from '../lib/clock.ts';
import type { DeltaBody } from '../protocol/event.ts';
import { joinedPreview, previewKey } from './preview-text.ts';

/** Less than a screen takes to draw two pictures, and than a model takes to write a few words. */
const showEveryMs = 10;

interface Preview {
  turnId: string;
  body: DeltaBody;
}

export class Previews {
  readonly #clock: Clock;
  readonly #show: (turnId: string, body: DeltaBody) => void;
  /** What is not shown yet, by text: several agents may write at the same time. */
  readonly #gathered = new Map<string, Preview>();
  #shownAtMs = -Infinity;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, show: (turnId: string, body: DeltaBody) => void) {
    this.#clock = clock;
    this.#show = show;
  }

  add(turnId: string, body: DeltaBody): void {
    const key = `${turnId} ${body.type} ${previewKey(body)}`;
    const sofar = this.#gathered.get(key);
    this.#gathered.set(key, { turnId, body: sofar ? joinedPreview(sofar.body, body) : body });
    if (this.#cancel) return;
    const waitMs = this.#shownAtMs + showEveryMs - this.#clock.monotonicMs();
    if (waitMs <= 0) this.flush();
    else this.#cancel = this.#clock.after(waitMs, () => this.flush());
  }

  /** Shows what has been gathered: something is to be shown behind it. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#gathered.size === 0) return;
    this.#shownAtMs = this.#clock.monotonicMs();
    const previews = [...this.#gathered.values()];
    this.#gathered.clear();
    for (const { turnId, body } of previews) this.#show(turnId, body);
  }
}
