import { expect, test } from 'vitest';
import { patchLines } from './patch-lines.ts';

test('lines of a patch are numbered as in the new file, removed lines as in the old one', () => {
  const structuredPatch = [
    { oldStart: 3, newStart: 3, lines: [' a', '-b', '+c', '+d', ' e'] },
    { oldStart: 10, newStart: 11, lines: ['-f', '\\ No newline at end of file', '+g'] },
  ];
  expect(patchLines({ structuredPatch })).toEqual([
    { kind: 'skipped', text: '2 unchanged lines' },
    { kind: 'same', text: 'a', number: 3 },
    { kind: 'removed', text: 'b', number: 4 },
    { kind: 'added', text: 'c', number: 4 },
    { kind: 'added', text: 'd', number: 5 },
    { kind: 'same', text: 'e', number: 6 },
    { kind: 'skipped', text: '4 unchanged lines' },
    { kind: 'removed', text: 'f', number: 10 },
    { kind: 'added', text: 'g', number: 11 },
  ]);
});

test.each([undefined, null, 'text', {}, { structuredPatch: [] }, { structuredPatch: [{ lines: [1] }] }])(
  'returns undefined for a result without a patch: %j',
  (rawOutput) => expect(patchLines(rawOutput)).toBeUndefined(),
);
