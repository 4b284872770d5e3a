/** People, their access tokens, and invitations. */
import { z } from 'zod';
import { principal, roles } from './principal.ts';

/** What `by` says where no person is known, or the server's owner. */
const takenNames = ['owner', 'agent', 'host', 'terminal', 'somebody'];

/** Shown beside what the person does. */
export const personName = z
  .string()
  .trim()
  .normalize('NFC')
  .min(1)
  .max(64)
  .regex(
    /^[\p{L}\p{N}][\p{L}\p{M}\p{N} ._'@+-]*$/u,
    "must start with a letter or digit, and have only these, spaces and ._'@+-",
  )
  .refine((name) => !takenNames.includes(name.toLowerCase()), 'is a name that has a meaning already');

/** For people, to tell tokens apart. */
export const tokenName = z
  .string()
  .trim()
  .min(1)
  .max(64)
  .regex(/^[^\p{C}\p{Zl}\p{Zp}]*$/u, 'must not contain control characters');

export const tokenKinds = ['token', 'browser'] as const;
const role = z.enum(roles);

export const person = z
  .object({
    /** A UUID; `owner` for the server's owner, who is always there. */
    id: z.string(),
    name: z.string(),
    role,
    createdAt: z.iso.datetime().nullable(),
    /** The name of who added them; null for the server's owner. */
    createdBy: z.string().nullable(),
    /** Of their tokens. Null: never, or only by the server's own token. */
    lastUsedAt: z.iso.datetime().nullable(),
    /** How many valid tokens they have, those of browsers included. */
    tokens: z.int(),
  })
  .meta({ id: 'Person' });
export type Person = z.infer<typeof person>;
export const personList = z.object({ items: z.array(person) }).meta({ id: 'PersonList' });

export const addPerson = z.strictObject({ name: personName, role }).meta({ id: 'AddPerson' });
export type AddPerson = z.infer<typeof addPerson>;

export const patchPerson = z.strictObject({ role }).meta({ id: 'PatchPerson' });
export type PatchPerson = z.infer<typeof patchPerson>;

export const accessToken = z
  .object({
    id: z.uuid(),
    /** Whose it is: the id and the name of a person. */
    personId: z.string(),
    personName: z.string(),
    name: z.string(),
    /** `browser`: made when a browser signed in. */
    kind: z.enum(tokenKinds),
    /** What it allows: never more than the person's role. */
    role,
    createdAt: z.iso.datetime(),
    createdBy: z.string(),
    /** Null: it does not expire. */
    expiresAt: z.iso.datetime().nullable(),
    /** It also ends when it was not used for so many days. */
    idleDays: z.int().nullable(),
    /** To the minute; null if it was never used. */
    lastUsedAt: z.iso.datetime().nullable(),
    /** The request was made with it. */
    isThis: z.boolean(),
  })
  .meta({ id: 'AccessToken' });
export type AccessToken = z.infer<typeof accessToken>;
export const accessTokenList = z.object({ items: z.array(accessToken) }).meta({ id: 'AccessTokenList' });

const maxSeconds = 10 * 366 * 86_400;
const expiresInSeconds = z.int().min(60).max(maxSeconds);

export const createAccessToken = z
  .strictObject({
    name: tokenName,
    /** The caller's own role by default, or the person's. */
    role: role.optional(),
    expiresInSeconds: expiresInSeconds.optional(),
    /** The id of the person whose token it is; the caller by default. Only owners may name others. */
    personId: z.union([z.uuid().toLowerCase(), z.literal('owner')]).optional(),
  })
  .meta({ id: 'CreateAccessToken' });
export type CreateAccessToken = z.infer<typeof createAccessToken>;

/** With the secret, which is shown only now. */
export const createdToken = accessToken.extend({ token: z.string() }).meta({ id: 'CreatedToken' });
export type CreatedToken = z.infer<typeof createdToken>;

export const me = z
  .object({
    principal,
    /** What the request was made with; null for the server's own token. */
    token: accessToken.nullable(),
  })
  .meta({ id: 'Me' });
export type Me = z.infer<typeof me>;

export const createInvite = z
  .strictObject({
    /** Whoever uses it chooses a name if none is given. */
    name: personName.optional(),
    role,
    /** A week by default. */
    expiresInSeconds: z
      .int()
      .min(60)
      .max(30 * 86_400)
      .optional(),
  })
  .meta({ id: 'CreateInvite' });
export type CreateInvite = z.infer<typeof createInvite>;

export const invite = z
  .object({
    id: z.uuid(),
    name: z.string().nullable(),
    role,
    createdAt: z.iso.datetime(),
    createdBy: z.string(),
    expiresAt: z.iso.datetime(),
  })
  .meta({ id: 'Invite' });
export type Invite = z.infer<typeof invite>;
export const inviteList = z.object({ items: z.array(invite) }).meta({ id: 'InviteList' });

/** With the link, which is shown only now. */
export const createdInvite = invite
  .extend({
    url: z.string(),
    /** True if only the server's own machine can open it. */
    loopback: z.boolean(),
  })
  .meta({ id: 'CreatedInvite' });
export type CreatedInvite = z.infer<typeof createdInvite>;

export const acceptInvite = z
  .strictObject({
    code: z.string().min(1).max(200),
    /** Needed if the invitation names nobody. */
    name: personName.optional(),
  })
  .meta({ id: 'AcceptInvite' });
export type AcceptInvite = z.infer<typeof acceptInvite>;

export const acceptedInvite = z.object({ token: z.string(), principal }).meta({ id: 'AcceptedInvite' });
export type AcceptedInvite = z.infer<typeof acceptedInvite>;
