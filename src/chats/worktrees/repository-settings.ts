/**
 * What a person has configured for worktrees of a repository, in git's own configuration, which is never part of a commit:
 * `boocode.copy` (paths of untracked files that a new one gets too, as often as needed), `boocode.setup` (a command that is run in
 * a new one, if it is trusted) and `boocode.worktrees` (the directory in which they are made).
 */
import { isAbsolute } from 'node:path';
import { ask, type GitWork } from './git-work.ts';
import { refused } from './refused.ts';

export interface WorktreeSettings {
  copy: readonly string[];
  setup: string | null;
  place: string | null;
}

export async function readSettings(work: GitWork, top: string): Promise<WorktreeSettings> {
  const found = await ask(work, top, [
    'config',
    '--null',
    '--get-regexp',
    String.raw`^boocode\.(copy|setup|worktrees)$`,
  ]);
  const entries = found.stdout.split('\0').flatMap((entry) => {
    const end = entry.indexOf('\n');
    return end < 0 ? [] : [{ name: entry.slice(0, end), value: entry.slice(end + 1).trim() }];
  });
  const of = (name: string): string[] => entries.filter((each) => each.name === name).map(({ value }) => value);
  const place = of('boocode.worktrees').at(-1) ?? null;
  if (place !== null && !isAbsolute(place))
    throw refused('place_taken', `boocode.worktrees must be an absolute path, and is ${place}.`);
  return { copy: of('boocode.copy').filter(Boolean), setup: of('boocode.setup').at(-1) || null, place };
}
