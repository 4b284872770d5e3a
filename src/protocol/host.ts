import { z } from 'zod';
import { chatStates, registeredName, runningChoices } from './chat.ts';

export const hostStates = ['up', 'draining', 'silent'] as const;

export const hostInfo = z
  .object({
    id: z.uuid(),
    /** Set with `--host-name`; by default the machine's. Two hosts may have the same name. */
    name: z.string(),
    /** Where other hosts reach it; null if it serves only its own chats. */
    address: z.string().nullable(),
    version: z.string(),
    /**
     * `draining`: it hands its chats over, and takes none. `silent`: there was no heartbeat for a while. It may be gone, frozen, or without its
     * database.
     */
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
    /** Chats there whose agents wait for their turn to start, or for memory. */
    waitingStarts: z.int(),
    /** Of its machine, or its container. 0 if unknown. */
    memoryBytes: z.int(),
    freeMemoryBytes: z.int(),
  })
  .meta({ id: 'HostInfo' });
export type HostInfo = z.infer<typeof hostInfo>;

export const hostList = z.object({ items: z.array(hostInfo) }).meta({ id: 'HostList' });
export type HostList = z.infer<typeof hostList>;

/** `id`: of one start of the host; `name`: for people. */
export const hostReference = z.object({ id: z.uuid(), name: z.string() }).meta({ id: 'HostReference' });

/** A chat's move to another host. `from`: null if none held it. */
export const hostMove = z.object({ from: hostReference.nullable(), to: hostReference }).meta({ id: 'HostMove' });
export type HostMove = z.infer<typeof hostMove>;

export const moveToHost = z
  .strictObject({
    /** As in `GET /v1/hosts`. */
    hostId: z.uuid(),
    /**
     * What to do with a running turn, or other work the move would end, such as a background task. `finish` responds once
     * it is done and the chat has moved, as long as the client waits. `refuse` is the default.
     */
    running: z.enum(runningChoices).optional(),
  })
  .meta({ id: 'MoveToHost' });
export type MoveToHost = z.infer<typeof moveToHost>;

export const movedToHost = hostMove
  .extend({
    /** False if the host had the chat already. */
    moved: z.boolean(),
    /** The name of the only host that runs the chat, if it is pinned: a pin follows a move. */
    pinnedTo: z.string().nullable(),
  })
  .meta({ id: 'MovedToHost' });
export type MovedToHost = z.infer<typeof movedToHost>;

export const startDrain = z
  .strictObject({
    /** How long running turns may take to finish; the host's own setting by default. */
    seconds: z
      .int()
      .min(0)
      .max(24 * 3600)
      .optional(),
  })
  .meta({ id: 'StartDrain' });
export type StartDrain = z.infer<typeof startDrain>;

export const drainStatus = z
  .object({
    /** `draining`: it hands its chats over. `drained`: it holds none, and takes none. */
    state: z.enum(['off', 'draining', 'drained']),
    /** When what still runs is stopped; null when off. */
    until: z.iso.datetime().nullable(),
    /** How many chats it still holds. */
    left: z.int(),
    /** Those in which something may still finish. */
    running: z.array(z.object({ id: z.uuid(), title: z.string(), state: z.enum(chatStates) })),
  })
  .meta({ id: 'DrainStatus' });
export type DrainStatus = z.infer<typeof drainStatus>;
