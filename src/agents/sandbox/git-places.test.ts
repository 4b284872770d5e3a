import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { git, initRepository } from '../../../test/support/git-repository.ts';
import { gitPlaces } from './git-places.ts';

let root: string;
beforeAll(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'boocode-places-')));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function directory(name: string): string {
  const path = join(root, name);
  mkdirSync(path, { recursive: true });
  return path;
}

test('SANDBOX-3: of a repository, hooks and configuration are only read, also if there were no hooks', () => {
  const top = directory('repository');
  initRepository(top);
  rmSync(join(top, '.git', 'hooks'), { recursive: true, force: true });
  const own = join(top, '.git');
  const places = { top, writable: [own], readOnly: [join(own, 'hooks'), join(own, 'config')] };
  expect(gitPlaces(top)).toEqual(places);
  expect(gitPlaces(directory('repository/below/it'))).toEqual(places);
  expect(existsSync(join(own, 'hooks'))).toBe(true);
});

test('SANDBOX-3: a worktree has what it shares with its repository, and cannot become another one', () => {
  const [top, tree] = [directory('shared'), join(root, 'tree')];
  initRepository(top);
  git(top, 'worktree', 'add', '-q', tree);
  const common = join(top, '.git');
  const links = ['commondir', 'gitdir'].map((name) => join(common, 'worktrees', 'tree', name));
  const readOnly = [join(common, 'hooks'), join(common, 'config'), ...links, join(tree, '.git')];
  expect(gitPlaces(tree)).toEqual({ top: tree, writable: [common], readOnly });
  // Seen from the repository, its worktrees are as they are, too.
  expect(gitPlaces(top)?.readOnly).toEqual(expect.arrayContaining(links));
});

test.each(['a directory', 'a repository', 'another worktree', 'a link'])(
  'SANDBOX-3: a .git that names %s gives access to nothing',
  (what) => {
    const name = what.replaceAll(' ', '-');
    const [forged, other, tree] = [directory(`forged-${name}`), directory(`other-${name}`), join(root, `tree-${name}`)];
    initRepository(other);
    git(other, 'worktree', 'add', '-q', tree);
    const named = {
      'a directory': directory(`secrets-${name}/worktrees/x`),
      'a repository': join(other, '.git'),
      'another worktree': join(other, '.git', 'worktrees', `tree-${name}`),
    }[what];
    if (named === undefined) symlinkSync(join(other, '.git'), join(forged, '.git'));
    else writeFileSync(join(forged, '.git'), `gitdir: ${named}\n`);
    expect(gitPlaces(forged)).toBeUndefined();
  },
);

test('SANDBOX-3: what is no repository of the usual shape is only read', () => {
  const top = directory('odd');
  mkdirSync(join(top, '.git'));
  expect(gitPlaces(top)).toEqual({ top, writable: [], readOnly: [join(top, '.git')] });
});
