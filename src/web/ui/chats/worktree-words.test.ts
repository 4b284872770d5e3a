import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { expect, it } from 'vitest';
import { Losses, removalText } from './worktree-words.tsx';

const drawn = (problem: string | undefined, losses?: unknown): string =>
  renderToStaticMarkup(createElement(Losses, { problem, losses }));

it('WEB-90: says all that would be lost', () => {
  const losses = [{ reason: 'uncommitted', sentence: 'No commit has 1 file: <b>.' }, '2 commits would be lost.'];
  expect(drawn('No commit has 1 file.', losses)).toMatch(
    /<li>No commit has 1 file: &lt;b&gt;\.<\/li><li>2 commits would be lost\.<\/li>/,
  );
  for (const others of [undefined, [], 'x', [{ reason: 'other' }], [null]]) {
    expect(drawn('It is in use.', others)).toMatch(/^<p[^>]*>It is in use\.<\/p>$/);
  }
  expect(drawn(undefined, losses)).toBe('');
});

it('WEB-90: says what was removed, and what stays', () => {
  const removed = { branch: 'boocode/x', commit: '0123456789abcdef', isBranchKept: false };
  expect(removalText(removed)).toBe(
    'The worktree and the branch boocode/x were removed. The branch was at 0123456789.',
  );
  expect(removalText({ ...removed, commit: null })).toBe('The worktree and the branch boocode/x were removed.');
  expect(removalText({ ...removed, isBranchKept: true })).toMatch(/^The worktree was removed\. .* and stays\.$/);
});
