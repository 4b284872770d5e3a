/** Attempts: the same prompt in several chats, each with a worktree of its own. One is kept. */
import type { Command } from 'commander';
import {
  type Attempt,
  attemptsOf,
  createAttempts,
  describeAttempt,
  mergeOnce,
  otherAttempts,
} from '../client/attempts.ts';
import { type BooClient, BooError, type Chat, type CreateChat } from '../client/client.ts';
import { countOf } from '../protocol/count-text.ts';
import { toBooError } from '../protocol/error.ts';
import type { AnswerFlags } from './auto-answer.ts';
import { type Cli, connect, type GlobalFlags, misuse, printJson } from './cli.ts';
import { discardWorktree } from './discard-worktree.ts';
import { costText } from './event-text.ts';
import { exitCodes } from './exit-codes.ts';
import { findChat } from './find-chat.ts';
import { listenForInterrupts } from './interrupts.ts';
import { plainLine } from './plain-text.ts';
import { runPrompt } from './run-prompt.ts';
import { type Cell, shortIds, tableText } from './table.ts';

interface AttemptsFlags extends GlobalFlags {
  keep?: true;
  commit?: string;
  discardOthers?: true;
}

export function addAttempts(program: Command, cli: Cli): void {
  program
    .command('attempts')
    .description('Compare attempts at the same prompt, as `boocode chat --attempts 3` makes them, or keep one')
    .argument('<chat>', 'the id of one of them or the start of it')
    .option('--keep', 'merge this one into the branch that it was made from')
    .option('--commit <message>', 'with --keep: commit all its changes first')
    .option('--discard-others', 'with --keep: remove the worktrees and branches of the others, and archive their chats')
    .action(async (given: string, _options, command: Command) => {
      const flags = command.optsWithGlobals<AttemptsFlags>();
      if (!flags.keep && (flags.commit !== undefined || flags.discardOthers))
        throw misuse('--commit and --discard-others are for --keep.');
      const client = await connect(cli, flags);
      const chat = await findChat(client, given);
      if (chat.group === null)
        throw new BooError('not_found', 'This chat is no attempt: see `boocode chat --attempts`.');
      const chats = await attemptsOf(client, chat.group);
      if (flags.keep) return keep(cli, client, chat, chats, flags);
      const compared = await Promise.all(chats.map((each) => describeAttempt(client, each)));
      if (flags.json) return printJson(cli, compared);
      cli.terminal.out(attemptsTable(compared, cli));
    });
}

async function keep(
  cli: Cli,
  client: BooClient,
  chat: Chat,
  chats: readonly Chat[],
  flags: AttemptsFlags,
): Promise<void> {
  const { terminal } = cli;
  const merged = await mergeOnce(client, chat.id, flags.commit);
  if (!flags.json) {
    const branch = plainLine(chat.worktree?.branch ?? '');
    terminal.out(
      merged
        ? `Merged ${plainLine(merged.branch)} into ${plainLine(merged.base)}.\n`
        : `Nothing to merge: ${branch} is merged already.\n`,
    );
  }
  const others = otherAttempts(chats, chat.id);
  const removed: string[] = [];
  const failed: { chatId: string; code: string; message: string }[] = [];
  for (const { id, worktree } of flags.discardOthers ? others : []) {
    try {
      if (worktree !== null) await discardWorktree(cli, client, id);
      await client.patchChat(id, { archived: true });
      removed.push(id);
    } catch (error) {
      const { code, message } = toBooError(error);
      failed.push({ chatId: id, code, message });
    }
  }
  if (failed.length > 0) cli.exitCode = 1;
  if (flags.json) return printJson(cli, { merged, removed, failed });
  if (removed.length > 0) terminal.out(`Removed ${countOf(removed.length, 'other attempt')}.\n`);
  for (const { chatId, message } of failed)
    terminal.err(`! ${chatId.slice(0, 8)} stays: ${plainLine(message, 500)} Do it again once that has changed.\n`);
  const left = others.filter(({ worktree }) => worktree !== null).length;
  if (left > 0 && !flags.discardOthers)
    terminal.out(
      `${countOf(left, 'other attempt')} stay${left === 1 ? 's' : ''}: see \`boocode worktree ls\` and \`boocode worktree rm --discard\`.\n`,
    );
}

/** Creates the chats, sends each the prompt, waits for all of them and compares them. */
export async function runAttempts(
  cli: Cli,
  client: BooClient,
  request: {
    count: number;
    name: string | undefined;
    text: string;
    chat: CreateChat;
    answers: AnswerFlags;
    json: boolean;
  },
): Promise<number> {
  const { count, text, answers } = request;
  const chats = await createAttempts(client, { ...request, prompt: text, group: crypto.randomUUID() });
  const tell = (line: string): void => cli.terminal.err(`· ${plainLine(line, 500)}\n`);
  tell(`${countOf(count, 'attempt')}: ${chats.map(({ id }) => id.slice(0, 8)).join(', ')}`);
  const interrupts = listenForInterrupts(
    cli.terminal,
    client,
    chats.map(({ id }) => id),
    tell,
  );
  const running = chats.map(async (chat): Promise<number> => {
    const name = chat.id.slice(0, 8);
    try {
      const { outcome } = await runPrompt(cli, client, {
        chat,
        prompt: { content: text },
        answers,
        leavesUndecided: true,
        onEvent: () => {},
      });
      tell(`${name}: ${outcome}`);
      return exitCodes[outcome];
    } catch (error) {
      // The others go on.
      tell(`${name}: ${toBooError(error).message}`);
      return exitCodes.failed;
    }
  });
  try {
    const codes = await Promise.race([Promise.all(running), interrupts.left]);
    if (!codes) {
      tell(`They may continue without you. Compare them with: boocode attempts ${chats[0]!.id}`);
      return exitCodes.interrupted;
    }
    const compared = await Promise.allSettled(
      chats.map(async ({ id }) => describeAttempt(client, await client.getChat(id))),
    );
    for (const each of compared) if (each.status === 'rejected') tell(toBooError(each.reason).message);
    const told = compared.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    if (request.json) printJson(cli, told);
    else {
      cli.terminal.out(attemptsTable(told, cli));
      cli.terminal.err('· Look at one with `boocode diff`, and keep it with `boocode attempts --keep`.\n');
    }
    return Math.max(...codes, told.length < chats.length ? exitCodes.failed : 0);
  } finally {
    interrupts.stop();
  }
}

function linesText(changes: Attempt['changes']): string {
  if (!changes) return '?';
  const { added, removed } = changes;
  return added === null || removed === null ? 'not counted' : `+${added} -${removed}`;
}

function attemptsTable(attempts: readonly Attempt[], { terminal }: Cli): string {
  const short = shortIds(attempts.map(({ chatId }) => chatId));
  const head = ['CHAT', 'OUTCOME', 'FILES', 'LINES', 'COST', 'TIME', 'BRANCH'].map((text): Cell => ({
    text,
    format: 'dim',
  }));
  const rows = attempts.map(({ chatId, outcome, state, changes, costUsd, seconds, branch }): Cell[] => [
    { text: short.get(chatId) ?? chatId },
    { text: outcome ?? state, ...(outcome === 'completed' ? { format: 'green' as const } : {}) },
    { text: changes ? String(changes.files) : '?' },
    { text: linesText(changes) },
    { text: costText(costUsd) },
    { text: seconds === null ? '' : `${seconds}s` },
    { text: plainLine(branch ?? '', 60) },
  ]);
  return tableText([head, ...rows], terminal.outStyle);
}
