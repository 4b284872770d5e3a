/**
 * The connections of one server. The number of connections without a valid credential is limited, in total and per
 * source: beyond the limit the oldest of them is closed for each new one. A new connection is always accepted, so
 * nobody can lock the owner out by holding connections, even if everyone connects through one proxy; and a connection
 * that has shown a credential is never closed for another.
 */
import type { Socket } from 'node:net';
import type { Log } from '../lib/log.ts';
import type { Grant } from '../people/grant.ts';
import { sourceOf } from './source-address.ts';

export interface ConnectionLimits {
  /** In total: the process needs descriptors for its database and its agents too. */
  total: number;
  /** Without a credential. */
  strangers: number;
  /** Without a credential, per address. */
  strangersPerSource: number;
}

/** What a request can see and report about its connection. */
export interface Peer {
  readonly source: string;
  /** Whether it has shown a valid credential. */
  readonly isAdmitted: boolean;
  admit(grant: Grant): void;
  /** Lets the request that runs on the connection finish, whatever it ends. */
  finishFirst(): void;
}

export interface Connections {
  readonly open: number;
  /** Ever. */
  readonly added: number;
  add(socket: Socket): void;
  /** `address` is the client's, if a trusted proxy has named it. */
  peerOf(socket: Socket, address?: string): Peer;
  /** Call it when a request starts on the connection, which is busy until the returned function is called. */
  begin(socket: Socket): () => void;
  /** Closes connections whose last request, or live feed, had one of these grants. */
  end(isEnded: (grant: Grant) => boolean): void;
  /**
   * Closes connections without any request: browsers and undici open spare ones, and Node does not count them as idle.
   */
  destroyUnused(): void;
}

interface Stranger {
  readonly socket: Socket;
  readonly source: string;
  requests: number;
}

/** Behind one proxy, hundreds of tabs and terminals come back at the same moment after a restart. */
export const connectionLimits: ConnectionLimits = { total: 10_000, strangers: 1_024, strangersPerSource: 512 };

/**
 * The limits for a process with this many descriptors: half of them are left for the database, the agents and their
 * files.
 */
export function connectionsWithin(descriptors = Infinity): ConnectionLimits {
  const { total, strangers, strangersPerSource } = connectionLimits;
  return {
    total: Math.min(total, Math.floor(descriptors / 2)),
    strangers: Math.min(strangers, Math.floor(descriptors / 4)),
    strangersPerSource: Math.min(strangersPerSource, Math.floor(descriptors / 8)),
  };
}

export function createConnections(limits: ConnectionLimits, log: Log): Connections {
  /** With the source of each. */
  const all = new Map<Socket, string>();
  const unused = new Set<Socket>();
  /** By what the last request of each was admitted. */
  const grants = new Map<Socket, Grant>();
  const finishing = new Set<Socket>();
  // Oldest first; a connection that was just answered counts as the newest.
  const strangers = new Map<Socket, Stranger>();

  const forget = (socket: Socket): void => {
    all.delete(socket);
    unused.delete(socket);
    strangers.delete(socket);
    grants.delete(socket);
    finishing.delete(socket);
  };

  /**
   * Closes an unauthenticated connection other than the newcomer: of the source that has the most, idle ones before
   * busy ones, and then the oldest. False if there is none.
   */
  function makeRoom(newcomer: Socket, source?: string): boolean {
    const others = [...strangers.values()].filter(({ socket }) => socket !== newcomer);
    const crowd = source ?? busiest(others);
    const candidates = others.filter((each) => each.source === crowd);
    const leaving = candidates.find(({ requests }) => requests === 0) ?? candidates[0];
    if (!leaving) return false;
    log.debug({ source: leaving.source }, 'A connection without a credential was closed for another one.');
    forget(leaving.socket);
    leaving.socket.destroy();
    return true;
  }

  const countOf = (source: string): number => [...strangers.values()].filter((each) => each.source === source).length;

  let added = 0;
  return {
    get open() {
      return all.size;
    },
    get added() {
      return added;
    },

    add(socket) {
      const source = sourceOf(socket.remoteAddress);
      added += 1;
      all.set(socket, source);
      unused.add(socket);
      strangers.set(socket, { socket, source, requests: 0 });
      socket.once('close', () => forget(socket));
      if (countOf(source) > limits.strangersPerSource) makeRoom(socket, source);
      else if (strangers.size > limits.strangers) makeRoom(socket);
      if (all.size > limits.total && !makeRoom(socket)) socket.destroy();
    },

    peerOf: (socket, address) => ({
      source: address === undefined ? (all.get(socket) ?? sourceOf(socket.remoteAddress)) : sourceOf(address),
      get isAdmitted() {
        return !strangers.has(socket);
      },
      admit(grant) {
        strangers.delete(socket);
        // One that is closed is not remembered.
        if (all.has(socket)) grants.set(socket, grant);
      },
      finishFirst: () => void finishing.add(socket),
    }),

    begin(socket) {
      unused.delete(socket);
      const stranger = strangers.get(socket);
      if (!stranger) return () => void finishing.delete(socket);
      stranger.requests += 1;
      return () => {
        stranger.requests -= 1;
        finishing.delete(socket);
        // Unless it was authenticated or is gone, it is now the newest idle one.
        if (strangers.delete(socket)) strangers.set(socket, stranger);
      };
    },

    end(isEnded) {
      for (const [socket, grant] of grants) if (isEnded(grant) && !finishing.has(socket)) socket.destroy();
    },

    destroyUnused() {
      for (const socket of unused) socket.destroy();
    },
  };
}

function busiest(strangers: readonly Stranger[]): string | undefined {
  const counts = new Map<string, number>();
  for (const { source } of strangers) counts.set(source, (counts.get(source) ?? 0) + 1);
  return [...counts].toSorted(([, a], [, b]) => b - a)[0]?.[0];
}
