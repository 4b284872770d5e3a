import type { Command } from 'commander';
import {
  type BooClient,
  BooError,
  type Chat,
  type ChangedBy,
  type ChangedFile,
  type ChangeDiff,
  type ChangeList,
  type Since,
} from '../client/client.ts';
import { countOf } from '../protocol/count-text.ts';
import { type Cli, connect, type GlobalFlags, misuse, printJson } from './cli.ts';
import { allPages, findChat } from './find-chat.ts';
import { pathIn } from './path-in.ts';
import { plainLine, plainText } from './plain-text.ts';
import type { Style } from './style.ts';

interface DiffFlags extends GlobalFlags {
  since?: string;
  stat?: true;
  by?: true;
  ignored?: true;
}

export function addDiff(program: Command, cli: Cli): void {
  program
    .command('diff')
    .description('Show what has changed in a chat’s repository, whoever changed it')
    .argument('[chat]', 'the id of the chat or the start of it; without it the newest one of this directory')
    .argument('[paths...]', 'only these files, or what is below these directories')
    .option('--since <when>', 'start (of the chat), turn:<id>, or head (the last commit) (default: start)')
    .option('--stat', 'only the files, with how many lines have changed')
    .option('--by', 'with --stat: who has changed each file')
    .option('--ignored', 'also name what the repository ignores; such a file that is named is shown as if it were new')
    .action(async (given: string | undefined, names: string[], _options, command: Command) => {
      const flags = command.optsWithGlobals<DiffFlags>();
      const since = readSince(flags.since ?? 'start');
      if (flags.by && !flags.stat && !flags.json) throw misuse('--by is for --stat and --json.');
      const client = await connect(cli, flags);
      const chat = given === undefined ? await chatHere(client, process.cwd()) : await findChat(client, given);
      const whole = await client.changes(chat.id, { since, by: flags.by, ignored: flags.ignored });
      const { list, missing } = named(whole, names);
      const diffs = flags.stat ? undefined : await readDiffs(client, list, names.length > 0);
      const isTruncated = diffs?.some((diff) => diff.isTruncated) === true;
      if (flags.json) {
        const diff = diffs && { diff: diffs.map((each) => each.diff).join(''), isDiffTruncated: isTruncated };
        return printJson(cli, { ...list, ...diff });
      }
      if (diffs) printDiff(cli, diffs);
      else cli.terminal.out(statText(list, cli.terminal.outStyle));
      for (const line of [
        ...notes(list),
        ...missing.map(
          (path) =>
            `${pathText(path)} ${whole.isTruncated ? 'is not among the files that are listed' : 'has not changed'}.`,
        ),
        ...(diffs && !cli.terminal.isOutScreen && diffs.every(({ diff }) => diff === '')
          ? ['Nothing has changed.']
          : []),
        ...(isTruncated ? ['The end of the diff is missing: it is too long.'] : []),
        ...(diffs && !cli.terminal.isOutScreen ? notInPatch(list) : []),
      ])
        cli.terminal.err(`· ${line}\n`);
    });
}

/** What of the list has one of these names, or is below it, and which names have nothing. */
function named(list: ChangeList, names: readonly string[]): { list: ChangeList; missing: string[] } {
  if (names.length === 0) return { list, missing: [] };
  const wanted = names.map((name) => pathIn(list.root, name).replace(/\/$/, ''));
  const isOf = (path: string | undefined, name: string): boolean =>
    path !== undefined && (path.replace(/\/$/, '') === name || path.startsWith(`${name}/`));
  const has = (name: string) => (file: { path: string; oldPath?: string | undefined }) =>
    isOf(file.path, name) || isOf(file.oldPath, name);
  const isWanted = (file: { path: string; oldPath?: string | undefined }) => wanted.some((name) => has(name)(file));
  const files = list.files.filter(isWanted);
  const { ignored } = list;
  const kept = ignored && { ...ignored, files: ignored.files.filter(isWanted) };
  const all = [...files, ...(kept?.files ?? [])];
  return {
    list: { ...list, files, count: files.length, isTruncated: false, ...(kept && { ignored: kept }) },
    missing: wanted.filter((name) => !all.some(has(name))),
  };
}

type Diff = Pick<ChangeDiff, 'diff' | 'diffBytes' | 'isTruncated'>;

async function readDiffs(client: BooClient, list: ChangeList, isNamed: boolean): Promise<Diff[]> {
  const { chatId, since, tree } = list;
  if (!isNamed) return [await client.changesDiff(chatId, { since, tree })];
  const diffs: Diff[] = [];
  const of = ({ path, pathBytes }: { path: string; pathBytes?: string | undefined }) =>
    pathBytes === undefined ? { path } : { pathBytes };
  for (const file of list.files) diffs.push(await client.changesDiff(chatId, { since, tree, ...of(file) }));
  for (const file of list.ignored?.files ?? [])
    if (!file.path.endsWith('/'))
      diffs.push(await client.changesDiff(chatId, { since, tree, ...of(file), ignored: true }));
  return diffs;
}

/** For reading, or for `git apply` exactly as it is. */
function printDiff({ terminal }: Cli, diffs: readonly Diff[]): void {
  if (terminal.isOutScreen) return terminal.out(diffText(diffs.map(({ diff }) => diff).join(''), terminal.outStyle));
  for (const { diff, diffBytes } of diffs)
    terminal.outBytes(diffBytes === undefined ? Buffer.from(diff) : Buffer.from(diffBytes, 'base64'));
}

const notInPatch = ({ files }: ChangeList): string[] =>
  files
    .filter(({ isBinary }) => isBinary)
    .map(({ path }) => `${pathText(path)} is binary or large: the diff only says that it differs.`);

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

type Stat = Pick<ChangeList, 'files' | 'count' | 'ignored'>;

export function statText({ files, count, ignored }: Stat, style: Style): string {
  const hidden = (ignored?.files ?? []).map(({ path }) => `! ${pathText(path)}\n`).join('');
  if (files.length === 0) return `Nothing has changed.\n${hidden}`;
  const lines = files.map((file) => {
    const name =
      file.oldPath === undefined ? pathText(file.path) : `${pathText(file.oldPath)} → ${pathText(file.path)}`;
    return `${letters[file.status]} ${name}  ${countText(file, style)}${file.by ? `  ${byText(file.by)}` : ''}\n`;
  });
  const isCounted = files.every((file) => file.added !== null || file.isBinary || file.isSubmodule);
  const added = sum(files.map((file) => file.added));
  const removed = sum(files.map((file) => file.removed));
  const all = isCounted ? `${style('green', `+${added}`)} ${style('red', `-${removed}`)}` : 'lines not counted';
  return `${lines.join('')}${countOf(count, 'file')}, ${all}\n${hidden}`;
}

function byText({ chats, either, people, unknown }: ChangedBy): string {
  const short = (chatIds: readonly string[]): string[] => chatIds.map((chatId) => chatId.slice(0, 8));
  const who = [
    ...short(chats),
    ...(either.length > 0 ? [short(either).join(' or ')] : []),
    ...(people ? ['a person'] : []),
    ...(unknown ? ['unknown'] : []),
  ];
  return `by ${who.join(', ')}`;
}

function countText({ added, removed, isBinary, isSubmodule }: ChangedFile, style: Style): string {
  if (isSubmodule) return 'submodule';
  if (isBinary) return 'binary';
  return added === null || removed === null
    ? 'not counted'
    : `${style('green', `+${added}`)} ${style('red', `-${removed}`)}`;
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
