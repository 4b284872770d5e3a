import { z } from 'zod';

export const fileChanges = ['same', 'added', 'changed', 'removed'] as const;

const trustFile = z.object({
  /** Relative to the directory. */
  path: z.string(),
  /** Since the directory was last trusted. */
  change: z.enum(fileChanges),
  /** Its text when it was trusted, if it differs now; null if it was not text, or too long. */
  before: z.string().nullable(),
  /** Its text now; null if it is gone, not text, or too long. */
  after: z.string().nullable(),
});
export type TrustFile = z.infer<typeof trustFile>;

export const chatTrust = z
  .object({
    chatId: z.uuid(),
    /** The chat wants its directory's settings, hooks, servers, commands and skills. */
    trusted: z.boolean(),
    /** The current content is what was trusted: it is loaded in chats that want it. */
    holds: z.boolean(),
    /** The real path of the directory. */
    path: z.string(),
    /** Of everything the directory would make the agent load or run, as it is now. */
    digest: z.string(),
    /** When the content that `files` is compared with was trusted; null if none was. */
    trustedAt: z.iso.datetime().nullable(),
    files: z.array(trustFile),
  })
  .meta({ id: 'ChatTrust' });
export type ChatTrust = z.infer<typeof chatTrust>;

export const giveTrust = z
  .strictObject({
    /** What was reviewed. If the content has changed since, it is a conflict. */
    digest: z.string().regex(/^[0-9a-f]{64}$/, 'must be a digest of GET …/trust'),
  })
  .meta({ id: 'GiveTrust' });
export type GiveTrust = z.infer<typeof giveTrust>;
