/**
 * A route as a value: what it takes, what it returns, and who may use it. The server and the OpenAPI document are both
 * generated from the same list of routes.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { z } from 'zod';
import type { Clock } from '../lib/clock.ts';
import { BooError, type ErrorCode, toBooError } from '../protocol/error.ts';
import type { Forwarded } from '../peers/peers.ts';
import type { Grant } from '../people/grant.ts';
import type { OpenLink } from '../people/share-links.ts';
import type { Actor, Role } from '../protocol/principal.ts';
import type { Peer } from './connections.ts';
import { parseInput } from './invalid-request.ts';
import { readJsonBody } from './json-body.ts';
import type { OpenFeeds } from './open-feeds.ts';
import { clientHeader, clientHeaderName, clientName } from './parameters.ts';
import { noTrail, safeDetails, type Trail } from './trail.ts';

/**
 * `bearer`: the token. `ticket`: the token, or a one-use ticket. `code`: a one-use sign-in code in
 * the body, or one of an identity provider in the query. `link`: the secret of a link to one chat, in place of the token, and
 * nothing else. `open` and `static`: nothing, and nothing secret.
 */
export type Policy = 'open' | 'bearer' | 'ticket' | 'code' | 'link' | 'static';
/** Policies that identify the caller. */
type KnownPolicy = 'bearer' | 'ticket';
/** What a route uses of a person's quota: chats that it creates, or something that stays open. */
export type Quota = 'chats' | 'sockets' | 'feeds' | 'terminals';
export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

/** A WebSocket on another host, right after its handshake. */
export interface Tunnel {
  response: IncomingMessage;
  socket: Duplex;
  head: Buffer;
}

/** A connection that requests an upgrade to a WebSocket. */
export interface Upgrade {
  /** The response that upgrades it. The connection is the one below the socket. */
  accept(serve: (socket: WebSocket, connection: Duplex) => void): Response;
  /** The response that connects it with the WebSocket of another host. */
  tunnel(to: Tunnel): Response;
}

/** What an HTTP server adds to its requests; absent if the app is called without a server. */
export interface ServerEnv {
  /** The answer may take long: until the returned function is called, the connection may be silent. */
  allowSilence?: () => () => void;
  openFeeds?: OpenFeeds;
  upgrade?: Upgrade;
  peer?: Peer;
  /** How the client came to us, or to the proxy in front of us. */
  proto?: 'http' | 'https';
  /** Of an upgrade: calls when its connection is over. */
  whenClosed?: (call: () => void) => void;
}

export interface Incoming {
  request: Request;
  pathParams: Record<string, string>;
  clock: Clock;
  env: ServerEnv;
  /** Who calls and by what, as determined by the guard. */
  grant: Grant | undefined;
  /** Set if another host has sent the request on. */
  forwarded?: Forwarded | undefined;
  /** The link by which the caller asks. */
  link?: OpenLink | undefined;
  trail?: Trail | undefined;
}

interface RouteInput<P, Q, H, B> {
  params: P;
  query: Q;
  headers: H;
  body: B;
  request: Request;
  env: ServerEnv;
  clock: Clock;
  forwarded: Forwarded | undefined;
  /** What goes into the audit log beyond the request itself. */
  trail: Trail;
}

export interface RouteResponse {
  description: string;
  contentType?: string;
  schema?: z.ZodType;
}

/** The caller, or the link that somebody unknown has shown. Handlers of routes that require no credential get none. */
type Asker<L extends Policy> = [L] extends [KnownPolicy]
  ? { actor: Actor; grant: Grant }
  : [L] extends ['link']
    ? { link: OpenLink }
    : unknown;

interface RouteBase<L extends Policy = Policy> {
  /** The operation's name in generated clients. */
  id: string;
  method: Method;
  /** In OpenAPI's notation: `/v1/chats/{chatId}`. */
  path: string;
  policy: L;
  /**
   * The host that holds the chat answers, whichever host is asked; `only` if what is read there is not stored. With
   * `if_missing` this host answers, unless it does not have the chat's directory.
   */
  byHolder?: boolean | 'only' | 'if_missing';
  /** A GET that goes into the audit log each time, like everything that is not a GET. */
  isAudited?: true;
  /** Browsers are sent here: who cannot go on gets a page that says why. */
  isNavigated?: true;
  /** Of those who may see the chat, only for whoever owns it, and for owners of the server. */
  forOwnerOfChat?: true;
  summary: string;
  /** What of a person's quota a request uses. */
  quota?: Quota;
  /** The largest body that it accepts; by default enough for a few names and a path. */
  bodyLimitBytes?: number;
  responses: Record<number, RouteResponse | RouteResponse[]>;
  /** Reasons to refuse a request beyond its shape and policy: see `refusalsOf`. */
  errors?: readonly ErrorCode[];
}

/** A route that knows its caller says whom it is for. */
export type RouteText<L extends Policy> = RouteBase<L> &
  ([L] extends [KnownPolicy]
    ? {
        /** The least role that may use it. */
        role: Role;
      }
    : { role?: never });

interface RouteSchemas<P, Q, H, B> {
  /** A path that does not match its schema is 404. */
  params?: z.ZodType<P>;
  query?: z.ZodType<Q>;
  headers?: z.ZodObject & z.ZodType<H>;
  body?: z.ZodType<B>;
}

export interface Route extends RouteBase {
  role?: Role;
  bodyLimitBytes: number;
  schemas: RouteSchemas<unknown, unknown, unknown, unknown>;
  answer(incoming: Incoming): Promise<Response>;
}

/** For what people write and programs produce: prompts with their images, files, transcripts. */
export const largeBodyBytes = 16 * 1024 * 1024;
export const smallBodyBytes = 64 * 1024;
const noBodyBytes = 1024;

const noQuery = z.strictObject({});
const noBody = z.strictObject({}).optional();

export function route<L extends Policy, P = undefined, Q = undefined, H = undefined, B = undefined>(
  text: RouteText<L>,
  schemas: RouteSchemas<P, Q, H, B>,
  handle: (input: RouteInput<P, Q, H, B> & Asker<L>) => Promise<Response> | Response,
): Route {
  // If a route omits a schema, its handler does not use that value, whose type is undefined.
  const parse = <T>(schema: z.ZodType<T> | undefined, value: unknown, whole: string): T =>
    schema === undefined ? (undefined as T) : parseInput(schema, value, whole);

  // A path that does not match its schema does not exist.
  const parsePath = (schema: z.ZodType<P> | undefined, value: unknown): P => {
    try {
      return parse(schema, value, 'path');
    } catch (error) {
      const { message, details } = toBooError(error);
      throw new BooError('not_found', message, { details, cause: error });
    }
  };

  const bodyLimitBytes = text.bodyLimitBytes ?? (schemas.body === undefined ? noBodyBytes : smallBodyBytes);
  const { policy, method } = text;
  // Callers that may change something may name their client. For read-only requests nothing is recorded.
  const takesName = wantsPrincipal(policy) && method !== 'GET';
  return {
    ...text,
    bodyLimitBytes,
    schemas: takesName ? { ...schemas, headers: clientHeader.extend(schemas.headers?.shape ?? {}) } : schemas,
    async answer({ request, pathParams, clock, env, grant, forwarded, link, trail = noTrail }) {
      if (policy === 'link' && !link) throw withoutCredential();
      const asker = wantsPrincipal(policy)
        ? { actor: actorOf(request, grant, takesName), grant }
        : policy === 'link'
          ? { link }
          : {};
      const params = parsePath(schemas.params, pathParams);
      trail.tell({ details: safeDetails(params, undefined) });
      const headers = parse(schemas.headers, headersNamed(schemas.headers, request.headers), 'headers');
      const rawQuery = queryOf(request.url);
      if (schemas.query === undefined) parse(noQuery, rawQuery, 'query');
      const query = parse(schemas.query, rawQuery, 'query');
      const rawBody =
        text.method === 'GET'
          ? undefined
          : await readJsonBody(request, { limitBytes: bodyLimitBytes, clock, digest: forwarded?.bodyDigest });
      if (schemas.body === undefined) parse(noBody, rawBody, 'body');
      // If a required body is empty, the missing content type is the likelier mistake to report.
      else if (rawBody === undefined && request.headers.get('content-type') === null) {
        throw new BooError('unsupported_media_type', 'content-type: must be application/json, but is missing', {
          details: { field: 'content-type' },
        });
      }
      const body = parse(schemas.body, rawBody, 'body');
      trail.tell({ details: safeDetails(undefined, body) });
      return handle({ params, query, headers, body, request, env, clock, forwarded, trail, ...asker } as RouteInput<
        P,
        Q,
        H,
        B
      > &
        Asker<L>);
    },
  };
}

/** Whether the policy requires a known caller. */
export function wantsPrincipal(policy: Policy | undefined): policy is KnownPolicy {
  return policy === 'bearer' || policy === 'ticket';
}

const withoutCredential = (): BooError =>
  new BooError('internal', 'A request that requires a credential reached its route without one.');

function actorOf(request: Request, grant: Grant | undefined, takesName: boolean): Actor {
  // The guard lets nobody pass without identifying them.
  if (!grant) throw withoutCredential();
  const { principal } = grant;
  if (!takesName) return { principal, via: clientName.parse(undefined) };
  return {
    principal,
    via: parseInput(clientHeader, headersNamed(clientHeader, request.headers), 'headers')[clientHeaderName],
  };
}

/** All error codes with which a route may report a client error. */
export function refusalsOf({ method, policy, role, byHolder, quota, schemas, errors = [] }: Route): ErrorCode[] {
  const codes: ErrorCode[] = ['forbidden_host', 'forbidden_origin', 'invalid_request'];
  if (wantsPrincipal(policy) || policy === 'link') codes.push('unauthorized', 'too_many_attempts');
  if (role !== undefined && role !== 'viewer') codes.push('forbidden');
  if (schemas.params) codes.push('not_found');
  if (byHolder) codes.push('host_unreachable');
  if (quota) codes.push('quota_exceeded');
  if (method !== 'GET') codes.push('invalid_json', 'unsupported_media_type', 'payload_too_large', 'request_timeout');
  return [...new Set([...codes, ...errors])];
}

function headersNamed(schema: z.ZodObject | undefined, headers: Headers): Record<string, string> {
  const names = Object.keys(schema?.shape ?? {});
  return Object.fromEntries(names.flatMap((name) => (headers.has(name) ? [[name, headers.get(name) ?? '']] : [])));
}

/** Every parameter must occur at most once: with two values it would be unclear which one counts. */
function queryOf(url: string): Record<string, string> {
  const query: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of new URL(url).searchParams) {
    if (name in query) parseInput(once, value, name.slice(0, 100));
    query[name] = value;
  }
  return query;
}

const once = z.never('must be given only once');

export function json(status: number, value: unknown, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(value), { status, headers: { 'content-type': 'application/json', ...headers } });
}
