/** A link by which anybody reads one chat, without an account. */
import { z } from 'zod';

export const maxLinkSeconds = 366 * 86_400;
const usualLinkSeconds = 7 * 86_400;

export const createShareLink = z
  .strictObject({
    expiresInSeconds: z.int().min(60).max(maxLinkSeconds).default(usualLinkSeconds),
    /** The seq of the last event that is shown. Without it the chat is shown as it goes on. */
    until: z.int().min(1).optional(),
  })
  .meta({ id: 'CreateShareLink' });
export type CreateShareLink = z.input<typeof createShareLink>;

export const shareLink = z
  .object({
    id: z.uuid(),
    /** Its id is `owner` if it is the server's owner. */
    createdBy: z.object({ id: z.string(), name: z.string() }),
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime(),
    until: z.int().nullable(),
    /** To the minute; null if nobody has opened it yet. */
    lastUsedAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'ShareLink' });
export type ShareLink = z.infer<typeof shareLink>;

export const shareLinkList = z.object({ items: z.array(shareLink) }).meta({ id: 'ShareLinkList' });

export const createdShareLink = z
  .object({
    ...shareLink.shape,
    /** Shown only now: the server keeps a digest of its secret, which is in the fragment. */
    url: z.string(),
    /** It only works on the server's own machine. */
    loopback: z.boolean(),
  })
  .meta({ id: 'CreatedShareLink' });
export type CreatedShareLink = z.infer<typeof createdShareLink>;

/** What whoever has a link is told of the chat, besides its events. */
export const sharedChat = z
  .object({
    title: z.string().nullable(),
    expiresAt: z.iso.datetime(),
    /** The last event that is shown; null if the chat can be followed. */
    until: z.int().nullable(),
  })
  .meta({ id: 'SharedChat' });
export type SharedChat = z.infer<typeof sharedChat>;
