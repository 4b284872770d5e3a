import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';

/** Every package that is loaded with a file, through all its static imports. */
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

it('a command loads neither the SDK nor the database nor the validator', () => {
  const packages = [...packagesOf(join(source, 'cli/boocode.ts'))];
  expect(packages.filter((name) => !name.startsWith('node:')).sort()).toEqual([
    'commander',
    'eventsource-parser',
    'get-east-asian-width',
  ]);
});

it('the client loads nothing that a browser lacks', () => {
  expect([...packagesOf(join(source, 'client/client.ts'))]).toEqual(['eventsource-parser']);
});

it('the check would find the validator', () => {
  expect([...packagesOf(join(source, 'config.ts'))]).toContain('zod');
});
