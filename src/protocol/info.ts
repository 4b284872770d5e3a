import { z } from 'zod';
import { permissionModes, registeredName } from './chat.ts';
import { type StorageTrouble, troubleAdvice } from './storage-trouble.ts';

export const backendInfo = z
  .object({
    name: registeredName,
    agent: registeredName,
    /** For people, in the middle of a sentence. */
    label: z.string(),
    /** Why to choose it, in a few words. */
    hint: z.string(),
    available: z.boolean(),
    /** Why it is unavailable, and what to do; null if it is available. */
    reason: z.string().nullable(),
    capabilities: z.object({
      deltas: z.boolean(),
      terminal: z.boolean(),
      images: z.boolean(),
      /** Decisions outlive the process that asked, and their answers take effect on the calls in question. */
      durableDecisions: z.boolean(),
      /** A turn that its host did not survive can continue by itself: see the chat's `onInterrupted`. */
      continuesTurns: z.boolean(),
    }),
  })
  .meta({ id: 'BackendInfo' });
export type BackendInfo = z.infer<typeof backendInfo>;

export const agentInfo = z
  .object({
    name: registeredName,
    /** For people. */
    label: z.string(),
    permissionModes: z.array(z.enum(permissionModes)),
    /** Names to offer: others may work, too. */
    models: z.array(z.string()),
    /** Whether its sessions that were started elsewhere can become chats. */
    imports: z.boolean(),
    /** Whether there is something to sign in to. */
    signIn: z.boolean(),
  })
  .meta({ id: 'AgentInfo' });
export type AgentInfo = z.infer<typeof agentInfo>;

export const info = z
  .object({
    name: z.literal('boocode'),
    version: z.string(),
    hostId: z.uuid(),
    /** True if answers come from the scripted demo model instead of a real one. */
    demo: z.boolean(),
    defaultBackend: registeredName,
    backends: z.array(backendInfo),
    /** The first one answers in chats that name none. */
    agents: z.array(agentInfo),
    /** Chats whose agent process is alive on this host. */
    warmChats: z.int(),
    /** Agents that start on this host just now. */
    startingAgents: z.int(),
    /** Chats whose agents wait for their turn to start, or for memory: see the chat's `waitsFor`. */
    waitingStarts: z.int(),
    startedAt: z.iso.datetime(),
  })
  .meta({ id: 'Info' });
export type Info = z.infer<typeof info>;

const sentences = {
  starting: 'The server is starting.',
  stopping: 'The server is shutting down.',
  draining: 'The server hands its chats over, and takes none.',
  database_unreachable: troubleAdvice('unreachable'),
  database_slow: troubleAdvice('slow'),
  database_no_connections: troubleAdvice('no_connections'),
  database_read_only: troubleAdvice('read_only'),
  database_full: troubleAdvice('full'),
  database_refuses: troubleAdvice('refuses'),
  leases_expired:
    'The database did not answer for so long that every chat was released; they will be taken up again shortly.',
} as const satisfies Record<
  `database_${StorageTrouble}` | 'starting' | 'stopping' | 'draining' | 'leases_expired',
  string
>;
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

/** Beside links and tokens. */
export const signInWays = z
  .object({
    /** The identity provider, by its host; null if there is none. */
    singleSignOn: z.object({ name: z.string() }).nullable(),
    /** Whether anybody has a passkey. */
    passkeys: z.boolean(),
  })
  .meta({ id: 'SignInWays' });
export type SignInWays = z.infer<typeof signInWays>;

export const signInResult = z.object({ token: z.string() }).meta({ id: 'SignInResult' });
