/**
 * Takes a working tree back to a snapshot, whoever changed it since and by whichever tool. HEAD, branches, index and stash
 * stay. The present state is recorded first, under the rewind's id, so that whatever happens meanwhile can be undone.
 */
import { realpath } from 'node:fs/promises';
import { BooError } from '../../protocol/error.ts';
import type { FilesRewind, KeptFile } from '../../protocol/rewind.ts';
import type { GitEnvironment } from '../workspaces/git.ts';
import { compareTrees } from './compare-trees.ts';
import type { Missed } from './missed.ts';
import { planRewind, type RewindPlan } from './plan-rewind.ts';
import type { PrivateGit } from './private-git.ts';
import { lookAtFiles, restoreFiles } from './restore-files.ts';
import {
  countCommits,
  findSnapshot,
  readHead,
  readSnapshot,
  rewindName,
  setSnapshots,
  type Snapshot,
  writeSnapshot,
} from './snapshot-refs.ts';
import { unavailable } from './unavailable.ts';
import type { WorkingTree } from './working-tree.ts';

export type FilesPlan = Omit<FilesRewind, 'rewindId' | 'workingChats'>;

/** To where: the start of a turn, or before the files were rewound. */
export type RewindTarget = { turnId: string } | { rewindId: string };

export interface RewindView {
  git: PrivateGit;
  env: GitEnvironment;
  chatId: string;
  readonly missed: () => Promise<Record<string, Missed>>;
  readonly now: () => Promise<WorkingTree>;
}

export interface FilesRewinding {
  target: RewindTarget;
  /** Of this rewind. */
  rewindId: string;
  /** The state that was shown. */
  tree: string | undefined;
  /** Where the chat's agent works. */
  directory: string;
  /** Called before anything changes, and not if nothing would. */
  readonly begin: (plan: FilesPlan) => Promise<void>;
}

export interface FilesRewound extends FilesPlan {
  /** How many files have changed. */
  changed: number;
}

export const nameOf = (target: RewindTarget): string =>
  'turnId' in target ? target.turnId : rewindName(target.rewindId);

const maxKept = 1_000;

export async function describeRewind(view: RewindView, target: RewindTarget): Promise<FilesPlan> {
  const then = await snapshotOf(view, target);
  const now = await view.now();
  return describe(view, now, then, await planRewind(view.git, now, then));
}

export async function rewindFiles(view: RewindView, rewinding: FilesRewinding): Promise<FilesRewound> {
  const { git, env, chatId } = view;
  const { target, rewindId, tree, directory, begin } = rewinding;
  const then = await snapshotOf(view, target);
  const now = await view.now();
  if (tree !== undefined && tree !== now.tree) throw outdated();
  const plan = await planRewind(git, now, then);
  const told = await describe(view, now, then, plan);
  const count = plan.writes.length + plan.removals.length;
  if (count === 0) return { ...told, changed: 0 };

  const seen = await lookAtFiles(git.repository.top, plan);
  // What was looked at is what is recorded.
  if ((await view.now()).tree !== now.tree) throw outdated();
  const head = await readHead(git.repository, env);
  const { leftOut } = now;
  const oid = await writeSnapshot(git, { tree: now.tree, head, turnId: null, leftOut, at: new Date() });
  await setSnapshots(git.repository, env, { chatId, oid, names: [rewindName(rewindId)] });
  await begin(told);
  const { changed, kept } = await restoreFiles(git, { plan, seen, chatId, directory: await realpath(directory) });
  const after = await view.now();
  return { ...told, ...keptFiles([...plan.kept, ...kept]), tree: after.tree, changed };
}

async function describe(
  { git, env }: RewindView,
  now: WorkingTree,
  then: Snapshot,
  plan: RewindPlan,
): Promise<FilesPlan> {
  const { repository } = git;
  return {
    root: repository.top,
    takenAt: then.takenAt,
    tree: now.tree,
    ...(await compareTrees(git, now.tree, plan.tree)),
    ...keptFiles(plan.kept),
    covers: 'tree',
    writtenSince: [],
    commits: await countCommits(repository, env, then.head, await readHead(repository, env)),
  };
}

const keptFiles = (kept: readonly KeptFile[]) => ({ kept: kept.slice(0, maxKept), keptCount: kept.length });

async function snapshotOf({ git, env, chatId, missed }: RewindView, target: RewindTarget): Promise<Snapshot> {
  const name = nameOf(target);
  const oid = await findSnapshot(git.repository, env, chatId, name);
  if (oid !== null) return readSnapshot(git, oid);
  const why = (await missed())[name];
  if (why) throw unavailable(why.reason, why.message);
  const when = 'turnId' in target ? 'at the start of that turn' : 'before that rewind';
  throw unavailable('no_snapshot', `No snapshot of ${git.repository.top} was taken ${when}.`);
}

export function outdated(): BooError {
  return new BooError('files_changed', 'Files have changed since this was shown. Look again at what would change.');
}
