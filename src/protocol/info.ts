import { z } from 'zod';
import { agentNames, backendNames } from './chat.ts';

export const backendInfo = z
  .object({
    name: z.enum(backendNames),
    agent: z.enum(agentNames),
    available: z.boolean(),
    /** Why it is unavailable, and what to do; null if it is available. */
    reason: z.string().nullable(),
    capabilities: z.object({ deltas: z.boolean(), terminal: z.boolean(), images: z.boolean() }),
  })
  .meta({ id: 'BackendInfo' });
export type BackendInfo = z.infer<typeof backendInfo>;

export const info = z
  .object({
    name: z.literal('boocode'),
    version: z.string(),
    hostId: z.uuid(),
    /** True if answers come from the scripted demo model instead of a real one. */
    demo: z.boolean(),
    defaultBackend: z.enum(backendNames),
    backends: z.array(backendInfo),
    /** Chats with a live agent process on this host. */
    warmChats: z.int(),
    startedAt: z.iso.datetime(),
  })
  .meta({ id: 'Info' });
export type Info = z.infer<typeof info>;

const sentences = {
  starting: 'The server is starting.',
  stopping: 'The server is shutting down.',
  database_unreachable: 'The database does not answer.',
  database_read_only: 'The database accepts no writes: it is read-only.',
  database_full: 'The database accepts no writes: its disk is full.',
  database_refuses: 'The database accepts no writes.',
  leases_expired:
    'The database did not answer for so long that every chat was released; they will be taken up again shortly.',
} as const;
/** Why the server cannot serve now. */
export type HealthReason = keyof typeof sentences;
export const healthReasons = Object.keys(sentences) as [HealthReason, ...HealthReason[]];

export const health = z
  .object({
    name: z.literal('boocode'),
    status: z.enum(['ok', 'unavailable']),
    /** Why not; missing if all is well. */
    reason: z.enum(healthReasons).optional(),
    /** The same as a sentence for people. */
    message: z.string().optional(),
  })
  .meta({ id: 'Health' });
export type Health = z.infer<typeof health>;

export function unavailable(reason: HealthReason): Health {
  return { name: 'boocode', status: 'unavailable', reason, message: sentences[reason] };
}

export const signIn = z.strictObject({ code: z.string().min(1).max(200) }).meta({ id: 'SignIn' });
export const signInLink = z
  .object({
    /** Opens the page and signs it in: once, until it expires. */
    url: z.string(),
    expiresAt: z.iso.datetime(),
    /** True if only the server's own machine can open it: the server has no address that works from outside. */
    loopback: z.boolean(),
  })
  .meta({ id: 'SignInLink' });
export type SignInLink = z.infer<typeof signInLink>;

export const signInResult = z.object({ token: z.string() }).meta({ id: 'SignInResult' });
