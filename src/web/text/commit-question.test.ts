import { expect, it } from 'vitest';
import type { ChangedFile } from '../../client/client.ts';
import { commitMessageIn, commitQuestion } from './commit-question.ts';

const file = (path: string): ChangedFile => ({
  path,
  status: 'modified',
  added: 1,
  removed: 0,
  isBinary: false,
  isSubmodule: false,
  content: '1',
});

it('WEB-101: the agent is asked about the changes that are committed, as far as they fit', () => {
  const question = commitQuestion({ files: [file('a.txt'), file('b.txt')], diff: 'diff --git\n-a\n+b\n' });
  expect(question).toContain('\n\n- modified: a.txt\n- modified: b.txt\n\ndiff --git\n-a\n+b');
  const many = Array.from({ length: 3_000 }, (_, at) => file(`folder/file-${at}.txt`));
  const large = commitQuestion({ files: many, diff: `${'x'.repeat(13_999)}😀\0${'y'.repeat(1_000_000)}` });
  expect(large.length).toBeLessThan(20_000);
  expect(large).toMatch(/- and 2\d\d\d more\n/);
  expect(large).toMatch(/The rest of the diff is left out\.\)$/);
  expect(large).not.toMatch(/[\uD800-\uDFFF]/);
  expect(commitQuestion({ files: [file('a')], diff: 'a\0b' })).toContain('a␀b');
});

it('WEB-101: what the diff shows too much or too little of is said', () => {
  const files = [
    { ...file('a.txt'), staged: 'part' as const },
    { ...file('b.txt'), staged: 'all' as const },
  ];
  const onlyStaged = [{ path: 'c.txt' }];
  const question = commitQuestion({ files, onlyStaged, isStaged: true, diff: '-a\n+b\n', isCut: true });
  expect(question).toContain(
    [
      '',
      '- modified: a.txt (only a part of it is staged, so the diff shows more)',
      '- modified: b.txt',
      '- staged: c.txt (it is not in the diff)',
      '',
      '-a',
      '+b',
      '(The rest of the diff is left out.)',
    ].join('\n'),
  );
  expect(commitQuestion({ files, diff: '-a\n+b\n' })).toMatch(/- modified: a\.txt\n- modified: b\.txt\n\n-a\n\+b$/);
});

it('WEB-101: a message comes without a fence around it', () => {
  expect(
    ['Fix it\n', '```\nFix it\n\nMore\n```', '```text\nFix it\n```\n', 'Use ``` here'].map(commitMessageIn),
  ).toEqual(['Fix it', 'Fix it\n\nMore', 'Fix it', 'Use ``` here']);
});
