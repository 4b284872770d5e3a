import { resolve as resolvePath } from 'node:path';
import type { Command } from 'commander';
import type { BooClient, Chat } from '../client/client.ts';
import { addAnswerFlags, type AnswerFlags, answerFlagsHelp } from './auto-answer.ts';
import { addChatOptions, type ChatOptions, chatSettings } from './chat-options.ts';
import { type Cli, connect, type GlobalFlags, misuse, printJson } from './cli.ts';
import { type Conversation, openConversation } from './conversation.ts';
import { exitCodes, exitCodesHelp } from './exit-codes.ts';
import { findChat } from './find-chat.ts';
import { comeBack, listenForInterrupts } from './interrupts.ts';
import { plainLine, plainText } from './plain-text.ts';
import { asideIn } from '../protocol/aside-text.ts';
import { toBooError } from '../protocol/error.ts';
import { worksIn } from '../protocol/works-in.ts';
import { runPrompt } from './run-prompt.ts';
import { runTurn } from './run-turn.ts';

interface ChatFlags extends GlobalFlags, AnswerFlags, ChatOptions {
  cwd?: string;
  resume?: string;
}

export function addChat(program: Command, cli: Cli): void {
  const command = addAnswerFlags(program.command('chat'))
    .description('Talk to an agent in this directory: one turn with a text, a conversation without one')
    .argument('[text...]', 'the prompt; without it, and without a terminal, it is read from standard input')
    .option('--resume <chat>', 'continue this chat: its id or the start of it')
    .option('--cwd <dir>', 'the working directory of a new chat (default: this one)');
  addChatOptions(command)
    .addHelpText('after', answerFlagsHelp + exitCodesHelp)
    .action(async (words: string[]) => {
      cli.exitCode = await chat(cli, words, command.optsWithGlobals<ChatFlags>());
    });
}

async function chat(cli: Cli, words: string[], flags: ChatFlags): Promise<number> {
  const { terminal } = cli;
  if (flags.resume !== undefined && (flags.cwd !== undefined || flags.backend !== undefined)) {
    throw misuse('--cwd and --backend are for new chats and cannot be combined with --resume.');
  }
  const talks = words.length === 0 && terminal.isInteractive;
  const text = talks ? '' : words.length > 0 ? words.join(' ') : (await terminal.readAll()).trimEnd();
  if (talks && flags.json) throw misuse('--json needs one prompt: give it as arguments or on standard input.');
  if (!talks && text.trim() === '') throw misuse('There is no prompt: give it as arguments or on standard input.');

  const client = await connect(cli, flags);
  const current = flags.resume === undefined ? await begin(client, flags) : await resume(client, flags.resume, flags);
  if (flags.json) return await runForProgram(cli, client, current, text, flags);
  // While the first prompt is typed. If it does not work, the prompt says why.
  if (talks) client.warm(current.id).catch(() => undefined);
  // Before anything is asked: pending decisions come next.
  if (talks) {
    const there = worksIn(current);
    const places = [plainLine(current.cwd), ...(there === null ? [] : [`works in ${plainLine(there)}`])].join(' · ');
    terminal.out(`${terminal.outStyle('dim', `chat ${current.id} · ${places} · Ctrl-D leaves`)}\n`);
  }
  const conversation = await openConversation(client, current, terminal, flags);
  try {
    if (talks) {
      terminal.keepTyped();
      return await converse(cli, client, current, conversation);
    }
    return await runTurn(cli, client, current, conversation, text);
  } catch (error) {
    // Otherwise the shell would interpret it.
    if (talks) await terminal.forgetTyped();
    throw error;
  } finally {
    await conversation.close();
  }
}

function begin(client: BooClient, flags: ChatFlags): Promise<Chat> {
  const { cwd = '.', backend } = flags;
  return client.createChat({ cwd: resolvePath(cwd), backend, ...chatSettings(flags) });
}

async function resume(client: BooClient, given: string, flags: ChatFlags): Promise<Chat> {
  const found = await findChat(client, given);
  const patch = chatSettings(flags);
  return Object.values(patch).every((value) => value === undefined) ? found : client.patchChat(found.id, patch);
}

/** One turn, with every event and its result as lines of JSON. Nobody is asked. */
async function runForProgram(cli: Cli, client: BooClient, chat: Chat, text: string, answers: AnswerFlags) {
  const { terminal } = cli;
  const tell = (remark: string): void => terminal.err(`· ${plainLine(remark, 500)}\n`);
  const interrupts = listenForInterrupts(terminal, client, chat.id, tell);
  try {
    const running = runPrompt(cli, client, {
      chat,
      prompt: { content: text },
      answers,
      leavesUndecided: true,
      onEvent: (event) => printJson(cli, event),
    });
    const result = await Promise.race([running, interrupts.left]);
    if (result) {
      printJson(cli, result);
      return exitCodes[result.outcome];
    }
    tell(comeBack(chat.id));
    return exitCodes.interrupted;
  } finally {
    interrupts.stop();
  }
}

/** Prompt after prompt, until the input ends. */
async function converse(cli: Cli, client: BooClient, chat: Chat, conversation: Conversation): Promise<number> {
  const { terminal } = cli;
  const { outStyle } = terminal;
  for (;;) {
    await conversation.asker.idle();
    const abort = new AbortController();
    let left = false;
    // A decision in another client's turn takes the question's place for a while.
    conversation.onDecision = () => abort.abort();
    const stopListening = terminal.onInterrupt(() => {
      left = true;
      abort.abort();
    });
    const reply = await Promise.race([terminal.ask(outStyle('bold', '> '), abort.signal), conversation.lost]);
    stopListening();
    conversation.onDecision = () => {};
    if (left) return exitCodes.interrupted;
    if (reply.kind === 'end') return 0;
    if (reply.kind === 'withdrawn' || reply.text.trim() === '') continue;
    const question = asideIn(reply.text);
    if (question === undefined) await runTurn(cli, client, chat, conversation, reply.text);
    else await tellAside(cli, client, chat, question);
  }
}

/** The answer to `/btw question`, or why there is none. */
async function tellAside({ terminal }: Cli, client: BooClient, chat: Chat, question: string): Promise<void> {
  try {
    terminal.out(`${plainText((await client.aside(chat.id, question)).answer)}\n`);
  } catch (error) {
    terminal.err(`! ${plainText(toBooError(error).message)}\n`);
  }
}
