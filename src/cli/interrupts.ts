import type { BooClient } from '../client/client.ts';
import type { Terminal } from './terminal.ts';

export interface Interrupts {
  /** Resolves at the second Ctrl-C. */
  readonly left: Promise<undefined>;
  stop(): void;
}

/** From now on the first Ctrl-C interrupts the chat's turn, and the second leaves. */
export function listenForInterrupts(
  terminal: Terminal,
  client: BooClient,
  chatId: string,
  tell: (remark: string) => void,
): Interrupts {
  let leave = (): void => {};
  const left = new Promise<undefined>((resolve) => (leave = () => resolve(undefined)));
  let presses = 0;

  async function interrupt(): Promise<void> {
    tell('Interrupting … Ctrl-C again leaves.');
    try {
      const { interrupted } = await client.interrupt(chatId);
      if (!interrupted) tell('No turn is running; the prompt stays in the queue. Ctrl-C again leaves.');
    } catch (error) {
      tell(error instanceof Error ? error.message : String(error));
    }
  }

  const stop = terminal.onInterrupt(() => {
    presses += 1;
    if (presses > 1) leave();
    else void interrupt();
  });
  return { left, stop };
}

/** Shown to someone who leaves a turn. */
export const comeBack = (chatId: string): string =>
  `The turn may continue without you. Come back with: boocode chat --resume ${chatId}`;
