/** Taking back what was said after a prompt, what was changed in files since, or both. */
import { z } from 'zod';
import { changedFile } from './changes.ts';
import { promptId } from './prompt.ts';

export const rewindParts = ['conversation', 'files', 'both'] as const;
export type RewindPart = (typeof rewindParts)[number];

interface Asked {
  what?: RewindPart | undefined;
  undo?: string | undefined;
}

export const rewindChat = z
  .strictObject({
    /**
     * The prompt to go back to before. Without one, the conversation goes back to before the one since which it is too long
     * for the model.
     */
    before: promptId.optional(),
    what: z.enum(rewindParts).optional(),
    /** Instead: the rewind of files to undo. */
    undo: z.uuid().optional(),
    /** Only say what would change. */
    dryRun: z.boolean().optional(),
    /** Of the dry run: if files have changed since, nothing is rewound. */
    tree: z
      .string()
      .regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/, 'must be the tree of a dry run')
      .optional(),
  })
  .refine(({ before, undo }) => before === undefined || undo === undefined, {
    path: ['undo'],
    message: 'must not be given together with before',
  })
  .refine(({ what, undo }) => undo === undefined || (what ?? 'files') === 'files', {
    path: ['what'],
    message: 'must be files where a rewind is undone',
  })
  .refine(({ before, undo, what }) => before !== undefined || undo !== undefined || !rewindsFiles({ what }), {
    path: ['before'],
    message: 'must name the prompt to rewind files to',
  })
  .refine(({ tree, what, undo }) => tree === undefined || rewindsFiles({ what, undo }), {
    path: ['tree'],
    message: 'must only be given where files are rewound',
  })
  .meta({ id: 'RewindChat' });
export type RewindChat = z.infer<typeof rewindChat>;

export function rewindsFiles({ what, undo }: Asked): boolean {
  return what === 'files' || what === 'both' || undo !== undefined;
}

export function rewindsConversation({ what, undo }: Asked): boolean {
  return what !== 'files' && undo === undefined;
}

/** Why a file stays as it is. */
export const keptReasons = [
  'too_large', // over 50 MB, now or then
  'unreadable', // now or then
  'submodule', // in one, or one itself
  'filtered', // a filter such as that of Git LFS makes its content
  'ignored', // by git, now or then, so that its content is not recorded
  'older', // than the state that it would be removed for: something ignored it then
  'outside', // of what a sparse checkout has checked out
  'elsewhere', // not in the chat's directory, or in a git directory
  'no_backup', // the agent's own backup of it is missing, too large to be one, or is another one by now
  'in_the_way', // something that is not recorded is in its place
  'changed', // while files were rewound
  'failed', // it could not be written
] as const;
export type KeptReason = (typeof keptReasons)[number];

const keptFile = z.object({
  path: z.string(),
  /** The path in base64url, only if it is not UTF-8. */
  pathBytes: z.string().optional(),
  reason: z.enum(keptReasons),
});
export type KeptFile = z.infer<typeof keptFile>;

export const filesRewind = z
  .object({
    /** Names the rewind, to undo it; null in a dry run, and if no file had to change. */
    rewindId: z.uuid().nullable(),
    /** The top of the working tree, on the chat's host. */
    root: z.string(),
    /** When the state that it goes back to was recorded. */
    takenAt: z.iso.datetime(),
    /**
     * `tree`: every file of the repository, whoever changed it. `edits`: without a repository, only files that the agent
     * has edited with its own tools. What commands, sub-agents and people have changed in others is not known, and stays.
     */
    covers: z.enum(['tree', 'edits']),
    /** Names the state of the files: the present one, after the rewind that of then. */
    tree: z.string(),
    /** What the rewind does: `added` files come back, `deleted` ones are removed. */
    files: z.array(changedFile),
    count: z.int(),
    /** There are more than listed, and lines were not counted. */
    isTruncated: z.boolean(),
    /** Files that stay as they are, at most a thousand. Those that git ignores are not listed. */
    kept: z.array(keptFile),
    keptCount: z.int(),
    /** Only for `edits`: those of the files that were written after the last turn had ended, by people, say. */
    writtenSince: z.array(z.string()),
    /** Commits made since, which stay; null if another history is checked out. */
    commits: z.int().nullable(),
    /** Other chats that work in these files right now. Files are not rewound until they are done. */
    workingChats: z.array(z.object({ chatId: z.uuid(), title: z.string() })),
  })
  .meta({ id: 'FilesRewind' });
export type FilesRewind = z.infer<typeof filesRewind>;

export const rewindResult = z
  .object({
    /** The prompts that were taken back, or would be, oldest first. */
    promptIds: z.array(z.string()),
    /** Null if only the conversation is rewound. */
    files: filesRewind.nullable(),
  })
  .meta({ id: 'RewindResult' });
export type RewindResult = z.infer<typeof rewindResult>;
