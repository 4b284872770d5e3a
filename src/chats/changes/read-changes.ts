/** Compares the working tree with an earlier state, for clients. */
import type { ChangeDiff, ChangeList, DiffQuery, LeftOut, Since } from '../../protocol/changes.ts';
import type { GitEnvironment } from '../workspaces/git.ts';
import { compareTrees, diffOfAll, diffOfFile } from './compare-trees.ts';
import type { Missed } from './missed.ts';
import type { PrivateGit } from './private-git.ts';
import { findSnapshot, readHead, readSnapshot, startName } from './snapshot-refs.ts';
import { unavailable } from './unavailable.ts';
import type { WorkingTree } from './working-tree.ts';

/** A working tree that is read for clients, and writes nothing into its repository. */
export interface View {
  git: PrivateGit;
  env: GitEnvironment;
  readonly missed: () => Promise<Record<string, Missed>>;
  readonly now: () => Promise<WorkingTree>;
}

interface Base extends Pick<ChangeList, 'base'> {
  /** A commit or a tree. */
  from: string;
  leftOut: LeftOut[];
}

const emptyTrees = {
  sha1: '4b825dc642cb6eb9a060e54bf8d69288fbee4904',
  sha256: '6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321',
};

export async function listChanges(view: View, chatId: string, since: Since): Promise<ChangeList> {
  const { base, from, leftOut } = await baseOf(view, chatId, since);
  const now = await view.now();
  const compared = await compareTrees(view.git, from, now.tree);
  const all = [...now.leftOut, ...leftOut];
  return {
    chatId,
    since,
    root: view.git.repository.top,
    base,
    tree: now.tree,
    ...compared,
    leftOut: all
      .filter(({ path }, at) => all.findIndex((each) => each.path === path) === at)
      .toSorted((one, other) => (one.path < other.path ? -1 : 1)),
  };
}

export async function readDiff(
  view: View,
  chatId: string,
  { since, path, pathBytes, tree }: DiffQuery & { since: Since },
): Promise<ChangeDiff> {
  const { base, from } = await baseOf(view, chatId, since);
  const to = tree !== undefined && (await hasTree(view.git, tree)) ? tree : (await view.now()).tree;
  const bytes = pathBytes === undefined ? path && Buffer.from(path) : Buffer.from(pathBytes, 'base64url');
  const found = bytes ? await diffOfFile(view.git, from, to, bytes) : await diffOfAll(view.git, from, to);
  return { chatId, since, base, tree: to, ...found };
}

async function baseOf({ git, env, missed }: View, chatId: string, since: Since): Promise<Base> {
  const { repository } = git;
  if (since === 'head') {
    const head = await readHead(repository, env);
    const base = { commit: head, takenAt: null, turnId: null };
    return { base, from: head ?? emptyTrees[repository.objectFormat], leftOut: [] };
  }
  const name = since === 'start' ? startName : since.slice('turn:'.length);
  const oid = await findSnapshot(repository, env, chatId, name);
  if (oid === null) {
    const why = (await missed())[name];
    if (why) throw unavailable(why.reason, why.message);
    const when = name === startName ? 'when the chat started' : 'at the start of that turn';
    throw unavailable('no_snapshot', `No snapshot of ${repository.top} was taken ${when}.`);
  }
  const { head, takenAt, turnId, leftOut } = await readSnapshot(git, oid);
  return { base: { commit: head, takenAt, turnId }, from: oid, leftOut };
}

/** It is only kept for some time. */
async function hasTree(git: PrivateGit, tree: string): Promise<boolean> {
  const found = await git.run(['cat-file', '-t', tree], { mayEndWith: [0, 128] });
  return found.code === 0 && found.stdout.toString('utf8').trim() === 'tree';
}
