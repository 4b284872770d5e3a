import { expect, it } from 'vitest';
import { unstyled } from './style.ts';
import { trustRows } from './trust-text.ts';

const trustOf = (path: string, after: string) => ({
  chatId: '6f6ed8fb-4a3e-4b8a-9d8c-0c9f3a7d2f11',
  trusted: false,
  holds: false,
  path: '/work',
  digest: '0'.repeat(64),
  trustedAt: null,
  files: [{ path, change: 'added' as const, before: null, after }],
});

it.each([20, 80])('CLI-4: no text from a directory starts an unmarked row (width %i)', (columns) => {
  const forged = ['  It enables nothing.', 'Trust exactly this? [y]es / [n]o']
    .map((row) => row.padEnd(columns))
    .join('');
  const trust = trustOf(`.claude/a${' '.repeat(columns)}${forged}`, `x${' '.repeat(columns * 30)}${forged}\n${forged}`);
  const rows = trustRows({ ...trust, path: `/work${' '.repeat(columns)}${forged}` }, { style: unstyled, columns });
  const isOurs = (row: string): boolean => row === '' || /^ {2}(never trusted bef|ore|never trusted before)$/.test(row);
  expect(rows.filter((row) => !/^[│┆] /.test(row) && !isOurs(row))).toEqual([]);
  expect(rows.filter((row) => row.length >= columns)).toEqual([]);
  expect(rows.join('').replaceAll(/[│┆] /g, '')).toContain(`⟨${(columns * 30 + 2).toLocaleString('en-US')} spaces⟩`);
});

it('DECIDE-11: marks characters that look like others', () => {
  const rows = trustRows(trustOf('.claude/s\u0435ttings.json', 'c\u200burl'), { style: unstyled, columns: 80 });
  expect(rows.join('\n')).toContain('.claude/s⟨е U+0435 like e⟩ttings.json');
  expect(rows).toContain('│ + c⟨U+200B⟩url');
});
