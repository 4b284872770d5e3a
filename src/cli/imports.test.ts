import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Command } from 'commander';
import { expect, it } from 'vitest';
import type { Cli } from './cli.ts';
import { commands } from './program.ts';

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

const packages = (files: string[]): string[] =>
  [...new Set(files.flatMap((file) => [...packagesOf(join(source, file))]))]
    .filter((name) => !name.startsWith('node:'))
    .toSorted();

it('CLI-21: a command loads neither the SDK nor the database nor the validator', () => {
  expect(packages(['cli/main.ts'])).toEqual(['commander', 'eventsource-parser']);
  const all = Object.keys(commands).map((name) => `cli/${name === 'unpin' ? 'pin' : name}.ts`);
  expect(packages(all)).toEqual(['commander', 'eventsource-parser', 'get-east-asian-width']);
});

it('CLI-21: the code of every command is loaded under its own name', async () => {
  for (const [name, load] of Object.entries(commands)) {
    const program = new Command();
    (await load())(program, {} as Cli);
    expect(program.commands.map((command) => command.name())).toEqual([name]);
  }
});

it('CLI-22: a start of the server loads neither the SDK nor the terminal emulator', () => {
  const early = packages(['run-server.ts']);
  const late = packages(['serve-chats.ts']);
  expect(early).toContain('postgres');
  expect(late).toContain('hono');
  for (const each of ['@anthropic-ai/claude-agent-sdk', '@xterm/headless', '@lydell/node-pty']) {
    expect([...early, ...late]).not.toContain(each);
  }
  // What is loaded while the database starts.
  expect(early).not.toContain('hono');
});

it('the client loads nothing that a browser lacks', () => {
  expect([...packagesOf(join(source, 'client/client.ts'))]).toEqual(['eventsource-parser']);
});

it('the check would find the validator', () => {
  expect([...packagesOf(join(source, 'config.ts'))]).toContain('zod');
});
