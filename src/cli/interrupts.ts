import type { BooClient } from '../client/client.ts';
import { toBooError } from '../protocol/error.ts';
import type { Terminal } from './terminal.ts';

export interface Interrupts {
  /** Resolves at the second Ctrl-C. */
  readonly left: Promise<undefined>;
  stop(): void;
}

/** From now on the first Ctrl-C interrupts the chats' turns, and the second leaves. */
export function listenForInterrupts(
  terminal: Terminal,
  client: BooClient,
  chatIds: string | readonly string[],
  tell: (remark: string) => void,
): Interrupts {
  let leave = (): void => {};
  const left = new Promise<undefined>((resolve) => (leave = () => resolve(undefined)));
  let presses = 0;

  async function interrupt(): Promise<void> {
    tell('Interrupting … Ctrl-C again leaves.');
    const answers = await Promise.allSettled([chatIds].flat().map((chatId) => client.interrupt(chatId)));
    for (const answer of answers) if (answer.status === 'rejected') tell(toBooError(answer.reason).message);
    const told = answers.filter((answer) => answer.status === 'fulfilled');
    if (told.length > 0 && !told.some(({ value }) => value.interrupted))
      tell('No turn is running; the prompt stays in the queue. Ctrl-C again leaves.');
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
