import { resolve as resolvePath } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import type { BooClient, Chat, CreateChat } from '../client/client.ts';
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
import { tellWakeCost } from './wake-remark.ts';

interface ChatFlags extends GlobalFlags, AnswerFlags, ChatOptions {
  cwd?: string;
  resume?: string;
  worktree?: string | true;
  base?: string;
  attempts?: number;
  team?: true;
}

export function addChat(program: Command, cli: Cli): void {
  const command = addAnswerFlags(program.command('chat'))
    .description('Talk to an agent in this directory: one turn with a text, a conversation without one')
    .argument('[text...]', 'the prompt; without it, and without a terminal, it is read from standard input')
    .option('--resume <chat>', 'continue this chat: its id or the start of it')
    .option('--cwd <dir>', 'the working directory of a new chat (default: this one)')
    .option('--team', 'everybody with a role on the server sees a new chat (default: only you; see boocode share)')
    .option('--worktree [name]', 'a new chat gets a branch and a working tree of its own, made from this repository')
    .option(
      '--base <revision>',
      'with --worktree: begin with this branch, tag or commit (default: what is checked out)',
    )
    .option(
      '--attempts <count>',
      'send one prompt to as many new chats, each with its own worktree, and compare them',
      readAttempts,
    );
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
  if (flags.resume !== undefined && flags.team) throw misuse('--team is for new chats; see boocode share.');
  const isNew = flags.worktree !== undefined || flags.attempts !== undefined;
  if (flags.resume !== undefined && isNew) throw misuse('--worktree and --attempts are for new chats.');
  if (flags.base !== undefined && !isNew) throw misuse('--base is for --worktree and --attempts.');
  if (typeof flags.worktree === 'string' && /\s/.test(flags.worktree))
    throw misuse('--worktree takes a name without spaces: put the prompt before it, or write --worktree=name.');
  const talks = words.length === 0 && terminal.isInteractive;
  const text = talks ? '' : words.length > 0 ? words.join(' ') : (await terminal.readAll()).trimEnd();
  if (talks && flags.json) throw misuse('--json needs one prompt: give it as arguments or on standard input.');
  if (!talks && text.trim() === '') throw misuse('There is no prompt: give it as arguments or on standard input.');

  if (talks && flags.attempts !== undefined) throw misuse('--attempts needs a prompt.');
  const client = await connect(cli, flags);
  if (flags.attempts !== undefined) {
    const { runAttempts } = await import('./attempts.ts');
    const name = typeof flags.worktree === 'string' ? flags.worktree : undefined;
    const json = flags.json === true;
    return runAttempts(cli, client, { count: flags.attempts, name, text, chat: newChat(flags), answers: flags, json });
  }
  const current =
    flags.resume === undefined ? await begin(cli, client, flags) : await resume(client, flags.resume, flags);
  const question = talks || flags.resume === undefined ? undefined : asideIn(text);
  if (question !== undefined) return tellAside(cli, client, current, { question, json: flags.json });
  if (flags.json) return await runForProgram(cli, client, current, text, flags);
  // While the first prompt is typed. If it does not work, the prompt says why.
  if (talks) client.warm(current.id).catch(() => undefined);
  // Before anything is asked: pending decisions come next.
  if (talks) {
    const there = worksIn(current);
    const places = [plainLine(current.cwd), ...(there === null ? [] : [`works in ${plainLine(there)}`])].join(' · ');
    terminal.out(`${terminal.outStyle('dim', `chat ${current.id} · ${places} · Ctrl-D leaves`)}\n`);
    if (flags.resume !== undefined) await tellWakeCost(client, current, terminal);
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

async function begin(cli: Cli, client: BooClient, flags: ChatFlags): Promise<Chat> {
  const input = newChat(flags);
  if (flags.worktree === undefined) return client.createChat(input);
  const { createIsolated } = await import('./create-isolated.ts');
  return createIsolated(cli, client, {
    ...input,
    isolation: 'worktree',
    worktree: { ...input.worktree, ...(typeof flags.worktree === 'string' && { name: flags.worktree }) },
  });
}

function newChat(flags: ChatFlags): CreateChat {
  const { cwd = '.', backend, base } = flags;
  return {
    cwd: resolvePath(cwd),
    backend,
    ...(flags.team && { visibility: 'team' as const }),
    ...chatSettings(flags),
    ...(base !== undefined && { worktree: { base } }),
  };
}

function readAttempts(text: string): number {
  if (/^[2-8]$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a number from 2 to 8.');
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
    else await tellAside(cli, client, chat, { question });
  }
}

/** The answer to `/btw question`, or why there is none, and the exit code. Ctrl-C withdraws the question. */
async function tellAside(
  cli: Cli,
  client: BooClient,
  chat: Chat,
  { question, json }: { question: string; json?: boolean | undefined },
): Promise<number> {
  const { terminal } = cli;
  const abort = new AbortController();
  const stopListening = terminal.onInterrupt(() => abort.abort());
  try {
    const { answer } = await client.aside(chat.id, question, { signal: abort.signal });
    if (json) printJson(cli, { answer });
    else terminal.out(`${plainText(answer)}\n`);
    return exitCodes.completed;
  } catch (error) {
    terminal.err(
      abort.signal.aborted ? '· The question was withdrawn.\n' : `! ${plainText(toBooError(error).message)}\n`,
    );
    return abort.signal.aborted ? exitCodes.interrupted : exitCodes.failed;
  } finally {
    stopListening();
  }
}
