import type { Command } from 'commander';
import type { BooClient, Hold, Receipt } from '../protocol/client.ts';
import { type Cli, connect, type GlobalFlags, misuse, printJson } from './cli.ts';
import type { TurnFinished } from './conversation.ts';
import { turnSummary } from './event-text.ts';
import { findChat } from './find-chat.ts';
import { heldExitCode, holdText, isHeldForGood } from './hold-text.ts';
import { plainText } from './plain-text.ts';
import { exitCodes } from './run-turn.ts';

interface SendFlags extends GlobalFlags {
  id?: string;
  wait?: true;
}

type QueueHeld = { type: 'queue_held' } & Hold;

export function addSend(program: Command, cli: Cli): void {
  program
    .command('send')
    .description('Send a prompt to a chat and print its receipt')
    .argument('<chat>', 'the id of the chat or the beginning of it')
    .argument('[text...]', 'the prompt; without it, it is read from standard input')
    .option('--id <id>', "the prompt's own id: sending twice under one id is sending once")
    .option('--wait', 'wait for the end of the turn; the exit code tells how it ended')
    .action(async (given: string, words: string[], _options, command: Command) => {
      cli.exitCode = await send(cli, given, words, command.optsWithGlobals<SendFlags>());
    });
}

async function send(cli: Cli, given: string, words: string[], flags: SendFlags): Promise<number> {
  const { terminal } = cli;
  const text = words.length > 0 ? words.join(' ') : terminal.isInteractive ? '' : (await terminal.readAll()).trimEnd();
  if (text.trim() === '') throw misuse('There is no prompt: give it as words or on standard input.');
  const client = await connect(cli, flags);
  const chat = await findChat(client, given);
  const receipt = await client.prompt(chat.id, { id: flags.id, content: text });
  if (flags.json) printJson(cli, receipt);
  else terminal.out(`prompt ${receipt.promptId} is stored as event ${receipt.seq} of chat ${receipt.chatId}\n`);
  if (!flags.wait) return 0;

  const finished = await turnOf(client, receipt);
  if (finished.type === 'queue_held') {
    if (flags.json) printJson(cli, finished);
    else terminal.err(`${holdText(finished, chat.id)}\n`);
    return heldExitCode;
  }
  if (flags.json) printJson(cli, finished);
  else terminal.out(`${finished.outcome} · ${turnSummary(finished)}\n`);
  if (finished.error && !flags.json) terminal.err(`✗ ${plainText(finished.error.message)}\n`);
  return exitCodes[finished.outcome];
}

/**
 * The end of the turn that took the prompt; in the log already, where the prompt was sent before. Or what holds it, where
 * only a person resumes it.
 */
async function turnOf(client: BooClient, receipt: Receipt): Promise<TurnFinished | QueueHeld> {
  const { hold } = receipt.held ? await client.getChat(receipt.chatId) : { hold: null };
  if (hold?.resumesAt === null) return { type: 'queue_held', ...hold };
  let turnId: string | undefined;
  for await (const item of client.follow(receipt.chatId, { after: receipt.seq - 1 })) {
    if (item.kind !== 'event') continue;
    const { event } = item;
    if (event.type === 'turn_started' && event.promptIds.includes(receipt.promptId)) turnId = event.turnId;
    if (event.type === 'turn_finished' && event.turnId === turnId) {
      // The agent never had it: another turn follows.
      if (!event.requeuedPromptIds?.includes(receipt.promptId)) return event;
      turnId = undefined;
    }
    if (turnId !== undefined || !isHeldForGood(event)) continue;
    // It may be long over, where the prompt was sent before.
    const { hold: now } = await client.getChat(receipt.chatId);
    if (now?.resumesAt === null) return { type: 'queue_held', ...now };
  }
  throw new Error('The feed ended without a reason.');
}
