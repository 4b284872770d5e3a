import { BooError, toBooError } from '../protocol/error.ts';
import type { Sql } from './database.ts';
import { inTime } from './in-time.ts';
import { cannotConnect, codeOf } from './storage-error.ts';

/**
 * Checks that the database answers on this many connections before anything else, so that a wrong address or password
 * is reported as such. Throws `storage_unavailable`, with the address but without its password.
 */
export async function reachDatabase(sql: Sql, connections = 1): Promise<void> {
  await firstAnswer(sql, Promise.all(Array.from({ length: connections }, () => sql`select 1`)));
}

/** The database's answer to the first query. Throws as `reachDatabase` does. */
export async function firstAnswer<T>(sql: Sql, answer: PromiseLike<T>): Promise<T> {
  const { connect_timeout: connectTimeoutS } = sql.options;
  try {
    return await inTime(answer, (connectTimeoutS + 10) * 1000);
  } catch (cause) {
    const target = sql.options.target_session_attrs;
    throw new BooError('storage_unavailable', sentenceFor(cause, { ...addressOf(sql), target }), { cause });
  }
}

interface Address {
  /** As a URL, without password and parameters. */
  url: string;
  user: string;
  database: string;
  /** Which of several hosts is acceptable; the driver looks for one forever. */
  target?: string | undefined | null;
}

/** What the driver made of DATABASE_URL and the environment. */
function addressOf(sql: Sql): Address {
  const { host, port, path, user, database } = sql.options as unknown as {
    host: string[];
    port: number[];
    path: string | false;
    user: string;
    database: string;
  };
  const places = host.map((name, at) => `${name.includes(':') ? `[${name}]` : name}:${port[at] ?? port[0]}`);
  return { url: `postgres://${user}@${path || places.join(',')}/${database}`, user, database };
}

function sentenceFor(error: unknown, { url, user, database, target }: Address): string {
  switch (codeOf(error)) {
    case '3D000':
      return `There is no database “${database}” at ${url}: create it, or correct DATABASE_URL.`;
    case cannotConnect:
      return (error as Error).message;
    case '28000':
      return `The database at ${url} refuses the user “${user}”: ${wordsOf(error)}. Check the user in DATABASE_URL${tlsAdvice(error)}.`;
    case '28P01':
      return `The database at ${url} refuses the user “${user}”: check the user and the password in DATABASE_URL.`;
    case '53300':
      return `The database at ${url} has no connections left (max_connections): close others, or allow more.`;
    case '57P03':
      return `The database at ${url} is starting up or shutting down: try again shortly.`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `The database at ${url} cannot be reached: its host name is unknown. Check DATABASE_URL.`;
    case 'ANSWER_LOST':
      if (target) return `None of the hosts of ${url} answers and accepts writes (target_session_attrs=${target}).`;
      return `The database at ${url} does not answer: check that Postgres is running there, and what is in between.`;
    default:
      return `The database at ${url} cannot be reached (${reasonOf(error)}): check DATABASE_URL, and that Postgres is running there.`;
  }
}

/** A server's rules may admit a user only with TLS, only without it, or only with a certificate. */
function tlsAdvice(error: unknown): string {
  const words = wordsOf(error);
  if (/no encryption|SSL off/.test(words)) return ', or use sslmode=require';
  if (/SSL encryption|SSL on/.test(words)) return ', or use sslmode=disable';
  return /certificate/.test(words) ? ', sslcert and sslkey' : '';
}

function wordsOf(error: unknown): string {
  return toBooError(error).message;
}

/** The server's or pooler's message, because its codes mean little to people; for the system, its code. */
function reasonOf(error: unknown): string {
  const isSaid = error instanceof Error && error.name === 'PostgresError';
  return isSaid ? error.message : codeOf(error) || toBooError(error).message;
}
