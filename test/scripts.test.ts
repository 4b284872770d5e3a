import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');

/** The modules of the build that a script loads by name, which neither the compiler nor a bundler sees. */
const loaded = ['scripts', 'bench'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.mjs'))
    .flatMap((file) =>
      [...readFileSync(join(root, folder, file), 'utf8').matchAll(/\b(?:load|fromDist)\(\s*'([^']+)'/g)].map(
        ([, module]) => ({ script: `${folder}/${file}`, source: `src/${module?.replace(/\.js$/, '')}.ts` }),
      ),
    ),
);

test('every module of the build that a script loads exists', () => {
  expect(loaded.length).toBeGreaterThan(5);
  expect(loaded.filter(({ source }) => !existsSync(join(root, source)))).toEqual([]);
});
