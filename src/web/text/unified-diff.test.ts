import { describe, expect, it } from 'vitest';
import { hideBlanks, showHunk } from './diff-rows.ts';
import { parseDiff } from './unified-diff.ts';

const header = 'diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n';
const signs = { same: ' ', added: '+', removed: '-' };
const shown = (diff: string): string[] =>
  parseDiff(diff).hunks.flatMap(({ lines }) =>
    lines.map(({ kind, text, before, after, isUnended }) =>
      [before ?? '', after ?? '', `${signs[kind]}${text}${isUnended ? '$' : ''}`].join('|'),
    ),
  );

describe('WEB-82: the lines of a diff', () => {
  it('have their numbers on both sides', () => {
    expect(shown(`${header}@@ -3,3 +3,4 @@ function f() {\n a\n-b\n+B\n+C\n d\n@@ -20 +21 @@\n-x\n+y\n`)).toEqual([
      '3|3| a',
      '4||-b',
      '|4|+B',
      '|5|+C',
      '5|6| d',
      '20||-x',
      '|21|+y',
    ]);
  });

  it('pass for nothing else, whatever is in them', () => {
    const hostile = ['--- a/y', '+++ b/y', '@@ -1 +1 @@', 'diff --git a/y b/y', '\\ No newline at end of file'];
    const diff = `${header}@@ -1,5 +0,0 @@\n${hostile.map((line) => `-${line}\n`).join('')}@@ -9 +4 @@\n-a\n+b\n`;
    expect(shown(diff)).toEqual([...hostile.map((line, at) => `${at + 1}||-${line}`), '9||-a', '|4|+b']);
  });

  it('say that a file has no newline at its end', () => {
    expect(shown(`${header}@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n`)).toEqual(['1||-a$', '|1|+b']);
  });

  it('end where a diff is cut off', () => {
    expect(shown(`${header}@@ -1,9 +1,9 @@\n a\n-b\n`)).toEqual(['1|1| a', '2||-b']);
  });

  it('name a CR only if it is not at the end of each of them', () => {
    const whole = parseDiff(`${header}@@ -1 +1 @@\n-a\r\n+b\r\n`);
    expect([whole.isCrlf, whole.hunks[0]!.lines.map(({ text }) => text)]).toEqual([true, ['a', 'b']]);
    const mixed = parseDiff(`${header}@@ -1 +1 @@\n-a\n+a\r\n`);
    expect([mixed.isCrlf, mixed.hunks[0]!.lines[1]!.text]).toEqual([false, 'a\r']);
  });

  it('are preceded by what the header says', () => {
    expect(parseDiff('diff --git a/x b/x\nold mode 100644\nnew mode 100755\n').facts).toEqual([
      'It was a plain file and is executable now.',
    ]);
    expect(parseDiff('diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y\n').facts).toEqual([
      'Its content is the same.',
    ]);
    expect(parseDiff('').hunks).toEqual([]);
  });
});

describe('WEB-82: a hunk', () => {
  const hunk = (lines: string): ReturnType<typeof parseDiff>['hunks'][number] => {
    const all = lines.split('\n');
    const old = all.filter((line) => !line.startsWith('+')).length;
    const now = all.filter((line) => !line.startsWith('-')).length;
    return parseDiff(`${header}@@ -1,${old} +1,${now} @@\n${lines}\n`).hunks[0]!;
  };
  const pairs = (lines: string): string[] =>
    showHunk(hunk(lines)).rows.map(({ left, right }) => `${left?.text ?? ''}|${right?.text ?? ''}`);
  const marked = (lines: string): string[] =>
    showHunk(hunk(lines)).lines.flatMap(({ text, marks }) => marks.map(([start, end]) => text.slice(start, end)));

  it('has changed lines beside each other, the most alike ones', () => {
    expect(pairs(' a\n-const x = one(1);\n+// new\n+const x = one(2);\n b')).toEqual([
      'a|a',
      '|// new',
      'const x = one(1);|const x = one(2);',
      'b|b',
    ]);
    expect(pairs('-a\n-b\n+something else')).toEqual(['a|something else', 'b|']);
  });

  it('has the changed words marked, unless nearly all have changed', () => {
    expect(marked('-return bed.moisture < 0.2;\n+return bed.moisture < bed.threshold;')).toEqual([
      '0',
      '2',
      'bed',
      'threshold',
    ]);
    expect(marked('-one two\n+three four')).toEqual([]);
    expect(marked(`-${'a '.repeat(600)}\n+${'a '.repeat(600)}b`)).toEqual([]);
  });

  it('is shown without changes of white space, if that is wanted', () => {
    const { hunks, hidden } = hideBlanks([hunk('-  a\n-b\n+a \n+c'), hunk('-\tx\n+    x')]);
    expect(hunks.map(({ lines }) => lines.map(({ kind, text }) => signs[kind] + text))).toEqual([[' a ', '-b', '+c']]);
    expect(hidden).toBe(2);
    expect(hunks[0]!.lines[0]).toMatchObject({ before: 1, after: 1, textBefore: '  a' });
  });
});
