/** What a database is like, queried once before anything else. */
import { BooError } from '../protocol/error.ts';
import { openDatabase, type Sql } from './database.ts';
import { firstAnswer } from './reach-database.ts';
import { codeOf } from './storage-error.ts';

export interface DatabaseFacts {
  version: string;
  /** A pooler such as pgbouncer is in between. */
  isPooled: boolean;
  /** Connections that may still be opened, not counting the one that asked; null behind a pooler. */
  free: number | null;
  /** Whether a crash of the database keeps what it has acknowledged, or else the setting because of which it may not. */
  commits: 'kept' | 'synchronous_commit' | 'fsync';
}

/**
 * Throws `config_invalid` for an encoding that cannot represent every text, and `storage_unavailable` as
 * `reachDatabase` does. Fails at once when aborted.
 */
export async function readDatabaseFacts(url: string, signal?: AbortSignal): Promise<DatabaseFacts> {
  const direct = await asked(url, { signal }).catch((error: BooError) => {
    if (isUnknownSetting(error.cause)) return null;
    throw error;
  });
  const facts = direct ?? (await asked(url, { isPooled: true, signal }));
  if (facts.encoding !== 'UTF8') {
    throw new BooError(
      'config_invalid',
      `The database ${facts.name} has the encoding ${facts.encoding}, but BooCode requires UTF8: create another one, for example with createdb --template=template0 --encoding=UTF8.`,
    );
  }
  // A pooler may also be configured to drop settings it does not know.
  const isPooled = direct === null || direct.timeout !== '30s';
  return { version: facts.version, isPooled, free: isPooled ? null : facts.free, commits: facts.commits };
}

/** How pgbouncer refuses our startup settings: `unsupported startup parameter: …`. */
function isUnknownSetting(error: unknown): boolean {
  return codeOf(error) === '08P01' && /startup parameter/i.test((error as Error).message);
}

interface Row {
  version: string;
  name: string;
  encoding: string;
  timeout: string;
  free: number;
  commits: DatabaseFacts['commits'];
}

async function asked(
  url: string,
  { signal, ...options }: { isPooled?: true; signal: AbortSignal | undefined },
): Promise<Row> {
  const sql: Sql = openDatabase(url, { max: 1, ...options });
  const cut = (): void => void sql.end({ timeout: 0 });
  signal?.addEventListener('abort', cut, { once: true });
  try {
    signal?.throwIfAborted();
    const answer = sql<Row[]>`
      with clients as (select datname, usename from pg_stat_activity where backend_type = 'client backend'),
      me as (select rolsuper, rolconnlimit from pg_roles where rolname = current_user),
      here as (select datconnlimit from pg_database where datname = current_database())
      select current_setting('server_version') as version, current_database() as name,
        current_setting('server_encoding') as encoding, current_setting('statement_timeout') as timeout,
        case when current_setting('fsync') = 'off' then 'fsync'
          when current_setting('synchronous_commit') = 'off' then 'synchronous_commit' else 'kept' end as commits,
        least(
          current_setting('max_connections')::integer
            - case when rolsuper then 0 else current_setting('superuser_reserved_connections')::integer
              + coalesce(current_setting('reserved_connections', true)::integer, 0) end
            - (select count(*) from clients),
          case when rolconnlimit >= 0 and not rolsuper
            then rolconnlimit - (select count(*) from clients where usename = current_user) end,
          case when datconnlimit >= 0 and not rolsuper
            then datconnlimit - (select count(*) from clients where datname = current_database()) end
        ) + 1 as free
      from me, here`;
    const [row] = await firstAnswer(sql, answer);
    return row as Row;
  } finally {
    signal?.removeEventListener('abort', cut);
    await sql.end({ timeout: 5 });
  }
}

export interface PoolSizes {
  /** For turns and readers. */
  main: number;
  leases: number;
  /** For slow work. */
  slow: number;
  /** To listen for notifications; without it, the database is asked more often than necessary. */
  listen: 0 | 1;
}

const fullPool = 15;
/** How many connections must be free for the full pool. */
const freeForAll = 2 * fullPool;

/** At most half of what is free, so that another host finds room: a new one starts before the old one has stopped. */
export function poolSizes({ free }: Pick<DatabaseFacts, 'free'>): PoolSizes {
  // A pooler does not reveal how many it lets through; in session mode each of ours occupies one.
  if (free === null) return { main: 4, leases: 1, slow: 1, listen: 1 };
  if (free < 3) {
    throw new BooError(
      'storage_unavailable',
      `The database accepts ${free < 1 ? 'no more connections' : free === 1 ? 'only one more connection' : 'only two more connections'}, but BooCode needs three: raise max_connections or the role’s limit, or close others.`,
    );
  }
  const all = Math.min(fullPool, Math.max(3, Math.floor(free / 2)));
  const listen = all >= 6 ? 1 : 0;
  const leases = all >= 12 ? 2 : 1;
  const slow = all >= 8 ? 2 : 1;
  return { main: all - leases - slow - listen, leases, slow, listen };
}

/**
 * How many chats one connection of the main pool carries while all of them run a turn. Measured with twenty chats that
 * stream and call a tool once a second: four statements per second and chat for the log, and about as many for the
 * transcript. Counted with ten milliseconds each, a network and a disk included, that is a tenth of a connection.
 */
const chatsPerConnection = 10;

/** For people. */
export interface Advice {
  problem: string;
  fix: string;
}

/** Whether receipts may be worth less than they say, and what to set. */
export function commitAdvice({ commits }: Pick<DatabaseFacts, 'commits'>): Advice | null {
  if (commits === 'kept') return null;
  return {
    problem: `The database acknowledges what is not on its disk yet (${commits} = off): if it crashes, prompts and answers that were accepted may be lost.`,
    fix: `Set ${commits} to on for the server${commits === 'fsync' ? '' : ', the database or the role'}.`,
  };
}

/**
 * How many chats can run at once without waiting for each other, and what to raise for more. Null if there is
 * room for the full pool. Any number of chats may be warm: one that runs no turn uses no connection.
 */
export function connectionAdvice(facts: Pick<DatabaseFacts, 'free'>): Advice | null {
  if (facts.free !== null && facts.free >= freeForAll) return null;
  const { main, ...others } = poolSizes(facts);
  const all = Object.values(others).reduce((sum, max) => sum + max, main);
  const room = `about ${main * chatsPerConnection} chats can run a turn at once without waiting for each other`;
  if (facts.free === null) {
    const problem = `A pooler does not say how many connections it lets through; if it is the ${all} that this server opens, ${room}.`;
    return { problem, fix: 'See to it that its pool has at least that many per server.' };
  }
  return {
    problem: `The database leaves ${facts.free} connections, and this server opens ${all}: ${room}.`,
    fix: `For more, raise max_connections or the role’s or database’s limit to leave ${freeForAll}.`,
  };
}
