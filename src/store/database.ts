import postgres from 'postgres';
import { arrayTypes } from './array-types.ts';
import { readDatabaseUrl } from './database-address.ts';
import { databaseSockets, padding, type Silence } from './database-socket.ts';

/** A pool of connections to Postgres, with our types: `int8` as number, `json` and `jsonb` as text. */
export type Sql = postgres.Sql<{ bigint: number; json: string }>;

export interface DatabaseOptions {
  /** The maximum number of connections. */
  max?: number;
  onNotice?: (text: string) => void;
  /** A notification has arrived. */
  onNotify?: (channel: string, text: string) => void;
  /** A connection was closed, by whichever side. */
  onClosed?: () => void;
  /**
   * Only one statement at a time on each connection: one that waits behind another on a dying connection might never be
   * answered. This breaks the driver's transactions, and its types do not know the option.
   */
  oneAtATime?: boolean;
  /**
   * A pooler such as pgbouncer is in between. It may run each statement on a different connection, so statements are
   * not prepared under a name, and it refuses startup settings. Defaults to what the URL says.
   */
  isPooled?: boolean;
  /** When a connection over TCP counts as dead. Never by default. */
  silence?: Silence;
}

/**
 * Opens the pool. JSON columns come back as text, and are parsed where they are used: the driver's parsing would cost a
 * second pass, and what we write must be our exact text. Throws `config_invalid` for an invalid URL.
 */
export function openDatabase(url: string, options: DatabaseOptions = {}): Sql {
  const address = readDatabaseUrl(url);
  const isPooled = options.isPooled ?? address.isPooled;
  const [{ host, port }] = address.hosts as [{ host: string; port: number }];
  // The driver takes whatever is left out here from PG… variables.
  const parameters = {
    ...(host.startsWith('/')
      ? { path: `${host}/.s.PGSQL.${port}`, host, port }
      : {
          host: address.hosts.map((each) => each.host),
          port: address.hosts.map((each) => each.port),
          socket: databaseSockets(address, options.silence),
        }),
    database: address.database,
    user: address.user,
    // A function, because an empty string would be replaced from the environment.
    password: () => address.password,
    // Our sockets handle it.
    ssl: false,
    sslnegotiation: null,
    target_session_attrs: address.targetSessionAttrs,
    max_pipeline: options.oneAtATime === true ? 0 : 100,
    max: options.max ?? 10,
    // For all hosts and the login; each host has its own timeout.
    connect_timeout: address.connectTimeoutS * address.hosts.length + 1,
    idle_timeout: 0,
    // A connection that is given up may be impossible to reopen if few are left.
    max_lifetime: null,
    keep_alive: 60,
    prepare: !isPooled,
    debug: false,
    publications: '',
    // The driver's own backoff grows to 20 s and would keep callers waiting long after the server is back.
    backoff: () => 0.05,
    onnotice: (notice: postgres.Notice) => options.onNotice?.(String(notice['message'] ?? '')),
    ...(options.onNotify && { onnotify: options.onNotify }),
    ...(options.onClosed && { onclose: options.onClosed }),
    connection: {
      application_name: address.applicationName,
      ...(host.startsWith('/') ? {} : padding),
      // A frozen host must not hold a chat's row; a slow store must not hold a turn.
      ...(isPooled ? {} : { idle_in_transaction_session_timeout: 1500, statement_timeout: 30_000 }),
    },
    // The driver would query every new connection for the array types, and nobody awaits that query: if the connection
    // breaks then, the rejection ends the process.
    fetch_types: false,
    types: {
      ...arrayTypes,
      // Counters and seqs stay far below 2^53.
      bigint: { to: 20, from: [20], serialize: String, parse: Number },
      json: { to: 114, from: [114, 3802], serialize: (text: string) => text, parse: (text: string) => text },
    },
  };
  // The driver's types know only some of its options, and do not allow null.
  const given = parameters as unknown as postgres.Options<Record<string, postgres.PostgresType>>;
  return withoutTargetVariable(() => postgres(given)) as unknown as Sql;
}

/** The one option for which the driver prefers a variable to null. */
function withoutTargetVariable<T>(open: () => T): T {
  const name = 'PGTARGETSESSIONATTRS';
  const value = process.env[name];
  delete process.env[name];
  try {
    return open();
  } finally {
    if (value !== undefined) process.env[name] = value;
  }
}
