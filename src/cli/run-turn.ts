import type { BooClient, Chat } from '../client/client.ts';
import type { Cli } from './cli.ts';
import type { Conversation } from './conversation.ts';
import { exitCodes } from './exit-codes.ts';
import { comeBack, listenForInterrupts } from './interrupts.ts';

/** One turn at the terminal, and its exit code. The first Ctrl-C interrupts the turn, the second leaves. */
export async function runTurn(
  { terminal }: Cli,
  client: BooClient,
  chat: Chat,
  conversation: Conversation,
  text: string,
): Promise<number> {
  const interrupts = listenForInterrupts(terminal, client, chat.id, (remark) => conversation.tell(remark));
  try {
    const end = await Promise.race([conversation.submit(text), interrupts.left, conversation.undecided]);
    if (end === 'undecided') {
      conversation.tell(`The turn waits until then. Watch it with: boocode show --follow ${chat.id}`);
      return exitCodes.undecided;
    }
    if (end === 'cancelled') conversation.tell('The prompt was cancelled before its turn started.');
    if (end) return exitCodes[end];
    conversation.tell(comeBack(chat.id));
    return exitCodes.interrupted;
  } finally {
    interrupts.stop();
  }
}
