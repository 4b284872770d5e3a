import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';

/** Every package that is loaded with a file, through all that it imports other than on demand. */
function packagesOf(file: string, seen = new Set<string>()): Set<string> {
  const packages = new Set<string>();
  if (seen.has(file)) return packages;
  seen.add(file);
  const statement = /^(?:import|export)\s(?!type\s)(?:[^'";]*?\sfrom\s)?'([^']+)'/gm;
  for (const [, target = ''] of readFileSync(file, 'utf8').matchAll(statement)) {
    const found = target.startsWith('.') ? packagesOf(join(dirname(file), target), seen) : [target];
    for (const name of found) packages.add(name);
  }
  return packages;
}

const source = join(import.meta.dirname, '..');

it('loads neither the SDK nor the database nor the validator with a command', () => {
  const packages = [...packagesOf(join(source, 'cli/boocode.ts'))];
  expect(packages.filter((name) => !name.startsWith('node:')).sort()).toEqual([
    'commander',
    'eventsource-parser',
    'get-east-asian-width',
  ]);
});

it('loads nothing with the client that a browser does not have', () => {
  expect([...packagesOf(join(source, 'client/client.ts'))]).toEqual(['eventsource-parser']);
});

it('would see the validator', () => {
  expect([...packagesOf(join(source, 'config.ts'))]).toContain('zod');
});
