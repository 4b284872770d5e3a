import { z } from 'zod';
import { registeredName } from './chat.ts';

export const hostStates = ['up', 'silent'] as const;

export const hostInfo = z
  .object({
    id: z.uuid(),
    /** Of its machine. */
    name: z.string(),
    /** Where other hosts reach it; null if it serves only its own chats. */
    address: z.string().nullable(),
    version: z.string(),
    /** `silent`: there was no heartbeat for a while. It may be gone, frozen, or without its database. */
    state: z.enum(hostStates),
    /** True for the one that answers. */
    isThis: z.boolean(),
    startedAt: z.iso.datetime(),
    /** Its last heartbeat; null for a version without one. */
    seenAt: z.iso.datetime().nullable(),
    /** Backends that can run there. */
    backends: z.array(registeredName),
    /** The paths and remotes that its setting `workspaces` maps to a directory which existed there when it started. */
    workspaces: z.array(z.string()),
    /** Chats that it holds. */
    chats: z.int(),
    /** Those of them whose agent process is alive. */
    warmChats: z.int(),
    /** Of its machine, or its container. 0 if unknown. */
    memoryBytes: z.int(),
    freeMemoryBytes: z.int(),
  })
  .meta({ id: 'HostInfo' });
export type HostInfo = z.infer<typeof hostInfo>;

export const hostList = z.object({ items: z.array(hostInfo) }).meta({ id: 'HostList' });
export type HostList = z.infer<typeof hostList>;
