/** Attempts: the same prompt in several chats, each with a worktree of its own. One is kept. */
import type { Command } from 'commander';
import { type Attempt, attemptsOf, describeAttempt } from '../client/attempts.ts';
import { type BooClient, BooError, type Chat, type CreateChat } from '../client/client.ts';
import { countOf } from '../protocol/count-text.ts';
import type { AnswerFlags } from './auto-answer.ts';
import { type Cli, connect, type GlobalFlags, misuse, printJson } from './cli.ts';
import { costText } from './event-text.ts';
import { exitCodes } from './exit-codes.ts';
import { findChat } from './find-chat.ts';
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
  const merged = await client.mergeWorktree(chat.id, flags.commit === undefined ? {} : { commit: flags.commit });
  const others = chats.filter(({ id }) => id !== chat.id);
  if (flags.discardOthers) {
    for (const { id, worktree } of others) {
      if (worktree !== null) await client.removeWorktree(id, { discard: true });
      await client.patchChat(id, { archived: true });
    }
  }
  if (flags.json) return printJson(cli, merged);
  terminal.out(`Merged ${plainLine(merged.branch)} into ${plainLine(merged.base)}.\n`);
  const left = others.filter(({ worktree }) => worktree !== null).length;
  if (left === 0) return;
  terminal.out(
    flags.discardOthers
      ? `Removed the worktrees of ${countOf(others.length, 'other')}.\n`
      : `${countOf(left, 'other attempt')} stay${left === 1 ? 's' : ''}: see \`boocode worktree ls\` and \`boocode worktree rm --discard\`.\n`,
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
  const group = crypto.randomUUID();
  const name = request.name ?? `attempt-${group.slice(0, 8)}`;
  const title = request.chat.title ?? text.split('\n')[0]!.slice(0, 60);
  const created = await Promise.allSettled(
    Array.from({ length: count }, (_, at) =>
      client.createChat({
        ...request.chat,
        title: `${title} (${at + 1}/${count})`,
        group,
        isolation: 'worktree',
        worktree: { ...request.chat.worktree, name: `${name}-${at + 1}` },
      }),
    ),
  );
  const chats = created.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const failed = created.find((each) => each.status === 'rejected');
  if (failed) {
    // They hold nothing yet, so their worktrees go with them.
    await Promise.all(chats.map(({ id }) => client.deleteChat(id)));
    throw failed.reason;
  }
  const tell = (line: string): void => cli.terminal.err(`· ${plainLine(line, 500)}\n`);
  tell(`${countOf(count, 'attempt')}: ${chats.map(({ id }) => id.slice(0, 8)).join(', ')}`);
  const outcomes = await Promise.all(
    chats.map(async (chat) => {
      const result = await runPrompt(cli, client, {
        chat,
        prompt: { content: text },
        answers,
        leavesUndecided: true,
        onEvent: () => {},
      });
      tell(`${chat.id.slice(0, 8)}: ${result.outcome}`);
      return result.outcome;
    }),
  );
  const compared = await Promise.all(chats.map(async ({ id }) => describeAttempt(client, await client.getChat(id))));
  if (request.json) printJson(cli, compared);
  else {
    cli.terminal.out(attemptsTable(compared, cli));
    cli.terminal.err('· Look at one with `boocode diff`, and keep it with `boocode attempts --keep`.\n');
  }
  return Math.max(...outcomes.map((outcome) => exitCodes[outcome]));
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
    { text: !changes ? '?' : changes.added === null ? 'not counted' : `+${changes.added} -${changes.removed}` },
    { text: costText(costUsd) },
    { text: seconds === null ? '' : `${seconds}s` },
    { text: plainLine(branch ?? '', 60) },
  ]);
  return tableText([head, ...rows], terminal.outStyle);
}
