import postgres from 'postgres';
import { arrayTypes } from './array-types.ts';
import { readDatabaseUrl } from './database-address.ts';
import { databaseSockets, padding } from './database-socket.ts';

/** A pool of connections to Postgres, with our types: `int8` as number, `json` and `jsonb` as text. */
export type Sql = postgres.Sql<{ bigint: number; json: string }>;

export interface DatabaseOptions {
  /** Connections at the most. */
  max?: number;
  onNotice?: (text: string) => void;
  /**
   * One statement at a time on each connection: what waits behind another on a dying one might never be answered. The
   * driver's transactions do not work then, and its types do not know the option.
   */
  oneAtATime?: boolean;
  /**
   * A pooler such as pgbouncer lies in between. It may run each statement on another connection of its own, so none is
   * prepared under a name, and it refuses settings at the start. Without it the URL says so, or it is not so.
   */
  isPooled?: boolean;
}

/**
 * Opens the pool. JSON columns come back as text, and are parsed where they are used: the driver's own parsing would
 * cost a second pass, and what we write must be the text we made. Throws `config_invalid` for a URL that is not understood.
 */
export function openDatabase(url: string, options: DatabaseOptions = {}): Sql {
  const address = readDatabaseUrl(url);
  const isPooled = options.isPooled ?? address.isPooled;
  const [{ host, port }] = address.hosts as [{ host: string; port: number }];
  // Whatever is left out here the driver takes from PG… variables.
  const parameters = {
    ...(host.startsWith('/')
      ? { path: `${host}/.s.PGSQL.${port}`, host, port }
      : {
          host: address.hosts.map((each) => each.host),
          port: address.hosts.map((each) => each.port),
          socket: databaseSockets(address),
        }),
    database: address.database,
    user: address.user,
    // A function, for an empty text would be taken from the environment.
    password: () => address.password,
    // Our sockets see to it.
    ssl: false,
    sslnegotiation: null,
    target_session_attrs: address.targetSessionAttrs,
    max_pipeline: options.oneAtATime === true ? 0 : 100,
    max: options.max ?? 10,
    // For all of them and the login; each host has its own time.
    connect_timeout: address.connectTimeoutS * address.hosts.length + 1,
    idle_timeout: 0,
    // One that is given up might not be had again where few are left.
    max_lifetime: null,
    keep_alive: 60,
    prepare: !isPooled,
    debug: false,
    publications: '',
    // The driver's own grows to 20 s and would keep callers waiting long after the server is back.
    backoff: () => 0.05,
    onnotice: (notice: postgres.Notice) => options.onNotice?.(String(notice['message'] ?? '')),
    connection: {
      application_name: address.applicationName,
      ...(host.startsWith('/') ? {} : padding),
      // A frozen host must not hold a chat's row; a slow store must not hold a turn.
      ...(isPooled ? {} : { idle_in_transaction_session_timeout: 1500, statement_timeout: 30_000 }),
    },
    // The driver would ask every new connection for the types of arrays, and nobody holds that question: where the
    // connection breaks just then, it is a rejection that ends the process.
    fetch_types: false,
    types: {
      ...arrayTypes,
      // Counters and seqs stay far below 2^53.
      bigint: { to: 20, from: [20], serialize: String, parse: Number },
      json: { to: 114, from: [114, 3802], serialize: (text: string) => text, parse: (text: string) => text },
    },
  };
  // The driver's types know only some of its options, and no null.
  return postgres(parameters as unknown as postgres.Options<Record<string, postgres.PostgresType>>) as unknown as Sql;
}
