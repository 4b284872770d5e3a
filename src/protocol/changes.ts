/** What has changed in the working tree of a chat's directory. */
import { z } from 'zod';

/** Why changes cannot be told: `reason` of the error `changes_unavailable`. */
export const changesProblems = [
  'no_repository',
  'bare_repository',
  'no_working_tree',
  'directory_missing',
  'no_snapshot', // that state was not recorded
  'too_slow', // reading the working tree took too long
  'git_failed',
] as const;
export type ChangesProblem = (typeof changesProblems)[number];

export const changeStatuses = ['added', 'modified', 'deleted', 'renamed', 'type_changed'] as const;

/** Since the chat's first turn in this repository, since the start of a turn, or since the last commit. */
export const since = z
  .string()
  .regex(
    /^(?:start|head|turn:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/,
    'must be start, head, or turn: with the id of a turn',
  )
  .meta({ id: 'ChangesSince' });
export type Since = z.infer<typeof since>;

const shown = {
  /** Relative to the top of the working tree. What is not UTF-8 in it is replaced. */
  path: z.string(),
  /** The path in base64url, only if it is not UTF-8. */
  pathBytes: z.string().optional(),
};
export interface ShownPath {
  path: string;
  pathBytes?: string;
}

export const changedFile = z
  .object({
    ...shown,
    /** Only of a renamed file. */
    oldPath: z.string().optional(),
    oldPathBytes: z.string().optional(),
    status: z.enum(changeStatuses),
    /** Lines; null of a binary file, a submodule, or where too many files have changed for them to be counted. */
    added: z.int().nullable(),
    removed: z.int().nullable(),
    /** Binary, or larger than 10 MB. */
    isBinary: z.boolean(),
    isSubmodule: z.boolean(),
    /** Names what is in the file now: the same name, the same content. Null if it was deleted. */
    content: z.string().nullable(),
  })
  .meta({ id: 'ChangedFile' });
export type ChangedFile = z.infer<typeof changedFile>;

const leftOut = z.object({ ...shown, bytes: z.int(), reason: z.enum(['too_large', 'unreadable']) });
export type LeftOut = ShownPath & { bytes: number; reason: 'too_large' | 'unreadable' };

export const changesBase = z.object({
  /** The commit that was checked out; null if there was none. */
  commit: z.string().nullable(),
  /** When that state was recorded, and at the start of which turn; null for the last commit. */
  takenAt: z.iso.datetime().nullable(),
  turnId: z.uuid().nullable(),
});

export const changeList = z
  .object({
    chatId: z.uuid(),
    since,
    /** The top of the working tree, on the chat's host. */
    root: z.string(),
    base: changesBase,
    /** Names the state that was compared with it, for the diffs of these files. */
    tree: z.string(),
    files: z.array(changedFile),
    /** How many files have changed. */
    count: z.int(),
    /** There are more than listed, and lines were not counted. */
    isTruncated: z.boolean(),
    /** Files that were too large to be compared, now or then, or could not be read. */
    leftOut: z.array(leftOut),
  })
  .meta({ id: 'ChangeList' });
export type ChangeList = z.infer<typeof changeList>;

export const changeDiff = z
  .object({
    chatId: z.uuid(),
    since,
    base: changesBase,
    tree: z.string(),
    /** The file that was asked for; null if it has not changed, or if all were asked for. */
    file: changedFile.nullable(),
    /** A unified diff in git's format; '' if there is nothing to show. */
    diff: z.string(),
    /** The end is missing. */
    isTruncated: z.boolean(),
    /** It contains something that is not UTF-8, which was replaced. */
    isLossy: z.boolean(),
  })
  .meta({ id: 'ChangeDiff' });
export type ChangeDiff = z.infer<typeof changeDiff>;

export interface DiffQuery {
  since?: Since | undefined;
  /** All files without it. */
  path?: string | undefined;
  /** Instead of `path`, for one that is not UTF-8. */
  pathBytes?: string | undefined;
  /** Of the list, to compare exactly what it shows. */
  tree?: string | undefined;
}
