/**
 * What a person has configured for worktrees of a repository, in git's own configuration, which is never part of a commit:
 * `boocode.copy` (paths of untracked files that a new one gets too, as often as needed), `boocode.setup` (a command that is run in
 * a new one, if it is trusted) and `boocode.worktrees` (the directory in which they are made; from the repository's own
 * configuration only if it is trusted, because it leads out of the repository).
 */
import { isAbsolute } from 'node:path';
import { ask, type GitWork } from './git-work.ts';
import { refused } from './refused.ts';

export interface WorktreeSettings {
  copy: readonly string[];
  setup: string | null;
  place: string | null;
}

export async function readSettings(work: GitWork, top: string, trusted: boolean): Promise<WorktreeSettings> {
  const found = await ask(work, top, [
    'config',
    '--null',
    '--show-scope',
    '--get-regexp',
    String.raw`^boocode\.(copy|setup|worktrees)$`,
  ]);
  const parts = found.stdout.split('\0');
  const entries = parts.flatMap((entry, at) => {
    const end = entry.indexOf('\n');
    const scope = parts[at - 1];
    return at % 2 === 0 || end < 0 ? [] : [{ scope, name: entry.slice(0, end), value: entry.slice(end + 1).trim() }];
  });
  const of = (name: string, scopes?: readonly string[]): string[] =>
    entries.filter((each) => each.name === name && scopes?.includes(each.scope!) !== false).map(({ value }) => value);
  const place = of('boocode.worktrees', trusted ? undefined : ['system', 'global']).at(-1) ?? null;
  if (place !== null && !isAbsolute(place))
    throw refused('place_taken', `boocode.worktrees must be an absolute path, and is ${place}.`);
  return { copy: of('boocode.copy').filter(Boolean), setup: of('boocode.setup').at(-1) || null, place };
}
