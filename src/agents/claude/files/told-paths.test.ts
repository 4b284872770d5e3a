import { randomUUID } from 'node:crypto';
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { expect, test } from 'vitest';
import { ToldPaths } from './told-paths.ts';

const [sessionId, uuid] = [randomUUID(), randomUUID()];
const outputIn = (configDir: string, folder: string): string =>
  `${configDir}/projects/${folder}/${sessionId}/tool-results/b1.txt`;

/** A long output, as the program stores it. */
const longOutput = (path: string, text = `saved to: ${path}\n\nPreview`): SessionStoreEntry => ({
  type: 'user',
  uuid,
  message: { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: text }] },
  toolUseResult: { stdout: 'x', persistedOutputPath: path },
});
const attachment = (fields: object): SessionStoreEntry => ({ type: 'attachment', uuid, attachment: fields });

function here(entries: SessionStoreEntry[], configDir = '/b/.claude'): string {
  const told = new ToldPaths(configDir, `${configDir}/projects/-new`);
  for (const entry of entries) told.add(entry);
  return JSON.stringify(entries.map((entry) => told.here(entry)));
}

test('HOST-20: a long output is where the program of this host keeps it', () => {
  const told = here([longOutput(outputIn('/a b/.claude', '-old'))]);
  expect(told).not.toContain('/a b/');
  expect(told.match(/\/b\/\.claude\/[^"\\]*/g)).toEqual([
    outputIn('/b/.claude', '-new'),
    outputIn('/b/.claude', '-new'),
  ]);
});

test('HOST-20: it is in the folder of the chat’s directory now, also on the same host', () => {
  const told = here([longOutput(outputIn('/b/.claude', '-old'))]);
  expect(told).toContain(outputIn('/b/.claude', '-new'));
  expect(told).not.toContain('-old');
  const other = here([longOutput(outputIn('/b/.claude', '-old'), 'see /b/.claude/projects/-other/memory/x')]);
  expect(other).toContain('see /b/.claude/projects/-other/memory/x');
});

test('HOST-20: plans and memory are in this host’s config directory, from however many hosts they are', () => {
  const told = here([
    attachment({ type: 'plan_mode', planFilePath: '/a/.claude/plans/x.md' }),
    attachment({ type: 'prompt_snapshot', text: ['Memory at `/c/conf/projects/-old/memory/`.'] }),
    attachment({ type: 'plan_mode_exit', words: 'See /a/.claude/plans/x.md and /c/conf/plans/y.md.\n/a/.claude/x' }),
  ]);
  expect(told).toContain('"planFilePath":"/b/.claude/plans/x.md"');
  expect(told).toContain('See /b/.claude/plans/x.md and /b/.claude/plans/y.md.\\n/b/.claude/x');
  expect(told).not.toMatch(/\/a\/|\/c\//);
});

test('HOST-20: what is no such path, what others said and what is known by its content stays as it is', () => {
  const path = outputIn('/a', '-old');
  const kept: SessionStoreEntry[] = [
    { type: 'assistant', uuid, message: { content: [{ type: 'thinking', thinking: path, signature: 's' }] } },
    { type: 'user', uuid, message: { role: 'user', content: path } },
    { type: 'user', uuid, message: { role: 'user', content: [{ type: 'text', text: path }] } },
    { type: 'file-history-delta', trackingPath: path },
  ];
  const before = JSON.stringify(kept);
  expect(here([...kept, longOutput(path)])).toContain(before.slice(1, -1));
  expect(here([longOutput(path, `/mnt${path} x${path} /ab/c /a`)])).toContain(`/mnt${path} x${path} /ab/c /a"`);
  const none = [longOutput('relative/projects/x'), attachment({ type: 'plan_mode', planFilePath: 7 })];
  expect(here(none)).toBe(JSON.stringify(none));
});
