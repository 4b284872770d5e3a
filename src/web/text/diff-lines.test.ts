import { describe, expect, it } from 'vitest';
import { diffLines } from './diff-lines.ts';

const marks = { same: ' ', added: '+', removed: '-', skipped: '@' };
const shown = (before: string | null, after: string): string[] =>
  diffLines(before, after).map((line) => marks[line.kind] + line.text);

describe('diffLines', () => {
  it.each<[string, string | null, string, string[]]>([
    ['a new file', null, 'a\nb\n', ['+a', '+b']],
    ['an emptied file', 'a\n', '', ['-a']],
    ['a changed line', 'a\nb\nc\n', 'a\nx\nc\n', [' a', '-b', '+x', ' c']],
    ['a line put in', 'a\nc', 'a\nb\nc', [' a', '+b', ' c']],
    ['two changes', '1\n2\n3', '0\n2\n4', ['-1', '+0', ' 2', '-3', '+4']],
    ['nothing', 'a', 'a', ['@1 unchanged line']],
  ])('shows %s', (_what, before, after, lines) => {
    expect(shown(before, after)).toEqual(lines);
  });

  it('collapses lines far from a change', () => {
    const before = Array.from({ length: 20 }, (_, index) => `line ${index}`);
    const after = before.with(10, 'other');
    expect(shown(before.join('\n'), after.join('\n'))).toEqual([
      '@7 unchanged lines',
      ...before.slice(7, 10).map((line) => ` ${line}`),
      '-line 10',
      '+other',
      ...before.slice(11, 14).map((line) => ` ${line}`),
      '@6 unchanged lines',
    ]);
  });

  it('shows a large change between unchanged lines', () => {
    const changed = (letter: string) => Array.from({ length: 2_000 }, (_, index) => `${letter}${index}`);
    const before = ['head', ...changed('a'), 'tail', ''].join('\n');
    const after = ['head', ...changed('b'), 'tail', ''].join('\n');
    const lines = shown(before, after);
    expect(lines).toHaveLength(4_002);
    expect([lines[0], lines[1], lines[2_001], lines.at(-1)]).toEqual([' head', '-a0', '+b0', ' tail']);
  });

  it('shows a change of 20,000 lines in full', () => {
    const before = Array.from({ length: 20_000 }, (_, index) => `a${index}`).join('\n');
    const after = Array.from({ length: 20_000 }, (_, index) => `b${index}`).join('\n');
    expect(diffLines(before, after)).toHaveLength(40_000);
  });
});
