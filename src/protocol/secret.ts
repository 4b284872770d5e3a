/** Environment variables for chats' agents, whose values nobody is shown again. */
import { z } from 'zod';

export const secretName = z
  .string()
  .max(128)
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the name of an environment variable: letters, digits and _');

export const secretLimits = { least: 8, most: 32_768, perPerson: 200, perChat: 50 } as const;

/** Never repeated in an answer, and in no refusal. */
const secretValue = z
  .string()
  .min(
    secretLimits.least,
    `must have at least ${secretLimits.least} characters: a shorter one could not be told from other text`,
  )
  .max(secretLimits.most)
  .refine((text) => !text.includes('\0'), 'must not contain a NUL character')
  .refine((text) => !/\p{Surrogate}/u.test(text), 'must be valid text')
  .refine((text) => text.trim().length >= secretLimits.least, 'must not be mostly blank');

export const setSecret = z
  .strictObject({
    name: secretName,
    value: secretValue,
    /** For all chats in this directory of the server, and below it. Without it the secret is the caller's own. */
    directory: z.string().min(1).max(4096).optional(),
  })
  .meta({ id: 'SetSecret' });
export type SetSecret = z.infer<typeof setSecret>;

export const secret = z
  .object({
    id: z.uuid(),
    name: z.string(),
    /** Whose it is: a person's id; null for a directory's. */
    personId: z.string().nullable(),
    personName: z.string().nullable(),
    /** Null for a person's. */
    directory: z.string().nullable(),
    setAt: z.iso.datetime(),
    setBy: z.string(),
    /** When an agent was last started with it. */
    lastUsedAt: z.iso.datetime().nullable(),
    /** How many chats have it on their list; 0 for a directory's. */
    chats: z.int(),
    /** Whether the host that answers has the key to it. */
    isReadable: z.boolean(),
  })
  .meta({ id: 'Secret' });
export type Secret = z.infer<typeof secret>;
export const secretList = z.object({ items: z.array(secret) }).meta({ id: 'SecretList' });

export const useSecret = z.strictObject({ name: secretName }).meta({ id: 'UseSecret' });
export type UseSecret = z.infer<typeof useSecret>;

export const rekeyedSecrets = z
  .object({
    /** How many have another ciphertext now. */
    secrets: z.int(),
    /** The file that has the key now. */
    keyFile: z.string(),
  })
  .meta({ id: 'RekeyedSecrets' });
export type RekeyedSecrets = z.infer<typeof rekeyedSecrets>;
export const rekeySecrets = z
  .strictObject({
    /** Without it the first key of the file is used: one that was put there by hand, on all hosts. */
    freshKey: z.boolean(),
  })
  .meta({ id: 'RekeySecrets' });
export type RekeySecrets = z.infer<typeof rekeySecrets>;
