/** What a directory enables, for review before it is trusted. */
import type { ChatTrust, TrustFile } from '../client/client.ts';
import { countOf } from '../protocol/count-text.ts';
import { exactLine, exactLines } from '../protocol/exact-text.ts';
import { type Paper, plain, row } from './card-rows.ts';

/** All of it if it was never trusted, otherwise what has changed. */
export function trustRows({ path, files, trustedAt, holds }: ChatTrust, paper: Paper): string[] {
  const shown = holds ? [] : files.filter(({ change }) => change !== 'same');
  const since = trustedAt === null ? 'never trusted before' : `last trusted ${trustedAt}`;
  return [
    ...row(exactLine(path, Infinity), paper, '│ ', '┆ '),
    ...ours(since, paper),
    ...(files.length > 0 ? files.flatMap((file) => nameRows(file, paper)) : ours('It enables nothing.', paper)),
    ...shown.flatMap((file) => ['', ...nameRows(file, paper), ...fileRows(file, paper)]),
  ];
}

const ours = (text: string, { style, columns }: Paper): string[] =>
  row([plain(text)], { style, columns }, '  ', '  ').map((each) => style('dim', each));

const nameRows = ({ path, change }: TrustFile, paper: Paper): string[] =>
  row([plain(change.padEnd(8)), ...exactLine(path, Infinity)], paper, '│ ', '┆ ');

const contextLines = 3;

function fileRows({ change, before, after }: TrustFile, paper: Paper): string[] {
  const isShown = change === 'removed' || after !== null;
  const old = before === null ? [] : before.split('\n');
  const now = after === null ? [] : after.split('\n');
  // Between the common start and end.
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) start += 1;
  let end = 0;
  while (end < Math.min(old.length, now.length) - start && old.at(-1 - end) === now.at(-1 - end)) end += 1;
  const lines = (mark: string, of: readonly string[]): string[] =>
    of.length === 0 ? [] : exactLines(of.join('\n')).flatMap((line) => row(line, paper, `│ ${mark} `, '│ ┆ '));
  const left = (count: number): string[] => (count > 0 ? ours(`${countOf(count, 'unchanged line')}`, paper) : []);
  return [
    ...(isShown ? [] : ours('It is not text, or too long to be shown here: look at the file itself.', paper)),
    ...left(start - contextLines),
    ...lines(' ', now.slice(Math.max(0, start - contextLines), start)),
    ...lines('-', old.slice(start, old.length - end)),
    ...lines('+', now.slice(start, now.length - end)),
    ...lines(' ', now.slice(now.length - end).slice(0, contextLines)),
    ...left(end - contextLines),
  ];
}
