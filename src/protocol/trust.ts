import { z } from 'zod';

export const fileChanges = ['same', 'added', 'changed', 'removed'] as const;

const trustFile = z.object({
  /** As seen from the directory. */
  path: z.string(),
  /** Since the directory was last trusted. */
  change: z.enum(fileChanges),
  /** Its text when it was trusted, where it is another now; null where it was no text, or a long one. */
  before: z.string().nullable(),
  /** Its text now; null where it is gone, no text, or a long one. */
  after: z.string().nullable(),
});
export type TrustFile = z.infer<typeof trustFile>;

export const chatTrust = z
  .object({
    chatId: z.uuid(),
    /** The chat wants its directory's settings, hooks, servers, commands and skills. */
    trusted: z.boolean(),
    /** What stands there now is what was trusted: it is loaded in chats that want it. */
    holds: z.boolean(),
    /** The real path of the directory. */
    path: z.string(),
    /** Of all that the directory would have the agent load or run, as it is now. */
    digest: z.string(),
    /** When the content that `files` is compared with was trusted; null where none was. */
    trustedAt: z.iso.datetime().nullable(),
    files: z.array(trustFile),
  })
  .meta({ id: 'ChatTrust' });
export type ChatTrust = z.infer<typeof chatTrust>;

export const giveTrust = z
  .strictObject({
    /** What was looked at. If something else stands there by now, it is a conflict. */
    digest: z.string().regex(/^[0-9a-f]{64}$/, 'must be a digest of GET …/trust'),
  })
  .meta({ id: 'GiveTrust' });
export type GiveTrust = z.infer<typeof giveTrust>;
