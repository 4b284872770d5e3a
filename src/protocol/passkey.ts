/** Passkeys: made and used by browsers, in the JSON form of the WebAuthn standard, with binary parts in base64url. */
import { z } from 'zod';
import { tokenName } from './people.ts';
import { roles } from './principal.ts';

const base64url = (maxLength: number) =>
  z
    .string()
    .min(1)
    .max(maxLength)
    .regex(/^[\w-]+$/, 'must be base64url');

export const passkey = z
  .object({
    id: z.uuid(),
    /** Whose it is: the id and the name of a person. */
    personId: z.string(),
    personName: z.string(),
    name: z.string(),
    /** The host of the address that it signs in at. */
    site: z.string(),
    /** What its sessions allow: never more than the person's role. */
    role: z.enum(roles),
    createdAt: z.iso.datetime(),
    /** Null if it was never used. */
    lastUsedAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Passkey' });
export type Passkey = z.infer<typeof passkey>;
export const passkeyList = z.object({ items: z.array(passkey) }).meta({ id: 'PasskeyList' });

/** For `PublicKeyCredential.parseCreationOptionsFromJSON` or `parseRequestOptionsFromJSON`. */
export const passkeyQuestion = z
  .object({ publicKey: z.record(z.string(), z.unknown()) })
  .meta({ id: 'PasskeyQuestion' });
export type PasskeyQuestion = z.infer<typeof passkeyQuestion>;

const credentialId = base64url(1400);

export const addPasskey = z
  .strictObject({
    name: tokenName,
    credential: z.strictObject({
      id: credentialId,
      response: z.strictObject({ clientDataJSON: base64url(4000), attestationObject: base64url(20_000) }),
    }),
  })
  .meta({ id: 'AddPasskey' });
export type AddPasskey = z.infer<typeof addPasskey>;

export const signInWithPasskey = z
  .strictObject({
    credential: z.strictObject({
      id: credentialId,
      response: z.strictObject({
        clientDataJSON: base64url(4000),
        authenticatorData: base64url(4000),
        signature: base64url(4000),
        userHandle: base64url(200),
      }),
    }),
  })
  .meta({ id: 'SignInWithPasskey' });
export type SignInWithPasskey = z.infer<typeof signInWithPasskey>;
