import { expect, it } from 'vitest';
import type { ChangedFile } from '../../client/client.ts';
import { treeRows } from './tree-rows.ts';

const file = (path: string): ChangedFile => ({
  path,
  status: 'modified',
  added: 1,
  removed: 0,
  isBinary: false,
  isSubmodule: false,
  content: '1',
});
const shown = (paths: string[], closed: string[] = []): string[] =>
  treeRows(paths.map(file), new Set(closed)).map(
    ({ depth, name, place, ...row }) =>
      `${'  '.repeat(depth)}${name}${row.kind === 'folder' ? `/ ${row.count}` : ''} ${place.at}/${place.of}`,
  );

it('WEB-82: changed files are a tree, with folders first and lone folders in one row', () => {
  const paths = ['b.txt', 'a/b/c/2.js', 'a/b/c/10.js', 'a/b/d.js', '__proto__/x'];
  expect(shown(paths)).toEqual([
    '__proto__/ 1 1/3',
    '  x 1/1',
    'a/b/ 3 2/3',
    '  c/ 2 1/2',
    '    2.js 1/2',
    '    10.js 2/2',
    '  d.js 2/2',
    'b.txt 3/3',
  ]);
  expect(shown(paths, ['a/b/'])).toEqual(['__proto__/ 1 1/3', '  x 1/1', 'a/b/ 3 2/3', 'b.txt 3/3']);
});
