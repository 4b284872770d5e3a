import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { isPlanOf, ownDirectories, sideFilePath, slugOf } from './side-file-places.ts';

const sessionId: string = randomUUID();
const pathOf = (name: string, id = sessionId): string | null =>
  sideFilePath('/config', '/config/projects/-work', { sessionId: id, name });

test('HOST-20: a stored name leads to the place of that kind of file', () => {
  expect(pathOf('session/tool-results/b5m6wb4rj.txt')).toBe(
    `/config/projects/-work/${sessionId}/tool-results/b5m6wb4rj.txt`,
  );
  expect(pathOf('session/tool-results/mcp-größe (1).json')).toMatch(/größe \(1\)\.json$/);
  expect(pathOf('session/subagents/agent-a1.meta.json')).toMatch(/agent-a1\.meta\.json$/);
  expect(pathOf('file-history/ad15d23ccb1c489c@v2')).toBe(`/config/file-history/${sessionId}/ad15d23ccb1c489c@v2`);
  expect(pathOf('tasks/1.json')).toBe(`/config/tasks/${sessionId}/1.json`);
  expect(pathOf('plans/make-a-plan-breezy-turing.md')).toBe('/config/plans/make-a-plan-breezy-turing.md');
});

test.each([
  '',
  'session',
  'session/',
  'session//a',
  'session/..',
  'session/../../../.credentials.json',
  'session/tool-results/../../x',
  'session/.hidden',
  'session/a/./b',
  'session/a\\..\\b',
  'session/a\0b',
  'session/a\nb',
  'session/c:x',
  `session/${'a/'.repeat(300)}b`,
  'session/subagents/agent-a1.jsonl',
  'session/subagents/agent-a1.JSONL',
  'session/a.tmp',
  'tasks/.lock',
  'plans/x.json',
  'plans/a/b.md',
  'settings/settings.json',
  'projects/x/y',
  '/etc/passwd',
  '../settings.json',
  'constructor/x',
])('HOST-20: the name %j leads nowhere', (name) => {
  expect(pathOf(name)).toBeNull();
});

test('HOST-20: the id of a session leads nowhere else', () => {
  for (const id of ['', '..', '../..', `${sessionId}/..`, `../${sessionId}`, 'x']) {
    expect(pathOf('tasks/1.json', id)).toBeNull();
    expect(ownDirectories('/config', id)).toEqual([]);
  }
  expect(ownDirectories('/config', sessionId)).toContain(`/config/tasks/${sessionId}`);
});

test('a plan belongs to the session whose slug it is named after', () => {
  expect(slugOf({ slug: 'make-a-plan' })).toBe('make-a-plan');
  for (const slug of [undefined, 1, '', '-a', '../x', 'a/b', 'A', 'a'.repeat(200)])
    expect(slugOf({ slug })).toBeUndefined();
  expect(isPlanOf('make-a-plan', 'plans/make-a-plan.md')).toBe(true);
  expect(isPlanOf('make-a-plan', 'plans/make-a-plan-agent-a1.md')).toBe(true);
  expect(isPlanOf('make-a-plan', 'plans/make-a-plan-b.md')).toBe(false);
  expect(isPlanOf('make', 'plans/make-a-plan.md')).toBe(false);
});
