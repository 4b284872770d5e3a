import type { Command } from 'commander';
import type { BooClient, ListedWorktree } from '../client/client.ts';
import { countOf } from '../protocol/count-text.ts';
import { sizeText } from '../protocol/size-text.ts';
import { type Cli, connect, type GlobalFlags, printJson } from './cli.ts';
import { discardWorktree } from './discard-worktree.ts';
import { findChat } from './find-chat.ts';
import { plainLine } from './plain-text.ts';
import { ageText, type Cell, shortIds, tableText } from './table.ts';

interface WorktreeFlags extends GlobalFlags {
  into?: string;
  onto?: string;
  commit?: string;
  discard?: true;
}

const chatArgument = ['<chat>', 'the id of the chat or the start of it'] as const;

export function addWorktree(program: Command, cli: Cli): void {
  const worktree = program
    .command('worktree')
    .description('The worktrees and branches that chats have to themselves: see `boocode chat --worktree`');

  worktree
    .command('ls')
    .description('List them, also those of deleted chats, and what would be lost with each')
    .action(async (_options, command: Command) => {
      const flags = command.optsWithGlobals<WorktreeFlags>();
      const items = await (await connect(cli, flags)).listWorktrees();
      if (flags.json) return printJson(cli, items);
      if (items.length === 0)
        return cli.terminal.err('No chat has a worktree: start one with `boocode chat --worktree`.\n');
      cli.terminal.out(worktreeTable(items, cli));
    });

  worktree
    .command('merge')
    .description('Merge a chat’s branch into the branch that it was made from, or change nothing and say why')
    .argument(...chatArgument)
    .option('--into <branch>', 'into this branch')
    .option('--commit <message>', 'commit all changes that are not ignored first')
    .action(async (given: string, _options, command: Command) => {
      const flags = command.optsWithGlobals<WorktreeFlags>();
      const { into, commit } = flags;
      const client = await connect(cli, flags);
      const result = await client.mergeWorktree(await idOf(client, given), {
        ...(into !== undefined && { into }),
        ...(commit !== undefined && { message: commit }),
      });
      if (flags.json) return printJson(cli, result);
      const { branch, base, commit: at, commits } = result;
      cli.terminal.out(
        `Merged ${plainLine(branch)} into ${plainLine(base)}: ${countOf(commits, 'commit')}, now at ${at.slice(0, 10)}.\n`,
      );
    });

  worktree
    .command('rebase')
    .description('Put a chat’s commits on top of the branch that it was made from, or change nothing and say why')
    .argument(...chatArgument)
    .option('--onto <branch>', 'on top of this branch')
    .action(async (given: string, _options, command: Command) => {
      const flags = command.optsWithGlobals<WorktreeFlags>();
      const client = await connect(cli, flags);
      const result = await client.rebaseWorktree(
        await idOf(client, given),
        flags.onto === undefined ? {} : { onto: flags.onto },
      );
      if (flags.json) return printJson(cli, result);
      const { branch, base, commits } = result;
      cli.terminal.out(`Rebased ${plainLine(branch)} onto ${plainLine(base)}: ${countOf(commits, 'commit')}.\n`);
    });

  worktree
    .command('branch')
    .description('Remove a chat’s worktree and keep its branch. The chat goes on in the repository')
    .argument(...chatArgument)
    .action(async (given: string, _options, command: Command) => {
      const flags = command.optsWithGlobals<WorktreeFlags>();
      const client = await connect(cli, flags);
      const removed = await client.releaseWorktree(await idOf(client, given));
      if (flags.json) return printJson(cli, removed);
      cli.terminal.out(`The worktree is gone. Its branch is ${plainLine(removed.branch)}.\n`);
    });

  worktree
    .command('rm')
    .description('Remove a chat’s worktree and its branch, unless something would be lost')
    .argument('<chat>', 'the id of the chat, also of a deleted one, or the start of it')
    .option('--discard', 'also if something would be lost: it is named')
    .action(async (given: string, _options, command: Command) => {
      const flags = command.optsWithGlobals<WorktreeFlags>();
      const client = await connect(cli, flags);
      const chatId = await idOf(client, given);
      const removed = flags.discard ? await discardWorktree(cli, client, chatId) : await client.removeWorktree(chatId);
      if (flags.json) return printJson(cli, removed);
      const { branch, commit, isBranchKept } = removed;
      const was = commit === null ? '' : ` (it was at ${commit.slice(0, 10)})`;
      cli.terminal.out(
        isBranchKept
          ? `The worktree is gone. The branch ${plainLine(branch)} has changed at this moment, and stays.\n`
          : `The worktree is gone, and so is the branch ${plainLine(branch)}${was}.\n`,
      );
    });
}

/** Of a chat, or of one that was deleted and left a worktree. */
async function idOf(client: BooClient, given: string): Promise<string> {
  if (/^[0-9a-f-]{4,36}$/i.test(given)) {
    const found = (await client.listWorktrees()).filter(({ chatId }) => chatId.startsWith(given.toLowerCase()));
    if (found.length === 1 && found[0]!.chat === 'deleted') return found[0]!.chatId;
  }
  return (await findChat(client, given)).id;
}

function worktreeTable(items: readonly ListedWorktree[], { terminal }: Cli): string {
  const short = shortIds(items.map(({ chatId }) => chatId));
  const nowMs = Date.now();
  const head = ['CHAT', 'STATE', 'BRANCH', 'SIZE', 'USED', 'WOULD LOSE', 'DIRECTORY'].map((text): Cell => ({
    text,
    format: 'dim',
  }));
  const rows = items.map(({ chatId, chat, worktree, bytes, lastUsedAt, wouldLose, isHere, progress }): Cell[] => [
    { text: short.get(chatId) ?? chatId },
    { text: progress === null ? chat : `${chat} (${plainLine(`${progress.step} ${progress.line}`.trim(), 40)})` },
    { text: plainLine(worktree.branch, 40) },
    { text: bytes === null ? '' : sizeText(bytes) },
    { text: lastUsedAt === null ? '' : ageText(lastUsedAt, nowMs) },
    isHere ? lossCell(wouldLose) : { text: 'it is on another host', format: 'dim' },
    { text: plainLine(worktree.path, 200) },
  ]);
  return tableText([head, ...rows], terminal.outStyle);
}

function lossCell(losses: ListedWorktree['wouldLose']): Cell {
  if (losses === null) return { text: 'unknown', format: 'dim' };
  const text = losses.map(({ sentence }) => plainLine(sentence, 80)).join(' ');
  return { text: text === '' ? 'nothing but ignored files' : text };
}
