import type { Config } from './config.ts';
import type { Log } from './lib/log.ts';
import { openDatabase, type Sql } from './store/database.ts';
import { commitAdvice, connectionAdvice, poolSizes, readDatabaseFacts } from './store/database-facts.ts';
import { embeddedConnections, openEmbeddedPostgres } from './store/embedded-postgres/embedded-postgres.ts';
import { removeImports } from './store/imports.ts';
import { listen, type OpenListener } from './store/notifications.ts';
import type { Silence } from './store/database-socket.ts';
import { migrate } from './store/migrate.ts';
import { reachDatabase } from './store/reach-database.ts';
import { SlowLane } from './store/slow-lane.ts';

/** Longer than anyone waits for an answer, and for slow work longer than the database's own limit. */
const silenceMs = { main: 15_000, leases: 4_000, slow: 60_000 };

export interface Store {
  sql: Sql;
  leaseSql: Sql;
  slow: SlowLane;
  /** Null if there are too few connections. */
  openListener: OpenListener | null;
}

/** The database, embedded or external, ready for use. What closes it is added to `closers`, even if this throws. */
export async function openStore(
  config: Config,
  { logger, closers, signal }: { logger: Log; closers: (() => Promise<unknown>)[]; signal: AbortSignal },
  onExit: (error: Error) => void,
): Promise<Store> {
  let url = config.databaseUrl;
  if (url === null) {
    const embedded = await openEmbeddedPostgres({
      dataDir: config.dataDir,
      onLog: (line) => logger.debug({ line }, 'postgres'),
      onExit,
    });
    closers.push(() => embedded.close());
    url = embedded.url;
  }
  const onNotice = (text: string): void => logger.debug({ text }, 'A notice from the database.');
  signal.throwIfAborted();
  const isOwn = config.databaseUrl === null;
  const reading = readDatabaseFacts(url, signal);
  // It fails where it is awaited.
  reading.catch(() => undefined);
  const sizes = poolSizes(isOwn ? { free: embeddedConnections } : await reading);
  const isPooled = isOwn ? false : (await reading).isPooled;
  const pools: Sql[] = [];
  const open = async (max: number, silence: Silence): Promise<Sql> => {
    signal.throwIfAborted();
    const sql = openDatabase(url, { max, oneAtATime: true, onNotice, isPooled, silence });
    pools.push(sql);
    closers.push(() => sql.end({ timeout: 5 }));
    // Opened immediately: if few connections are left, others might take them meanwhile. Nobody takes those of our own
    // database, and one more process per connection takes time.
    await reachDatabase(sql, isOwn ? 1 : max);
    return sql;
  };
  // A migration may wait as long as another host's takes; a stop request does not.
  const cut = (): void => pools.forEach((sql) => void sql.end({ timeout: 0 }));
  signal.addEventListener('abort', cut, { once: true });
  try {
    // A migration may wait in silence for as long as another host's takes.
    const silence: Silence = { limitMs: 0 };
    const [sql, leaseSql, slowSql] = await Promise.all([
      open(sizes.main, silence),
      open(sizes.leases, { limitMs: silenceMs.leases }),
      open(sizes.slow, { limitMs: silenceMs.slow }),
    ]);
    const facts = await reading;
    logger.debug({ ...facts, ...sizes }, 'The database is open.');
    signal.throwIfAborted();
    await migrate(sql);
    silence.limitMs = silenceMs.main;
    // Unfinished imports that nobody is waiting for.
    await removeImports(sql, { olderThanHours: 24 });
    const openListener: OpenListener = (handlers) => listen(url, { isPooled, ...handlers });
    const aboutRoom = connectionAdvice(facts);
    if (aboutRoom) logger[facts.isPooled ? 'info' : 'warn']({}, `${aboutRoom.problem} ${aboutRoom.fix}`);
    const aboutCommits = commitAdvice(facts);
    if (aboutCommits) logger.warn({}, `${aboutCommits.problem} ${aboutCommits.fix}`);
    return { sql, leaseSql, slow: new SlowLane(slowSql), openListener: sizes.listen === 0 ? null : openListener };
  } finally {
    signal.removeEventListener('abort', cut);
  }
}
