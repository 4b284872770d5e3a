/** Where a script waits until the test lets it through. */
export interface Gate {
  /** Resolves once someone waits at the gate. */
  readonly reached: Promise<void>;
  /** To be awaited by the script. */
  pass(): Promise<void>;
  /** Lets everyone through, now and later. */
  open(): void;
}

export function createGate(): Gate {
  let tell = (): void => {};
  let go = (): void => {};
  const reached = new Promise<void>((resolve) => (tell = resolve));
  const opened = new Promise<void>((resolve) => (go = resolve));
  return {
    reached,
    pass() {
      tell();
      return opened;
    },
    open: () => go(),
  };
}
