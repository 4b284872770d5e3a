/** Which server a command talks to, and the token it accepts. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { BooError, createClient } from '../client/client.ts';
import { nodeFetch } from './node-fetch.ts';

export interface ServerFlags {
  url?: string | undefined;
  tokenFile?: string | undefined;
  dataDir?: string | undefined;
}

export interface FoundServer {
  url: string;
  token: string;
  /** Where the token came from: a file, or the variable. */
  tokenFrom: TokenSource;
  /** Undefined if only the server itself knows. */
  demo: boolean | undefined;
}

export type TokenSource = { file: string } | { variable: 'BOOCODE_TOKEN' };

interface GivenToken {
  token: string;
  tokenFrom: TokenSource;
}

export interface ServerSearch {
  flags: ServerFlags;
  env: NodeJS.ProcessEnv;
  /** Where servers keep their data by default: the usual place first, then the demo's. */
  usualDataDirs: readonly string[];
  healthTimeoutMs?: number;
}

interface ServerNote {
  url: string;
  demo: boolean;
}

export async function findServer(search: ServerSearch): Promise<FoundServer> {
  const { flags, env } = search;
  const dataDirs = dataDirsOf(search);
  const url = flags.url ?? nonEmpty(env['BOOCODE_URL']);
  if (url !== undefined) return serverAt(parseUrl(url), search, dataDirs);

  for (const dataDir of dataDirs) {
    const note = await readNote(dataDir);
    if (!note || !(await answers(note.url, search.healthTimeoutMs ?? 3000))) continue;
    const given = (await givenToken(flags, env)) ?? (await tokenOf(dataDir));
    if (given === undefined) throw noToken(note.url);
    return { url: note.url, ...given, demo: note.demo };
  }
  const where = dataDirs.length === 1 ? `with the data directory ${dataDirs[0]}` : 'here';
  throw new BooError(
    'not_found',
    `No BooCode server is running ${where}: start one with \`npx boocode demo\` or \`npx boocode serve\`, or name one with --url.`,
    { details: { reason: 'no_server' } },
  );
}

/** Whether `findServer` found no server that responds. */
export const isNobodyThere = (error: unknown): boolean =>
  error instanceof BooError && error.details['reason'] === 'no_server';

/** The data directories to search, the likeliest first. A named one is the only one. */
export function dataDirsOf({ flags, env, usualDataDirs }: ServerSearch): readonly string[] {
  const named = flags.dataDir ?? nonEmpty(env['BOOCODE_DATA_DIR']);
  return named === undefined ? usualDataDirs : [resolve(named)];
}

export function tokenPath(dataDir: string): string {
  return join(dataDir, 'token');
}

/** The token kept in a data directory; undefined if there is none. */
export async function tokenOf(dataDir: string): Promise<GivenToken | undefined> {
  const file = tokenPath(dataDir);
  const token = (await readIfThere(file))?.trim();
  return token === undefined ? undefined : checked({ token, tokenFrom: { file } });
}

/** The data directory of the server running here, the likeliest first; undefined if none is running. */
export async function runningDataDir(search: ServerSearch): Promise<string | undefined> {
  for (const dataDir of dataDirsOf(search)) {
    const note = await readNote(dataDir);
    if (note && (await answers(note.url, search.healthTimeoutMs ?? 3000))) return dataDir;
  }
  return undefined;
}

async function serverAt(url: URL, { flags, env }: ServerSearch, dataDirs: readonly string[]): Promise<FoundServer> {
  const address = url.href.replace(/\/$/, '');
  const given = await givenToken(flags, env);
  if (given !== undefined) return { url: address, ...given, demo: undefined };
  // A token found here belongs to a server here: it is sent nowhere else unless its data directory was named.
  const named = flags.dataDir !== undefined || nonEmpty(env['BOOCODE_DATA_DIR']) !== undefined;
  const isLoopback = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  const notes = await Promise.all(dataDirs.map(async (dataDir) => ({ dataDir, note: await readNote(dataDir) })));
  const own = notes.find(({ note }) => note !== undefined && note.url.replace(/\/$/, '') === address);
  const dataDir = own?.dataDir ?? (named || isLoopback ? dataDirs[0] : undefined);
  const kept = dataDir === undefined ? undefined : await tokenOf(dataDir);
  if (kept === undefined) throw noToken(address);
  return { url: address, ...kept, demo: own?.note?.demo };
}

async function givenToken(flags: ServerFlags, env: NodeJS.ProcessEnv): Promise<GivenToken | undefined> {
  const token = flags.tokenFile === undefined ? nonEmpty(env['BOOCODE_TOKEN']) : undefined;
  const file = flags.tokenFile ?? nonEmpty(env['BOOCODE_TOKEN_FILE']);
  if (token !== undefined) return checked({ token, tokenFrom: { variable: 'BOOCODE_TOKEN' } });
  if (file === undefined) return undefined;
  const kept = (await readIfThere(file))?.trim();
  if (!kept) throw new BooError('config_invalid', `The token file ${file} is missing or empty.`);
  return checked({ token: kept, tokenFrom: { file: resolve(file) } });
}

/** Headers accept no other characters, and a request that cannot be made looks like an unreachable server. */
function checked(given: GivenToken): GivenToken {
  const { token, tokenFrom } = given;
  const found = /[^\x21-\x7e]/.exec(token)?.[0];
  if (found === undefined) return given;
  const where = 'file' in tokenFrom ? `The token in ${tokenFrom.file}` : 'The token in BOOCODE_TOKEN';
  const what = /[\r\n]/.test(found) ? 'a line break' : found === ' ' ? 'a space' : 'a character that no token has';
  throw new BooError('config_invalid', `${where} contains ${what}: give only the token.`);
}

async function readNote(dataDir: string): Promise<ServerNote | undefined> {
  const text = await readIfThere(join(dataDir, 'server.json'));
  if (text === undefined) return undefined;
  try {
    const { url, demo } = JSON.parse(text) as Record<string, unknown>;
    return typeof url === 'string' && URL.canParse(url) ? { url: reachable(url), demo: demo === true } : undefined;
  } catch {
    // A server that is starting may not have written all of it yet.
    return undefined;
  }
}

/** A server that listens on all addresses is reached on loopback from here. */
function reachable(url: string): string {
  return url.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');
}

async function answers(url: string, timeoutMs: number): Promise<boolean> {
  try {
    const { status } = await createClient({ url, timeoutMs, fetch: nodeFetch }).health();
    return status === 'ok' || status === 'unavailable';
  } catch (error) {
    if (isUntrusted(error)) throw untrusted(url, error);
    // Whatever is there now, it is not the server that left its address.
    return false;
  }
}

/** OpenSSL's names of what is wrong with a certificate, and Node's for a wrong name. */
const certificateTrouble =
  /^(?:UNABLE_TO_(?:GET|VERIFY)_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|CERT_|ERR_TLS_CERT_ALTNAME)/;

function isUntrusted(error: unknown): boolean {
  for (let each = error; each instanceof Error; each = each.cause) {
    if (certificateTrouble.test((each as NodeJS.ErrnoException).code ?? '')) return true;
  }
  return false;
}

function untrusted(url: string, cause: unknown): BooError {
  return new BooError(
    'config_invalid',
    `The certificate of ${url} is not accepted here. If a private authority has signed it, set NODE_EXTRA_CA_CERTS to the file of that authority’s certificate.`,
    { cause },
  );
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new BooError('config_invalid', `${path} cannot be read: ${(error as Error).message}.`, { cause: error });
  }
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol)) return url;
  throw new BooError('config_invalid', `The address must look like http://127.0.0.1:4127, but it is ${text}.`);
}

function noToken(url: string): BooError {
  return new BooError('config_invalid', `There is no token for ${url}: set BOOCODE_TOKEN or give --token-file.`);
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
