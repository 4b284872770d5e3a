import { describe, expect, it } from 'vitest';
import { type Comment, commentsText, shortPlace } from './comment-text.ts';
import { hideBlanks } from './diff-rows.ts';
import { codeOf, extended, followed, moved, placeOf } from './line-selection.ts';
import { parseDiff } from './unified-diff.ts';

const comment = (fields: Partial<Comment> = {}): Comment => ({
  id: '1',
  path: 'src/a.js',
  side: 'after',
  first: 2,
  last: 2,
  code: 'const a = 1;',
  text: 'Why 1?',
  ...fields,
});

describe('WEB-84: comments', () => {
  it('are one text with file, lines and code', () => {
    const removed = comment({ side: 'before', first: 4, last: 5, code: 'x\ny', text: ' Keep these. ', path: 'b.txt' });
    expect(commentsText([comment(), removed])).toBe(
      'src/a.js, line 2:\n```js\nconst a = 1;\n```\nWhy 1?\n\n' +
        'b.txt, lines 4 to 5 of the old version:\n```txt\nx\ny\n```\nKeep these.',
    );
    expect([shortPlace(comment()), shortPlace(removed)]).toEqual(['a.js:2', 'b.txt:4-5']);
  });

  it('quote code that cannot end its quote, and names that cannot end their line', () => {
    const text = commentsText([comment({ code: '```\n````', path: 'a\n```js' })]);
    expect(text.split('\n').slice(0, 2)).toEqual(['"a\\n```js", line 2:', '`````']);
  });
});

describe('WEB-84: selected lines', () => {
  const diff = (lines: string, at = 1): ReturnType<typeof parseDiff>['hunks'] =>
    parseDiff(`@@ -${at},4 +${at},4 @@\n${lines}\n`).hunks;
  const hunks = diff(' a\n-b\n+B\n c\n d');

  it('are of one version', () => {
    expect(codeOf(hunks, { side: 'after', hunk: 0, anchor: 3, head: 1 })).toBe('a\nB\nc');
    expect(codeOf(hunks, { side: 'before', hunk: 0, anchor: 1, head: 2 })).toBe('a\nb');
  });

  it('are moved and extended by key', () => {
    const first = moved(hunks, undefined, 1)!;
    expect(first).toEqual({ side: 'before', hunk: 0, anchor: 2, head: 2 });
    expect(moved(hunks, first, 1)).toEqual({ side: 'after', hunk: 0, anchor: 2, head: 2 });
    expect(extended(hunks, first, 1)).toEqual({ side: 'before', hunk: 0, anchor: 2, head: 3 });
    const last = { side: 'after', hunk: 0, anchor: 4, head: 4 } as const;
    expect([moved(hunks, last, 1), extended(hunks, last, 1)]).toEqual([last, last]);
  });

  it('are found again where they have moved to, and not in other lines', () => {
    const on = comment({ first: 2, last: 3, code: 'B\nc' });
    expect(placeOf(hunks, on)).toEqual({ side: 'after', hunk: 0, anchor: 2, head: 3 });
    expect(placeOf(diff(' a\n-b\n+B\n c\n d', 7), on)).toEqual({ side: 'after', hunk: 0, anchor: 8, head: 9 });
    expect(placeOf(diff(' a\n-b\n+X\n c\n d'), on)).toBeUndefined();
  });

  it('are told in the prompt where they are shown', () => {
    const [here, elsewhere] = [comment({ first: 2, last: 3, code: 'B\nc' }), comment({ path: 'other.js' })];
    const comments = [here, elsewhere];
    expect(followed(comments, here.path, hunks)).toBe(comments);
    expect(followed(comments, here.path, diff(' a\n-b\n+X\n c\n d'))).toBe(comments);
    const next = followed(comments, here.path, diff(' a\n-b\n+B\n c\n d', 7));
    expect(next[1]).toBe(elsewhere);
    expect(commentsText([next[0]!])).toContain('src/a.js, lines 8 to 9:');
  });

  it('are those of the old version there, although white space is hidden', () => {
    const { hunks: hidden } = hideBlanks(diff('-  a\n+\ta\n-b\n+B\n c'));
    const before = { side: 'before', hunk: 0, anchor: 1, head: 1 } as const;
    expect(codeOf(hidden, before)).toBe('  a');
    expect(codeOf(hidden, { ...before, side: 'after' })).toBe('\ta');
    expect(placeOf(hidden, comment({ side: 'before', first: 1, last: 1, code: '  a' }))).toEqual(before);
  });
});
