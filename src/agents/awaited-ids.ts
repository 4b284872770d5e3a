/** Ids that turn up sooner or later, and those who wait for one, though never longer than a limit. */
export class AwaitedIds {
  readonly #limitMs: number;
  readonly #ids = new Set<string>();
  readonly #waiting = new Map<string, () => void>();

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  add(id: string): void {
    this.#ids.add(id);
    this.#waiting.get(id)?.();
  }

  clear(): void {
    this.#ids.clear();
  }

  /** Resolves with true once the id has turned up, or with false when the limit is over. */
  has(id: string): Promise<boolean> {
    if (this.#ids.has(id)) return Promise.resolve(true);
    return new Promise((resolve) => {
      const end = (isThere: boolean): void => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        resolve(isThere);
      };
      const timer = setTimeout(() => end(false), this.#limitMs);
      this.#waiting.set(id, () => end(true));
    });
  }
}
