import type { Command } from 'commander';
import {
  type BooClient,
  BooError,
  type Chat,
  type ChangedFile,
  type ChangeList,
  type Since,
} from '../client/client.ts';
import { countOf } from '../protocol/count-text.ts';
import { type Cli, connect, type GlobalFlags, misuse, printJson } from './cli.ts';
import { allPages, findChat } from './find-chat.ts';
import { plainLine, plainText } from './plain-text.ts';
import type { Style } from './style.ts';

interface DiffFlags extends GlobalFlags {
  since: string;
  stat?: true;
}

export function addDiff(program: Command, cli: Cli): void {
  program
    .command('diff')
    .description('Show what has changed in a chat’s repository, whoever changed it')
    .argument('[chat]', 'the id of the chat or the start of it; without it the newest one of this directory')
    .option('--since <when>', 'start (of the chat), turn:<id>, or head (the last commit)', 'start')
    .option('--stat', 'only the files, with how many lines have changed')
    .action(async (given: string | undefined, _options, command: Command) => {
      const flags = command.optsWithGlobals<DiffFlags>();
      const since = readSince(flags.since);
      const client = await connect(cli, flags);
      const chat = given === undefined ? await chatHere(client, process.cwd()) : await findChat(client, given);
      const list = await client.changes(chat.id, { since });
      const { tree } = list;
      const diff = flags.stat ? undefined : await client.changesDiff(chat.id, { since, tree });
      if (flags.json)
        return printJson(cli, { ...list, ...(diff && { diff: diff.diff, isDiffTruncated: diff.isTruncated }) });
      const { terminal } = cli;
      terminal.out(diff ? diffText(diff.diff, terminal.outStyle) : statText(list, terminal.outStyle));
      for (const line of [
        ...notes(list),
        ...(diff?.isTruncated ? ['The end of the diff is missing: it is too long.'] : []),
      ])
        terminal.err(`· ${line}\n`);
    });
}

const id = /^turn:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function readSince(text: string): Since {
  const given = text.trim().toLowerCase();
  if (given === 'start' || given === 'head' || id.test(given)) return given;
  throw misuse('--since must be start, head, or turn: with the whole id of a turn, as in `boocode show --json`.');
}

/** The newest chat that works in this directory, or above it, or in a worktree that was made from there. */
async function chatHere(client: BooClient, here: string): Promise<Chat> {
  for await (const chat of allPages((after) => client.listChats({ after, limit: 200, archived: false }))) {
    const places = [chat.cwd, ...(chat.worktree ? [chat.worktree.repository] : [])];
    if (places.some((place) => here === place || here.startsWith(`${place}/`))) return chat;
  }
  throw new BooError('not_found', 'No chat works in this directory: name one, as in `boocode ls`.');
}

const letters: Readonly<Record<ChangedFile['status'], string>> = {
  added: 'A',
  modified: 'M',
  deleted: 'D',
  renamed: 'R',
  type_changed: 'T',
};

export function statText({ files, count }: Pick<ChangeList, 'files' | 'count'>, style: Style): string {
  if (files.length === 0) return 'Nothing has changed.\n';
  const lines = files.map((file) => {
    const name =
      file.oldPath === undefined ? pathText(file.path) : `${pathText(file.oldPath)} → ${pathText(file.path)}`;
    return `${letters[file.status]} ${name}  ${countText(file, style)}\n`;
  });
  const added = sum(files.map((file) => file.added));
  const removed = sum(files.map((file) => file.removed));
  return `${lines.join('')}${countOf(count, 'file')}, ${style('green', `+${added}`)} ${style('red', `-${removed}`)}\n`;
}

function countText({ added, removed, isBinary, isSubmodule }: ChangedFile, style: Style): string {
  if (isSubmodule) return 'submodule';
  if (isBinary) return 'binary';
  return added === null || removed === null ? '' : `${style('green', `+${added}`)} ${style('red', `-${removed}`)}`;
}

/** On one line: a path may contain the end of one. */
export const pathText = (path: string): string =>
  plainLine(
    path.replaceAll(/[\r\n\t]/g, (character) => JSON.stringify(character).slice(1, -1)),
    4096,
  );
const sum = (counts: readonly (number | null)[]): number =>
  counts.reduce<number>((all, count) => all + (count ?? 0), 0);

function notes({ leftOut, isTruncated, files, count }: ChangeList): string[] {
  const reasons = { too_large: 'too large to be compared', unreadable: 'cannot be read' };
  return [
    ...leftOut.map(({ path, reason }) => `${pathText(path)} is left out: ${reasons[reason]}.`),
    ...(isTruncated ? [`${count - files.length} more files have changed, and no lines were counted.`] : []),
  ];
}

/** A line's end that is part of the change is shown. */
function diffText(diff: string, style: Style): string {
  if (diff === '') return 'Nothing has changed.\n';
  const shown = plainText(diff.replaceAll('\r\n', '␍\n'));
  let isHeader = true;
  return shown.replaceAll(/^.*$/gm, (line) => {
    if (line.startsWith('diff --git ')) isHeader = true;
    if (line.startsWith('@@')) {
      isHeader = false;
      return style('cyan', line);
    }
    if (isHeader) return style('bold', line);
    return line.startsWith('+') ? style('green', line) : line.startsWith('-') ? style('red', line) : line;
  });
}
