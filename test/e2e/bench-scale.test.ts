import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..', '..');

/** What was measured, with the machine's load, by the table's rows; without how many chats or leases there were. */
function measured(text: string): Map<string, string[]> {
  const rows = [...text.matchAll(/^\| ([^|]+) \| ([\d.,]+ [^|]+) \| (\d+\.\d) \|$/gm)];
  const name = (given: string): string =>
    given
      .replace(/^[\d,]+ chats: /, 'many chats: ')
      .replace(/renewal of \d+/, 'renewal of its')
      .replace(/of \d+ characters/, '');
  return new Map(rows.map(([, what, result, load]) => [name(what!), [result!, load!]]));
}

test('SCALE-2 SCALE-3: the measurements of scale run, and the document has a figure for each', async () => {
  const args = [join(root, 'bench', 'scale.mjs'), '--seconds', '0.05', '--chats', '1000'];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const found = measured(stdout);
  const documented = measured(readFileSync(join(root, 'docs', 'scale.md'), 'utf8'));
  expect(found.size).toBeGreaterThan(25);
  expect([...found.keys()].filter((name) => !documented.has(name))).toEqual([]);
  expect([...documented.keys()].filter((name) => !found.has(name))).toEqual([]);
});
