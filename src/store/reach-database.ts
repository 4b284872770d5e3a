import { BooError, toBooError } from '../protocol/error.ts';
import type { Sql } from './database.ts';
import { inTime } from './in-time.ts';
import { cannotConnect, codeOf } from './storage-error.ts';

/**
 * Asks for an answer on so many connections before anything is to be done with the database, so that a wrong address or
 * password is told as what it is. Throws `storage_unavailable`, with the address and without its password.
 */
export async function reachDatabase(sql: Sql, connections = 1): Promise<void> {
  await firstAnswer(sql, Promise.all(Array.from({ length: connections }, () => sql`select 1`)));
}

/** What the database answers to the first question. Throws as `reachDatabase` does. */
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
  /** Which of several hosts will do; the driver looks for one for ever. */
  target?: string | undefined | null;
}

/** What the driver made of DATABASE_URL and of the environment. */
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
      return `The database at ${url} does not let “${user}” in: ${wordsOf(error)}. Check the user in DATABASE_URL${tlsAdvice(error)}.`;
    case '28P01':
      return `The database at ${url} does not let “${user}” in: check the user and the password in DATABASE_URL.`;
    case '53300':
      return `The database at ${url} has no connection left (max_connections): close others, or allow more of them.`;
    case '57P03':
      return `The database at ${url} is starting up or shutting down: try again shortly.`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `The database at ${url} cannot be reached: its host name is not known here. Check DATABASE_URL.`;
    case 'ANSWER_LOST':
      if (target) return `None of the hosts of ${url} answers and takes writes (target_session_attrs=${target}).`;
      return `The database at ${url} does not answer: check that Postgres is running there, and what stands in between.`;
    default:
      return `The database at ${url} cannot be reached (${reasonOf(error)}): check DATABASE_URL, and that Postgres is running there.`;
  }
}

/** By its rules a server may let somebody in with TLS only, without it only, or with a certificate. */
function tlsAdvice(error: unknown): string {
  const words = wordsOf(error);
  if (/no encryption|SSL off/.test(words)) return ', or say sslmode=require';
  if (/SSL encryption|SSL on/.test(words)) return ', or say sslmode=disable';
  return /certificate/.test(words) ? ', sslcert and sslkey' : '';
}

function wordsOf(error: unknown): string {
  return toBooError(error).message;
}

/** The words of a server or a pooler, for their codes say little to people; the system's code. */
function reasonOf(error: unknown): string {
  const isSaid = error instanceof Error && error.name === 'PostgresError';
  return isSaid ? error.message : codeOf(error) || toBooError(error).message;
}
