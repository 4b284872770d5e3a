import type { Sql } from './database.ts';
import { othersAreUp } from './hosts.ts';

/** A key that hosts of this database sign requests to one another with. */
export interface PeerKey {
  id: string;
  /** 32 random bytes, base64. */
  secret: string;
}

export interface PeerState {
  /** Newest first. Never empty. */
  keys: PeerKey[];
  /** The database's clock, in milliseconds since 1970. */
  nowMs: number;
  /** Another host has had a heartbeat within the limit. */
  hasOthers: boolean;
}

export interface PeerLimits {
  /** Without a heartbeat for this long a host counts as silent. */
  silentAfterMs: number;
  /** The age at which the newest key gets a successor. */
  rotateAfterMs: number;
  /** The age at which a key is deleted. */
  keepForMs: number;
}

/** What a host has to know to talk to the others. Adds the given key if the newest one is too old, and deletes old ones. */
export async function readPeers(db: Sql, hostId: string, key: PeerKey, limits: PeerLimits): Promise<PeerState> {
  const { silentAfterMs, rotateAfterMs, keepForMs } = limits;
  const rows = await db<(PeerKey & { nowMs: number; hasOthers: boolean })[]>`
    with old as (delete from boocode.peer_keys where created_at < clock_timestamp() - ${keepForMs} * interval '1 millisecond'),
    added as (
      insert into boocode.peer_keys (id, secret) select ${key.id}, ${key.secret}
      where not exists (select from boocode.peer_keys
        where created_at > clock_timestamp() - ${rotateAfterMs} * interval '1 millisecond')
      returning id, secret, created_at),
    keys as (
      select id, secret, created_at from boocode.peer_keys
      where created_at >= clock_timestamp() - ${keepForMs} * interval '1 millisecond'
      union all select id, secret, created_at from added)
    select id, secret, (extract(epoch from clock_timestamp()) * 1000)::float8 as "nowMs",
      ${othersAreUp(db, hostId, silentAfterMs)} as "hasOthers"
    from keys order by created_at desc, id`;
  const { nowMs, hasOthers } = rows[0]!;
  return { keys: rows.map(({ id, secret }) => ({ id, secret })), nowMs, hasOthers };
}
