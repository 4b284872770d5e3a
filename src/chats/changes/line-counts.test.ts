// Counted lines, as git counts them.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { countLines, isBinary } from './line-counts.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'boocode-lines-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function gitCounts(before: string, after: string): { added: number; removed: number } {
  const [one, other] = [join(directory, 'one'), join(directory, 'other')];
  writeFileSync(one, before);
  writeFileSync(other, after);
  const args = ['diff', '--no-index', '--numstat', '--minimal', one, other];
  let told = '';
  try {
    told = execFileSync('git', args, { encoding: 'utf8' });
  } catch (error) {
    told = (error as { stdout: string }).stdout;
  }
  const [added = '0', removed = '0'] = told.split('\t');
  return { added: Number(added), removed: Number(removed) };
}

const lines = (text: string): string => text.split('').join('\n');

test.each([
  ['', ''],
  ['', 'a\nb'],
  ['a\nb\n', ''],
  ['a\nb', 'a\nb\n'],
  ['a\r\nb\r\n', 'a\nb\n'],
  ['x\nx\nx\n', 'x\nx\nx\nx\nx\n'],
  [lines('abcabba'), lines('cbabac')],
  [lines('the quick brown fox jumps'), lines('over the lazy dog quickly')],
])('REWIND-12: %j and %j', (before, after) => {
  expect(countLines(Buffer.from(before), Buffer.from(after))).toEqual(gitCounts(before, after));
});

test('what is binary, and what differs too much, is not counted', () => {
  const large = Buffer.alloc(10 * 1024 * 1024 + 1, 'x');
  expect([Buffer.from('a\0b'), large, Buffer.from('ä\n')].map(isBinary)).toEqual([true, true, false]);
  const numbered = (from: number) => Buffer.from(Array.from({ length: 3_000 }, (_, at) => `${from + at}\n`).join(''));
  expect(countLines(numbered(0), numbered(100_000))).toBeNull();
  expect(countLines(numbered(0), numbered(10))).toEqual({ added: 10, removed: 10 });
});
