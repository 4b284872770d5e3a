import { BooError, type ErrorCode, errorCodes } from '../protocol/error.ts';

export interface RequestOptions {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  query?: Record<string, string | number | undefined> | undefined;
  body?: unknown;
  /** Overrides the client's own; null waits as long as it takes. */
  timeoutMs?: number | null;
  /** Aborts the request. */
  signal?: AbortSignal | undefined;
  /** The page may be gone before it is sent. */
  keepalive?: boolean | undefined;
}

/** The client's transport: every request carries the token and the client's name. */
export interface Wire {
  /** The JSON response, or undefined if there is no body. Throws BooError. */
  request<T>(path: string, options?: RequestOptions): Promise<T>;
  /** An open stream: of events, unless another type is requested. Throws BooError. */
  openStream(
    path: string,
    query: RequestOptions['query'],
    signal: AbortSignal,
    type?: string,
  ): Promise<ReadableStream<Uint8Array>>;
}

export interface FetchInit {
  method: string;
  headers: Record<string, string>;
  body?: string;
  keepalive?: boolean;
  signal: AbortSignal;
}

/** What the client needs of a response. */
export interface FetchResponse {
  readonly ok: boolean;
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: ReadableStream<Uint8Array> | null;
  text(): Promise<string>;
}

/** What the client needs of `fetch`, which has more. */
export type Fetch = (url: string, init: FetchInit) => Promise<FetchResponse>;

export interface WireOptions {
  url: string;
  token: string | undefined;
  fetch: Fetch;
  clientName: string;
  timeoutMs: number;
}

/**
 * Throws BooError `config_invalid` for a token that no header accepts, which would otherwise look like an unreachable
 * server.
 */
export function createWire(options: WireOptions): Wire {
  if (options.token !== undefined && /[^\x21-\x7e]/.test(options.token)) {
    const problem = 'The token contains a line break, a space or another character that no token has.';
    throw new BooError('config_invalid', problem);
  }
  const base = options.url.replace(/\/+$/, '');
  const identity = {
    // The server accepts no other characters, and no longer name.
    'boocode-client': options.clientName.replace(/[^\x20-\x7e]/g, '?').slice(0, 64) || 'client',
    ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
  };

  async function send(
    path: string,
    accept: string,
    request: RequestOptions,
    signal: AbortSignal,
  ): Promise<FetchResponse> {
    const body = request.body === undefined ? undefined : JSON.stringify(request.body);
    return options.fetch(base + path + queryText(request.query), {
      method: request.method ?? 'GET',
      headers: { accept, ...identity, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body }),
      ...(request.keepalive ? { keepalive: true } : {}),
      signal,
    });
  }

  return {
    async request<T>(path: string, request: RequestOptions = {}) {
      const abort = new AbortController();
      const hangUp = (): void => abort.abort();
      const { signal, timeoutMs = options.timeoutMs } = request;
      const timer = timeoutMs === null ? undefined : setTimeout(hangUp, timeoutMs);
      signal?.addEventListener('abort', hangUp);
      if (signal?.aborted) hangUp();
      let response: FetchResponse;
      let text: string;
      try {
        response = await send(path, 'application/json', request, abort.signal);
        text = await response.text();
      } catch (error) {
        // Whoever has aborted it knows why.
        signal?.throwIfAborted();
        throw unreachable(base, error);
      } finally {
        clearTimeout(timer);
        signal?.removeEventListener('abort', hangUp);
      }
      if (!response.ok) throw problemOf(response.status, text);
      if (text === '') return undefined as T;
      try {
        return JSON.parse(text) as T;
      } catch (error) {
        throw new BooError('internal', `${base} does not respond like a BooCode server.`, { cause: error });
      }
    },

    async openStream(path, query, signal, type = 'text/event-stream') {
      let response: FetchResponse;
      try {
        response = await send(path, type, { query }, signal);
      } catch (error) {
        throw unreachable(base, error);
      }
      if (!response.ok) {
        const text = await response.text().catch((error: unknown) => {
          throw unreachable(base, error);
        });
        throw problemOf(response.status, text);
      }
      if (!response.body || !response.headers.get('content-type')?.startsWith(type)) {
        await response.body?.cancel();
        throw new BooError('internal', `${base} responds without a stream of ${type}.`, { details: { final: true } });
      }
      return response.body;
    },
  };
}

function queryText(query: RequestOptions['query'] = {}): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) params.set(name, String(value));
  return params.size === 0 ? '' : `?${params.toString()}`;
}

/**
 * The request got no response, or only part of one: it may or may not have been carried out. `websocket_failed` as
 * `step`: requests were answered, but the WebSocket was not.
 */
export function unreachable(url: string, cause: unknown, step?: 'websocket_failed'): BooError {
  return new BooError('internal', `BooCode at ${url} cannot be reached.`, {
    cause,
    details: { reason: 'unreachable', ...(step === undefined ? {} : { step }) },
  });
}

/** True if the server gave no response, so that only asking again can tell what became of the request. */
export function isUnreachable(error: unknown): boolean {
  // A server's own error has a status, whatever its reason says.
  return error instanceof BooError && error.details['reason'] === 'unreachable' && !('status' in error.details);
}

/** True if the same request is likely to succeed in a moment. */
export function isPassing(error: unknown): boolean {
  if (isUnreachable(error)) return true;
  return error instanceof BooError && (error.code === 'host_unreachable' || error.code === 'starting');
}

const codeOfStatus: Record<number, ErrorCode> = { 401: 'unauthorized', 404: 'not_found' };

/** The error in an `application/problem+json` response; the status decides if a proxy responded instead. */
function problemOf(status: number, text: string): BooError {
  let problem: Record<string, unknown> = {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null) problem = { ...parsed };
  } catch {
    // Not from BooCode itself: use the status.
  }
  const { type: _type, title, detail, instance: _instance, code: given, status: _status, ...details } = problem;
  const code = errorCodes.find((known) => known === given) ?? codeOfStatus[status] ?? 'internal';
  const sentence = [detail, title].find((value) => typeof value === 'string' && value !== '');
  const message = typeof sentence === 'string' ? sentence : `The server responded with status ${status}.`;
  return new BooError(code, message, { details: { ...details, status } });
}
