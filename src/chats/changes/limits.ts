import { maxFileBytes } from './working-tree.ts';

export interface ChangesLimits {
  /** How long a turn waits for its snapshot, and the first one, for which nothing is known yet. */
  waitMs: number;
  firstWaitMs: number;
  /** How long a snapshot may take in all. It goes on without a turn, so that the next one is quicker. */
  snapshotMs: number;
  /** How long clients wait. */
  readMs: number;
  /** How long staging and commits may take, with the hooks and filters of a repository. */
  writeMs: number;
  /** How long a rewind of files may take. */
  rewindMs: number;
  /** Larger files are left out. */
  maxFileBytes: number;
}

export const usualLimits: ChangesLimits = {
  waitMs: 2_000,
  firstWaitMs: 5_000,
  snapshotMs: 60_000,
  readMs: 20_000,
  writeMs: 120_000,
  rewindMs: 10 * 60_000,
  maxFileBytes,
};
