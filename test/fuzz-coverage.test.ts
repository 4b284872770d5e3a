import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { fed, notFed, ownRows, takesApart } from './fuzz/parsers.ts';
import { targets } from './fuzz/targets.ts';

const listed = [...Object.keys(fed), ...Object.keys(notFed)];
/** Looked for only with `npm run fuzz`, which whoever adds a parser runs. */
const found = process.env['BOOCODE_FUZZ_RUNS'] === undefined ? listed : modulesThatTakeApart();

function modulesThatTakeApart(): string[] {
  return readdirSync('src', { recursive: true, encoding: 'utf8' })
    .map((name) => `src/${name.replaceAll('\\', '/')}`)
    .filter(
      (path) =>
        /\.tsx?$/.test(path) &&
        !/\.test\.tsx?$/.test(path) &&
        !path.startsWith('src/demo/') &&
        !path.startsWith(ownRows),
    )
    .filter((path) => takesApart.test(readFileSync(path, 'utf8')));
}

describe('FUZZ-2: each module that takes a text apart is fed with random ones, or it is said why not', () => {
  test('every one is listed', () => {
    expect(found.length).toBeGreaterThan(50);
    expect(found.filter((path) => !(path in fed) && !(path in notFed))).toEqual([]);
  });

  test('nothing else is listed, and nothing twice', () => {
    expect(listed.toSorted()).toEqual(found.toSorted());
  });

  test('what feeds them is there', () => {
    const names = targets.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const missing = Object.values(fed)
      .flat()
      .filter((beginning) => !names.some((name) => name.startsWith(beginning)));
    expect(missing).toEqual([]);
  });
});
