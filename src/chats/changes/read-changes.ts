/** Compares the working tree with an earlier state, for clients. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChangeDiff, ChangeList, DiffQuery, LeftOut, Since } from '../../protocol/changes.ts';
import type { GitEnvironment } from '../workspaces/git.ts';
import { compareTrees, diffOfAll, diffOfFile, entriesOf } from './compare-trees.ts';
import { diffOfIgnored, listIgnored } from './ignored.ts';
import type { Missed } from './missed.ts';
import { bytesOfShown } from './paths.ts';
import type { PrivateGit } from './private-git.ts';
import { emptyTrees, stamp } from './repository.ts';
import { findSnapshot, readHead, readMoments, readSnapshot, startName } from './snapshot-refs.ts';
import { indexReader, readStaged } from './staging.ts';
import { unavailable } from './unavailable.ts';
import type { Glance } from './watches.ts';
import { type Timeline, whoChanged } from './who-changed.ts';
import type { WorkingTree } from './working-tree.ts';

/** A working tree that is read for clients, and writes nothing into its repository. */
export interface View {
  git: PrivateGit;
  env: GitEnvironment;
  readonly missed: () => Promise<Record<string, Missed>>;
  readonly now: () => Promise<WorkingTree>;
}

export interface Base extends Pick<ChangeList, 'base'> {
  /** A commit or a tree. */
  from: string;
  leftOut: LeftOut[];
  /** When it was recorded; null for the last commit. */
  at: number | null;
}

export async function listChanges(
  view: View,
  chatId: string,
  since: Since,
  { who, ignoredBeside }: { who?: Pick<Timeline, 'isRunning'> | undefined; ignoredBeside?: string | undefined } = {},
): Promise<ChangeList> {
  const { base, from, leftOut, at } = await baseOf(view, chatId, since);
  const readIndex = indexReader(view.git.repository.top, { env: view.env, objects: view.git.objects });
  // Beside the working tree, because it takes long in a large one.
  const [now, inIndex] = await Promise.all([view.now(), since === 'head' ? readIndex(from) : null]);
  const compared = await compareTrees(view.git, from, now.tree);
  const all = [...now.leftOut, ...leftOut];
  const { repository } = view.git;
  const by =
    who &&
    (await whoChanged(view.git, compared.files, {
      ...who,
      moments: await readMoments(repository, view.env),
      from: since === 'head' ? { head: base.commit } : { at: at ?? Infinity },
      now: now.tree,
      missedAt: Object.values(await view.missed()).flatMap((missed) => missed.at ?? []),
    }));
  const staged = inIndex && (await readStaged(readIndex, { inIndex, tree: now.tree, files: compared.files }));
  return {
    chatId,
    since,
    root: view.git.repository.top,
    base,
    tree: now.tree,
    ...compared,
    files: compared.files.map((file) => ({
      ...file,
      ...(staged && { staged: staged.of(file) }),
      ...(by && { by: by(file) }),
    })),
    ...(staged && { onlyStaged: staged.only }),
    ...(ignoredBeside !== undefined && { ignored: await listIgnored(view.git, ignoredBeside) }),
    leftOut: all
      .filter(({ path }, at) => all.findIndex((each) => each.path === path) === at)
      .toSorted((one, other) => (one.path < other.path ? -1 : 1)),
  };
}

/** Whether anything is different from before. */
export async function glance({ git, env, now }: View): Promise<Glance> {
  const { top, gitDirectory } = git.repository;
  const head = await readHead({ top }, env);
  const index = await stat(join(gitDirectory, 'index'), { bigint: true }).catch(() => null);
  const { tree } = await now();
  return { tree, mark: `${tree}\n${head}\n${index && stamp(index)}` };
}

/** All files that differ from the last commit. */
export async function changedPaths(view: View, head: string | null): Promise<Buffer[]> {
  const { tree } = await view.now();
  const { entries } = await entriesOf(view.git, head ?? emptyTrees[view.git.repository.objectFormat], tree);
  return entries.flatMap(({ path, oldPath }) => (path.equals(oldPath) ? [path] : [oldPath, path]));
}

export async function readDiff(
  view: View,
  chatId: string,
  { since, path, pathBytes, tree, ignored }: DiffQuery & { since: Since },
): Promise<ChangeDiff> {
  const { base, from } = await baseOf(view, chatId, since);
  const to = tree !== undefined && (await hasTree(view.git, tree)) ? tree : (await view.now()).tree;
  const bytes = path === undefined && pathBytes === undefined ? null : bytesOfShown(path ?? '', pathBytes);
  const found = bytes ? await diffOfFile(view.git, from, to, bytes) : await diffOfAll(view.git, from, to);
  const hidden = ignored && bytes && found.file === null ? await diffOfIgnored(view.git, bytes) : null;
  return { chatId, since, base, tree: to, ...(hidden ?? found) };
}

export async function baseOf({ git, env, missed }: View, chatId: string, since: Since): Promise<Base> {
  const { repository } = git;
  if (since === 'head') {
    const head = await readHead(repository, env);
    const base = { commit: head, takenAt: null, turnId: null };
    return { base, from: head ?? emptyTrees[repository.objectFormat], leftOut: [], at: null };
  }
  const name = since === 'start' ? startName : since.slice('turn:'.length);
  const oid = await findSnapshot(repository, env, chatId, name);
  if (oid === null) {
    const why = (await missed())[name];
    if (why) throw unavailable(why.reason, why.message);
    const when = name === startName ? 'when the chat started' : 'at the start of that turn';
    throw unavailable('no_snapshot', `No snapshot of ${repository.top} was taken ${when}.`);
  }
  const { head, takenAt, turnId, leftOut, at } = await readSnapshot(git, oid);
  return { base: { commit: head, takenAt, turnId }, from: oid, leftOut, at };
}

/** It is only kept for some time. */
export async function hasTree(git: PrivateGit, tree: string): Promise<boolean> {
  const found = await git.run(['cat-file', '-t', tree], { mayEndWith: [0, 128] });
  return found.code === 0 && found.stdout.toString('utf8').trim() === 'tree';
}
