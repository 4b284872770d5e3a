import { expect, it } from 'vitest';
import { ignoredRows } from './ignored-rows.ts';
import { fileKey } from './tree-rows.ts';

it('WEB-99: what is ignored is in a last folder, with keys of its own', () => {
  const files = [{ path: 'b/' }, { path: 'a/10' }, { path: 'a/2' }, { path: '�', pathBytes: '_w' }];
  const rows = ignoredRows(files, new Set(), { at: 3, of: 3 });
  expect(rows.map(({ key, name, depth, place }) => [key, name, depth, place.at, place.of])).toEqual([
    ['/', 'Ignored', 0, 3, 3],
    ['!=a/2', 'a/2', 1, 1, 4],
    ['!=a/10', 'a/10', 1, 2, 4],
    ['!=b/', 'b/', 1, 3, 4],
    ['!#_w', '�', 1, 4, 4],
  ]);
  expect(rows.map(({ key }) => key)).not.toContain(fileKey({ path: 'a/2' }));
  expect(ignoredRows(files, new Set(['/']), { at: 1, of: 1 }).length).toBe(1);
});
