/** Whose a chat is, and who else may see it. */
import { z } from 'zod';

/** `team`: everybody with a role on the server sees it, and members take part. */
export const visibilities = ['private', 'team'] as const;
export type Visibility = (typeof visibilities)[number];
/** A `participant` prompts, decides and opens terminals, unless a viewer here; a `reader` only reads. */
export const shareAccesses = ['reader', 'participant'] as const;
export type ShareAccess = (typeof shareAccesses)[number];

const person = z.object({ id: z.string(), name: z.string() });

export const chatSharing = z
  .object({
    /** Its id is `owner` if it is the server's owner. */
    owner: person,
    visibility: z.enum(visibilities),
    items: z.array(z.object({ person, access: z.enum(shareAccesses) })),
    /** What whoever asks may do. Owners of the server own every chat. */
    yours: z.enum(['own', ...shareAccesses]),
  })
  .meta({ id: 'ChatSharing' });
export type ChatSharing = z.infer<typeof chatSharing>;

export const shareChat = z
  .strictObject({ person: z.string().trim().min(1).max(200), access: z.enum(shareAccesses).default('reader') })
  .meta({ id: 'ShareChat' });
export type ShareChat = z.input<typeof shareChat>;

export const setVisibility = z.strictObject({ visibility: z.enum(visibilities) }).meta({ id: 'SetVisibility' });
