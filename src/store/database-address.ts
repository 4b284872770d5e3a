/**
 * Parses a database URL as libpq does. Every parameter is understood, or refused by name: the driver would pass an
 * unknown one to the server as a setting, and take missing ones from the environment.
 */
import { userInfo } from 'node:os';
import { BooError } from '../protocol/error.ts';
import { type DatabaseTls, readTlsFiles, type SslMode } from './database-tls.ts';

export interface DatabaseAddress {
  /** A host with a path is a socket's directory, and is the only host. */
  hosts: readonly { host: string; port: number }[];
  database: string;
  user: string;
  password: string;
  /** Null if none is wanted: for `sslmode=disable`, and with a socket. */
  tls: DatabaseTls | null;
  applicationName: string;
  connectTimeoutS: number;
  /** Which of several hosts is acceptable: null for the first that answers. */
  targetSessionAttrs: 'read-write' | 'primary' | null;
  /** Declared to lead to a pooler such as pgbouncer; otherwise detected. */
  isPooled: boolean;
}

const sslModes: readonly SslMode[] = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'];
const tlsFiles = ['sslrootcert', 'sslcert', 'sslkey'] as const;

/** The supported parameters. */
const known = new Set([
  'host',
  'port',
  'dbname',
  'user',
  'password',
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'sslnegotiation',
  'channel_binding',
  'gssencmode',
  'application_name',
  'connect_timeout',
  'target_session_attrs',
  'pgbouncer',
]);

const refusals: Record<string, string> = {
  schema: 'BooCode chooses the schema of its tables itself: leave it out',
  search_path: 'BooCode chooses the schema of its tables itself: leave it out',
  options: 'BooCode sets what it needs itself: leave it out, or set it for the role with ALTER ROLE',
};

/** Throws `config_invalid` with one sentence that names what is wrong and never contains the password. */
export function readDatabaseUrl(url: string): DatabaseAddress {
  const match = /^postgres(?:ql)?:\/\/(?:([^/?]*)@)?([^/?@]*)(?:\/([^?]*))?(?:\?(.*))?$/s.exec(url);
  if (!match) throw refused('is not of the form postgres://user:password@host:5432/database');
  const [, login = '', authority = '', path = '', search = ''] = match;
  const parameters = readParameters(search);
  const hosts = readHosts(authority, parameters);
  const colon = login.indexOf(':');
  const user = parameters.get('user') || decoded(colon < 0 ? login : login.slice(0, colon)) || ownName();
  return {
    hosts,
    database: parameters.get('dbname') || decoded(path) || user,
    user,
    password: parameters.get('password') ?? (colon < 0 ? '' : decoded(login.slice(colon + 1))),
    tls: readTls(parameters, hosts[0]?.host.startsWith('/') === true),
    applicationName: parameters.get('application_name') || 'boocode',
    connectTimeoutS: readTimeout(parameters.get('connect_timeout')),
    targetSessionAttrs: readTarget(parameters, hosts.length),
    isPooled: choice(parameters, 'pgbouncer', ['true', 'false'] as const) === 'true',
  };
}

/** The address without any secret: `host:port/database`. */
export function databasePlace(url: string): string {
  const { hosts, database } = readDatabaseUrl(url);
  return `${hosts.map(({ host, port }) => `${host}:${port}`).join(',')}/${database}`;
}

function readParameters(search: string): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const pair of search.split('&').filter(Boolean)) {
    const equals = pair.indexOf('=');
    const name = decoded(equals < 0 ? pair : pair.slice(0, equals));
    const refusal = refusals[name];
    if (refusal !== undefined) throw refused(`${name}: ${refusal}`);
    if (!known.has(name)) throw refused(`the parameter ${JSON.stringify(name.slice(0, 60))} is not known`);
    if (parameters.has(name)) throw refused(`${name} is given twice`);
    parameters.set(name, equals < 0 ? '' : decoded(pair.slice(equals + 1)));
  }
  if (choice(parameters, 'channel_binding', ['disable', 'prefer', 'require'] as const) === 'require') {
    throw refused(
      'channel_binding=require is not supported: leave it out, and use sslmode=verify-full for the same protection',
    );
  }
  if (choice(parameters, 'gssencmode', ['disable', 'prefer', 'require'] as const) === 'require') {
    throw refused('gssencmode=require is not supported: leave it out, and use TLS with sslmode');
  }
  return parameters;
}

function readHosts(authority: string, parameters: ReadonlyMap<string, string>): { host: string; port: number }[] {
  const given = parameters.get('host');
  const names = given ? given.split(',') : authority.split(',').map((each) => decoded(each.replace(/:[^:\]]*$/, '')));
  const ports =
    parameters.get('port')?.split(',') ?? authority.split(',').map((each) => /:([^:\]]*)$/.exec(each)?.[1] ?? '');
  if (ports.length > 1 && ports.length !== names.length)
    throw refused('the number of ports does not match the number of hosts');
  const hosts = names.map((name, index) => ({
    host: name.replace(/^\[(.*)\]$/, '$1') || 'localhost',
    port: readPort((ports.length === 1 ? ports[0] : ports[index]) ?? ''),
  }));
  if (hosts.length > 1 && hosts.some(({ host }) => host.startsWith('/'))) {
    throw refused('a directory with a socket cannot be one of several hosts');
  }
  return hosts;
}

function readPort(text: string): number {
  if (text === '') return 5432;
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535) throw refused('a port must be a number from 1 to 65535');
  return port;
}

function readTls(parameters: ReadonlyMap<string, string>, isSocket: boolean): DatabaseTls | null {
  let mode: SslMode = choice(parameters, 'sslmode', sslModes) ?? 'prefer';
  const [sslrootcert, sslcert, sslkey] = tlsFiles.map((name) => parameters.get(name));
  if (sslrootcert === 'system' && !parameters.has('sslmode')) mode = 'verify-full';
  if (sslrootcert === 'system' && mode !== 'verify-full')
    throw refused('sslrootcert=system requires sslmode=verify-full');
  const asked = mode;
  // Like libpq: a root certificate implies that it should be used.
  if (sslrootcert && mode === 'require') mode = 'verify-ca';
  const isDirect = choice(parameters, 'sslnegotiation', ['postgres', 'direct'] as const) === 'direct';
  if (isSocket) return null;
  if (mode === 'disable' || mode === 'allow' || mode === 'prefer') {
    if (isDirect) throw refused('sslnegotiation=direct requires sslmode=require, verify-ca or verify-full');
    if (mode === 'disable') return null;
    const name = tlsFiles.find((each) => parameters.get(each));
    if (name) throw refused(`${name} requires sslmode=require, verify-ca or verify-full`);
  }
  if (Boolean(sslcert) !== Boolean(sslkey)) throw refused('sslcert and sslkey go together');
  const secureContext = readTlsFiles({ sslrootcert, sslcert, sslkey });
  return { mode, asked, isDirect, hasRootCert: Boolean(sslrootcert), hasCert: Boolean(sslcert), secureContext };
}

function readTimeout(text: string | undefined): number {
  if (text === undefined) return 5;
  if (!/^\d{1,3}$/.test(text) || Number(text) < 1) throw refused('connect_timeout must be a number of seconds from 1');
  return Number(text);
}

/** Of several hosts, one that accepts writes is wanted. */
function readTarget(parameters: ReadonlyMap<string, string>, hosts: number): DatabaseAddress['targetSessionAttrs'] {
  const target = choice(parameters, 'target_session_attrs', ['any', 'read-write', 'primary'] as const);
  if (target === 'any' || hosts === 1) return null;
  return target ?? 'read-write';
}

function choice<T extends string>(
  parameters: ReadonlyMap<string, string>,
  name: string,
  values: readonly T[],
): T | undefined {
  const value = parameters.get(name);
  if (value === undefined) return undefined;
  const found = values.find((each) => each === value);
  if (found === undefined) throw refused(`${name} must be one of ${values.join(', ')}`);
  return found;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw refused('contains a % that starts no escape: write %25 for it');
  }
}

function ownName(): string {
  try {
    return userInfo().username;
  } catch {
    throw refused('names no user');
  }
}

function refused(what: string): BooError {
  return new BooError('config_invalid', what);
}
