/** What has changed in the working tree of a chat's directory. */
import { z } from 'zod';
import { unfinished } from './unfinished.ts';

/** Why changes cannot be told: `reason` of the error `changes_unavailable`. */
export const changesProblems = [
  'no_repository',
  'bare_repository',
  'no_working_tree',
  'outside_roots', // the repository, or its git directory, is not in the directories that the server works in
  'directory_missing',
  'no_snapshot', // that state was not recorded
  'too_slow', // reading the working tree took too long
  'git_failed',
] as const;
export type ChangesProblem = (typeof changesProblems)[number];

/** Why nothing was staged, discarded or committed: `reason` of the error `change_refused`. */
export const changeRefusals = [
  'changed_since', // it is not what the person has seen
  'unknown_tree', // what the person has seen is not kept any more: list the changes again
  'not_changed', // there is nothing to discard
  'not_possible', // such a file cannot be discarded, or not by hunks
  'unknown_undo', // there is nothing to give back under this name, or not any more
  'nothing_staged',
  'index_locked', // another git works with the index, or one that was ended left its lock behind
  'conflicts', // there are conflicts that nobody has resolved
  'in_progress', // a merge or rebase, say, is not finished; `operation` names it
  'untrusted', // it would run what the repository configures, and the directory is not trusted
  'identity_missing', // git does not know who commits
  'hook_refused', // a hook of the repository, or what signs its commits, has refused
  'git_failed',
] as const;
export type ChangeRefusal = (typeof changeRefusals)[number];

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

export const changedBy = z
  .object({
    /** Turns of these chats have changed it. */
    chats: z.array(z.uuid()),
    /** Turns of these ran at the same time: it was at least one of them. */
    either: z.array(z.uuid()),
    /** It changed while no turn of any chat ran in this working tree: a person did, or a program. */
    people: z.boolean(),
    /** Some of it cannot be told. */
    unknown: z.boolean(),
  })
  .meta({ id: 'ChangedBy' });
export type ChangedBy = z.infer<typeof changedBy>;

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
    /** Names what is in the file now: the same name, the same content. Null if it was deleted, or is ignored. */
    content: z.string().nullable(),
    /** What of it is staged; only since `head`. */
    staged: z.enum(['none', 'part', 'all']).optional(),
    /** Only if it was asked for. */
    by: changedBy.optional(),
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
    /** Staged, while the working tree has it as in the last commit; only since `head`. */
    onlyStaged: z.array(z.object(shown)).optional(),
    /** Only if they were asked for: files that the repository ignores; a directory of them ends with a slash. */
    ignored: z.object({ files: z.array(z.object(shown)), isTruncated: z.boolean() }).optional(),
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
    /** The diff in base64, only if it is not UTF-8. */
    diffBytes: z.string().optional(),
  })
  .meta({ id: 'ChangeDiff' });
export type ChangeDiff = z.infer<typeof changeDiff>;

/** Something has changed: the files, what is staged, or the commit. */
export const changesNews = z
  .object({
    /** Of the working tree, to be compared with that of a list; null if it cannot be read. */
    tree: z.string().nullable(),
  })
  .meta({ id: 'ChangesNews' });
export type ChangesNews = z.infer<typeof changesNews>;

export interface DiffQuery {
  since?: Since | undefined;
  /** All files without it. */
  path?: string | undefined;
  /** Instead of `path`, for one that is not UTF-8. */
  pathBytes?: string | undefined;
  /** Of the list, to compare exactly what it shows. */
  tree?: string | undefined;
  /** A file that the repository ignores is shown as if it were new. */
  ignored?: boolean | undefined;
}

const filePath = z
  .string()
  .min(1)
  .max(4096)
  .refine((value) => !value.includes('\u0000'), 'must not contain a NUL character');
const pathBytes = z.string().regex(/^[\w-]{2,8192}$/, 'must be a pathBytes of GET …/changes');

/** A file as the list names it. `pathBytes` counts if both are given. */
const fileNamed = {
  path: filePath.optional(),
  pathBytes: pathBytes.optional(),
};
const isNamed = ({ path, pathBytes: bytes }: { path?: string | undefined; pathBytes?: string | undefined }): boolean =>
  path !== undefined || bytes !== undefined;
const mustBeNamed = { path: ['path'], message: 'must be given, or pathBytes' };
const files = z.array(
  z
    .strictObject({
      ...fileNamed,
      /** Of a renamed file: it goes with it. */
      oldPath: filePath.optional(),
      oldPathBytes: pathBytes.optional(),
    })
    .refine(isNamed, mustBeNamed),
);
const maxFilesAtOnce = 3_000;
const treeName = z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/, 'must be a tree of GET …/changes');

export const stageChanges = z.strictObject({ paths: files.min(1).max(maxFilesAtOnce) }).meta({ id: 'StageChanges' });
export type StageChanges = z.infer<typeof stageChanges>;
export type NamedFile = StageChanges['paths'][number];

/** How many paths were named, the old ones of renamed files too. */
export const stagedChanges = z.object({ chatId: z.uuid(), count: z.int() }).meta({ id: 'StagedChanges' });
export type StagedChanges = z.infer<typeof stagedChanges>;

export const discardChange = z
  .strictObject({
    ...fileNamed,
    since: since.default('head'),
    /** Of the list or the diff that the person has seen. */
    tree: treeName,
    /** The `base.commit` of that list or diff; needed for hunks since `head`. */
    base: treeName.nullable().optional(),
    /** Which hunks of that diff, from 0; without them the whole file. */
    hunks: z.array(z.int().min(0).max(100_000)).min(1).max(10_000).optional(),
  })
  .refine(isNamed, mustBeNamed)
  .refine((body) => body.hunks === undefined || body.since !== 'head' || body.base !== undefined, {
    path: ['base'],
    message: 'must be given with hunks since head',
  })
  .meta({ id: 'DiscardChange' });
export type DiscardChange = z.infer<typeof discardChange>;

export const discardedChange = z
  .object({
    chatId: z.uuid(),
    /** Gives back what was discarded. */
    undo: z.uuid(),
  })
  .meta({ id: 'DiscardedChange' });
export type DiscardedChange = z.infer<typeof discardedChange>;

export const undoDiscard = z.strictObject({ undo: z.uuid() }).meta({ id: 'UndoDiscard' });
export type UndoDiscard = z.infer<typeof undoDiscard>;

/** The files that are again as they were. */
export const undoneDiscard = z
  .object({ chatId: z.uuid(), files: z.array(z.object(shown)) })
  .meta({ id: 'UndoneDiscard' });
export type UndoneDiscard = z.infer<typeof undoneDiscard>;

export const commitChanges = z
  .strictObject({
    message: z
      .string()
      .max(32_000)
      .refine((text) => text.trim() !== '', 'must not be empty')
      .refine((text) => !text.includes('\u0000'), 'must not contain a NUL character'),
    /** Exactly these files as they are now, whatever is staged of others; without them what is staged. */
    paths: files.min(1).max(maxFilesAtOnce).optional(),
    /** Everything that has changed, new files too. */
    all: z.boolean().optional(),
    /** Commits although this is not finished. */
    during: z.enum(unfinished).optional(),
  })
  .refine(({ paths, all }) => paths === undefined || all !== true, {
    path: ['all'],
    message: 'must not be given together with paths',
  })
  .meta({ id: 'CommitChanges' });
export type CommitChanges = z.infer<typeof commitChanges>;

export const committedChanges = z
  .object({
    chatId: z.uuid(),
    commit: z.string(),
    /** Null with a detached HEAD. */
    branch: z.string().nullable(),
    subject: z.string(),
    /** What the repository configures and was not run, because its directory is not trusted: hooks by name, `signature`. */
    skipped: z.array(z.string()),
  })
  .meta({ id: 'CommittedChanges' });
export type CommittedChanges = z.infer<typeof committedChanges>;
