/** The snapshot of a turn that starts: its commit and references, or why there are none. */
import { toBooError } from '../../protocol/error.ts';
import type { GitEnvironment } from '../workspaces/git.ts';
import { type Missed, noteMissed, readMissed } from './missed.ts';
import type { PrivateGit } from './private-git.ts';
import type { Repository } from './repository.ts';
import { endSuffix, findSnapshot, readHead, setSnapshots, startName, writeSnapshot } from './snapshot-refs.ts';
import type { WorkingTree } from './working-tree.ts';

export interface TurnStart {
  turnId: string;
  stored: Promise<boolean>;
  at: Date;
  onRead: () => void;
  /** The turn before, whose end has not been recorded yet. */
  ended: string | null;
  /** How long the turn has waited, once it waits no longer. */
  late: () => number | null;
}

export interface SnapshotParts {
  git: PrivateGit;
  repository: Repository;
  folder: string;
  env: GitEnvironment;
  chatId: string;
  /** Folders of which it is known that the start is recorded, or cannot be any more. */
  hasStart: Set<string>;
  readonly readTree: (onRead: () => void) => Promise<WorkingTree>;
}

export async function takeSnapshot(
  { turnId, stored, at, onRead, late, ended }: TurnStart,
  parts: SnapshotParts,
): Promise<void> {
  const { git, repository, folder, env, chatId, readTree } = parts;
  const names = async (): Promise<string[]> => ((await knowsStart(parts)) ? [turnId] : [turnId, startName]);
  let missed: Missed | undefined;
  let lateMs: number | null = null;
  try {
    const { tree, leftOut } = await readTree(() => {
      lateMs = late();
      onRead();
    });
    if (!(await stored)) return;
    if (lateMs === null) {
      const head = await readHead(repository, env);
      const oid = await writeSnapshot(git, { tree, head, turnId, leftOut, at });
      const all = [...(await names()), ...(ended === null ? [] : [`${ended}${endSuffix}`])];
      await setSnapshots(repository, env, { chatId, oid, names: all });
    } else missed = tooSlow(lateMs);
  } catch (error) {
    const afterMs = late();
    const message = `The snapshot failed: ${toBooError(error).message}`;
    missed = afterMs === null ? { reason: 'git_failed', message } : tooSlow(afterMs);
  }
  if (!(await stored)) return;
  if (missed) await noteMissed(folder, await names(), { ...missed, at: at.getTime() });
  parts.hasStart.add(folder);
}

/** The state at the end of a turn, which only tells who has changed what. */
export async function takeEndSnapshot(turnId: string, at: Date, parts: Omit<SnapshotParts, 'hasStart'>): Promise<void> {
  const { git, repository, env, chatId, readTree } = parts;
  const { tree, leftOut } = await readTree(() => {});
  const head = await readHead(repository, env);
  const oid = await writeSnapshot(git, { tree, head, turnId, leftOut, at });
  await setSnapshots(repository, env, { chatId, oid, names: [`${turnId}${endSuffix}`] });
}

async function knowsStart({ repository, folder, env, chatId, hasStart }: SnapshotParts): Promise<boolean> {
  if (hasStart.has(folder)) return true;
  const found = await findSnapshot(repository, env, chatId, startName);
  return found !== null || (await readMissed(folder))[startName] !== undefined;
}

const tooSlow = (limitMs: number): Missed => ({
  reason: 'too_slow',
  message: `The working tree could not be read within ${limitMs / 1_000} s, and the turn started without a snapshot of it.`,
});
