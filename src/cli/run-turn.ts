import type { BooClient, Chat } from '../protocol/client.ts';
import type { Cli } from './cli.ts';
import type { Conversation } from './conversation.ts';
import { heldExitCode } from './hold-text.ts';

export const interruptedExitCode = 130;

export const exitCodes = { completed: 0, failed: 1, interrupted: interruptedExitCode };

/** One turn at the terminal, and the exit code it stands for. The first Ctrl-C interrupts the turn, the second leaves. */
export async function runTurn(
  { terminal }: Cli,
  client: BooClient,
  chat: Chat,
  conversation: Conversation,
  text: string,
): Promise<number> {
  let leave = (): void => {};
  const left = new Promise<undefined>((resolve) => (leave = () => resolve(undefined)));
  let presses = 0;

  async function interrupt(): Promise<void> {
    conversation.tell('Interrupting … Ctrl-C again leaves.');
    try {
      const { interrupted } = await client.interrupt(chat.id);
      if (!interrupted) conversation.tell('No turn is running; the prompt stays in the queue. Ctrl-C again leaves.');
    } catch (error) {
      conversation.tell(error instanceof Error ? error.message : String(error));
    }
  }

  const stopListening = terminal.onInterrupt(() => {
    presses += 1;
    if (presses > 1) leave();
    else void interrupt();
  });
  try {
    const finished = await Promise.race([conversation.submit(text), left]);
    if (finished === 'held') return heldExitCode;
    if (finished) return exitCodes[finished.outcome];
    conversation.tell(`The turn may go on without you. Come back with: boocode chat --resume ${chat.id}`);
    return interruptedExitCode;
  } finally {
    stopListening();
  }
}
