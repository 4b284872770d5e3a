import { resolve as resolvePath } from 'node:path';
import type { Command } from 'commander';
import { Option } from 'commander';
import type { BooClient, Chat, CreateChat, PatchChat } from '../client/client.ts';
import { addAnswerFlags, type AnswerFlags, answerFlagsHelp } from './auto-answer.ts';
import { type Cli, connect, type GlobalFlags, misuse, printJson } from './cli.ts';
import { type Conversation, openConversation } from './conversation.ts';
import { exitCodes, exitCodesHelp } from './exit-codes.ts';
import { findChat } from './find-chat.ts';
import { comeBack, listenForInterrupts } from './interrupts.ts';
import { plainLine } from './plain-text.ts';
import { worksIn } from '../protocol/works-in.ts';
import { runPrompt } from './run-prompt.ts';
import { runTurn } from './run-turn.ts';

interface ChatFlags extends GlobalFlags, AnswerFlags {
  cwd?: string;
  title?: string;
  model?: string;
  effort?: CreateChat['effort'];
  backend?: CreateChat['backend'];
  permissionMode?: CreateChat['permissionMode'];
  trust?: true;
  acceptAgentMessages?: boolean;
  resumeAtReset?: boolean;
  resume?: string;
}

// Written out, because commands that only talk to a server do not load the schemas.
const efforts = ['low', 'medium', 'high', 'xhigh', 'max'] satisfies CreateChat['effort'][];
const permissionModes = [
  'default',
  'acceptEdits',
  'plan',
  'dontAsk',
  'auto',
  'bypassPermissions',
] as const satisfies readonly CreateChat['permissionMode'][];

export function addChat(program: Command, cli: Cli): void {
  addAnswerFlags(program.command('chat'))
    .description('Talk to an agent in this directory: one turn with a text, a conversation without one')
    .argument('[text...]', 'the prompt; without it, and without a terminal, it is read from standard input')
    .option('--resume <chat>', 'continue this chat: its id or the start of it')
    .option('--cwd <dir>', 'the working directory of a new chat (default: this one)')
    .option('--title <title>', 'the title of the chat')
    .option('--model <model>', 'the model to use')
    .addOption(new Option('--effort <level>', 'how much effort the model should make').choices(efforts))
    .option('--backend <backend>', 'the engine to run the agent on, such as claude_sdk or claude_pty')
    .addOption(new Option('--permission-mode <mode>', 'what the agent may do without asking').choices(permissionModes))
    .option('--trust', "load the directory's own settings, hooks and instructions")
    .option('--accept-agent-messages', 'let agents of other chats on the machine start turns in this one')
    .option('--no-accept-agent-messages', 'refuse them (the default for a new chat)')
    .option('--resume-at-reset', 'let prompts held by a usage limit resume automatically when it resets')
    .option('--no-resume-at-reset', 'let them wait for a person')
    .addHelpText('after', answerFlagsHelp + exitCodesHelp)
    .action(async (words: string[], _options, command: Command) => {
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
  return client.createChat({ cwd: resolvePath(cwd), backend, ...settingsOf(flags) });
}

async function resume(client: BooClient, given: string, flags: ChatFlags): Promise<Chat> {
  const found = await findChat(client, given);
  const patch = settingsOf(flags);
  return Object.values(patch).every((value) => value === undefined) ? found : client.patchChat(found.id, patch);
}

/** What a new chat is created with, and an existing one is changed to. */
function settingsOf(flags: ChatFlags) {
  const {
    title,
    model,
    effort,
    permissionMode,
    trust: trusted,
    acceptAgentMessages: acceptsAgentMessages,
    resumeAtReset,
  } = flags;
  return { title, model, effort, permissionMode, trusted, acceptsAgentMessages, resumeAtReset } satisfies PatchChat;
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
    await runTurn(cli, client, chat, conversation, reply.text);
  }
}
