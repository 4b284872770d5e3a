import type { Command } from 'commander';
import { addAnswerFlags, type AnswerFlags, answerFlagsHelp } from './auto-answer.ts';
import { type Cli, connect, type GlobalFlags, misuse, printJson } from './cli.ts';
import { turnSummary } from './event-text.ts';
import { exitCodes, exitCodesHelp } from './exit-codes.ts';
import { findChat } from './find-chat.ts';
import { plainText } from './plain-text.ts';
import { runPrompt } from './run-prompt.ts';
import type { Receipt } from '../client/client.ts';

interface SendFlags extends GlobalFlags, AnswerFlags {
  id?: string;
  wait?: true;
}

export function addSend(program: Command, cli: Cli): void {
  addAnswerFlags(program.command('send'))
    .description('Send a prompt to a chat and print its receipt')
    .argument('<chat>', 'the id of the chat or the start of it')
    .argument('[text...]', 'the prompt; without it, it is read from standard input')
    .option('--id <id>', "the prompt's own id: sending twice under one id is sending once")
    .option('--wait', 'wait for the end of the turn; with --json, print every event and the result, one per line')
    .addHelpText('after', answerFlagsHelp + exitCodesHelp)
    .action(async (given: string, words: string[], _options, command: Command) => {
      cli.exitCode = await send(cli, given, words, command.optsWithGlobals<SendFlags>());
    });
}

async function send(cli: Cli, given: string, words: string[], flags: SendFlags): Promise<number> {
  const { terminal } = cli;
  if (!flags.wait && (flags.allow || flags.deny)) throw misuse('--allow and --deny need --wait.');
  const text = words.length > 0 ? words.join(' ') : terminal.isInteractive ? '' : (await terminal.readAll()).trimEnd();
  if (text.trim() === '') throw misuse('There is no prompt: give it as arguments or on standard input.');
  const client = await connect(cli, flags);
  const chat = await findChat(client, given);
  const prompt = { id: flags.id, content: text };
  const tellReceipt = (receipt: Receipt): void => {
    terminal.out(`prompt ${receipt.promptId} is stored as event ${receipt.seq} of chat ${receipt.chatId}\n`);
  };
  if (!flags.wait) {
    const receipt = await client.prompt(chat.id, prompt);
    if (flags.json) printJson(cli, receipt);
    else tellReceipt(receipt);
    return 0;
  }

  const result = await runPrompt(cli, client, {
    chat,
    prompt,
    answers: flags,
    leavesUndecided: false,
    onReceipt: (receipt) => void (flags.json || tellReceipt(receipt)),
    onEvent: (event) => void (flags.json && printJson(cli, event)),
  });
  const { usage, costUsd = 0 } = result;
  if (flags.json) printJson(cli, result);
  else terminal.out(`${result.outcome}${usage ? ` · ${turnSummary({ ...result, usage, costUsd })}` : ''}\n`);
  if (result.error && !flags.json) terminal.err(`✗ ${plainText(result.error.message)}\n`);
  return exitCodes[result.outcome];
}
