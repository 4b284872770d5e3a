/**
 * A scripted stand-in for the Anthropic Messages API, on loopback only, so that real turns run without an account. It
 * is not a model: `scripts.ts` contains everything it can say. Every response carries `x-boocode-demo-model: scripted`.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type Conversation, readConversation } from './conversation.ts';
import { answerModels } from './models.ts';
import { createBodySink, createStreamSink } from './message-sink.ts';
import { outputTokensOf, playMessage } from './play.ts';
import type { Step } from './reply.ts';
import { type MessagesRequest, parseRequest } from './request.ts';
import { chooseReply } from './scripts.ts';
import { countTokens, type InputUsage, inputUsageOf } from './usage.ts';

export interface DemoModelOptions {
  /** 0, the default, picks a free port. */
  port?: number;
  /** If given, requests with another key, or none, get 401. */
  apiKey?: string;
  /** Between the pieces of an ordinary text; 0, the default, streams as fast as possible. */
  intervalMs?: number;
  /** How many of the newest requests are kept for inspection; 100 by default. */
  keepRequests?: number;
}

export interface RecordedRequest {
  method: string;
  path: string;
  /** Without the credentials. */
  headers: Readonly<Record<string, string>>;
  body: unknown;
  /** The name of the script that answered; null if none did. */
  script: string | null;
  /** The usage of the complete answer; null if there is none. */
  usage: (InputUsage & { output_tokens: number }) | null;
}

export interface DemoModel {
  /** http://127.0.0.1:PORT */
  readonly url: string;
  readonly requests: readonly RecordedRequest[];
  /** How many replies are currently held. */
  readonly held: number;
  /** Releases every held reply; returns how many there were. */
  release(): number;
  /** Ends running replies and frees the port. Idempotent. */
  close(): Promise<void>;
}

const maxBodyBytes = 64 * 1024 * 1024;
const maxCountedAttempts = 1000;
const loopbackAddresses = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1']);
const loopbackHost = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;

export async function startDemoModel(options: DemoModelOptions = {}): Promise<DemoModel> {
  const { apiKey, intervalMs = 0, keepRequests = 100 } = options;
  const requests: RecordedRequest[] = [];
  const holds = new Set<() => void>();
  const attempts = new Map<string, number>();
  const closing = new AbortController();
  const running = new Set<Promise<void>>();

  function record(request: RecordedRequest): void {
    requests.push(request);
    if (requests.length > keepRequests) requests.shift();
  }

  function countAttempt(key: string): number {
    const before = attempts.get(key) ?? 0;
    attempts.delete(key);
    attempts.set(key, before + 1);
    if (attempts.size > maxCountedAttempts)
      for (const oldest of [...attempts.keys()].slice(0, 1)) attempts.delete(oldest);
    return before;
  }

  function hold(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const go = (): void => {
        holds.delete(go);
        signal.removeEventListener('abort', go);
        resolve();
      };
      holds.add(go);
      signal.addEventListener('abort', go);
      if (signal.aborted) go();
    });
  }

  async function answer(request: MessagesRequest, reply: readonly Step[], response: ServerResponse): Promise<void> {
    const first = reply[0];
    const steps = first?.type === 'headers' ? reply.slice(1) : reply;
    if (first?.type === 'headers') response.setHeaders(new Map(Object.entries(first.headers)));
    if (first?.type === 'silence') return;
    if (first?.type === 'fail') return fail(response, first.status, first.errorType, first.message, first.headers);
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const signal = AbortSignal.any([gone.signal, closing.signal]);
    await playMessage(steps, {
      sink: request.stream === true ? createStreamSink(response) : createBodySink(response),
      model: request.model,
      usage: inputUsageOf(request),
      intervalMs,
      signal,
      hold: () => hold(signal),
      async cut() {
        await new Promise((resolve) => response.write(':\n\n', resolve));
        response.destroy();
      },
    });
  }

  async function handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('x-boocode-demo-model', 'scripted');
    response.setHeader('request-id', `req_demo_${requests.length}`);
    const method = incoming.method ?? '';
    const path = (incoming.url ?? '').split('?', 1)[0] ?? '';
    const entry = { method, path, headers: publicHeaders(incoming), body: undefined, script: null, usage: null };

    if (!isLoopback(incoming)) {
      return fail(response, 403, 'permission_error', 'The demo model answers on the loopback interface only.');
    }
    if (method === 'GET' && path.startsWith('/v1/models') && (apiKey === undefined || holdsKey(incoming, apiKey))) {
      record(entry);
      const { status, body } = answerModels(path.slice('/v1/models'.length));
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
      return;
    }
    const isCount = path === '/v1/messages/count_tokens';
    if (method !== 'POST' || (path !== '/v1/messages' && !isCount)) {
      record(entry);
      return fail(response, 404, 'not_found_error', `The demo model has no ${method} ${path}.`);
    }
    if (apiKey !== undefined && !holdsKey(incoming, apiKey)) {
      record(entry);
      return fail(response, 401, 'authentication_error', 'invalid x-api-key');
    }
    const text = await readBody(incoming);
    if (text === null) {
      return fail(response, 413, 'request_too_large', `A request may have at most ${maxBodyBytes} bytes.`);
    }
    const body = parseJson(text);
    const parsed = body === undefined ? { ok: false as const, message: 'The body is not JSON.' } : parseRequest(body);
    if (!parsed.ok) {
      record({ ...entry, body });
      return fail(response, 400, 'invalid_request_error', parsed.message);
    }
    if (isCount) {
      record({ ...entry, body });
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ input_tokens: countTokens(parsed.request) }));
      return;
    }
    const conversation = readConversation(parsed.request);
    const chosen = chooseReply({ ...conversation, attempt: countAttempt(keyOf(incoming, conversation)) });
    const usage = { ...inputUsageOf(parsed.request), output_tokens: outputTokensOf(chosen.steps) };
    record({ ...entry, body, script: chosen.name, usage });
    await answer(parsed.request, chosen.steps, response);
  }

  const server = createServer((incoming, response) => {
    const work = handle(incoming, response).catch((error: unknown) => {
      if (response.headersSent || response.destroyed) response.destroy();
      else fail(response, 500, 'api_error', error instanceof Error ? error.message : String(error));
    });
    running.add(work);
    void work.finally(() => running.delete(work));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The demo model has no port.');

  let closed: Promise<void> | undefined;
  return {
    url: `http://127.0.0.1:${address.port}`,
    requests,
    get held() {
      return holds.size;
    },
    release() {
      const count = holds.size;
      for (const go of holds) go();
      return count;
    },
    close() {
      closed ??= (async () => {
        const ended = new Promise<void>((resolve) => server.close(() => resolve()));
        closing.abort();
        server.closeAllConnections();
        await ended;
        await Promise.all(running);
      })();
      return closed;
    },
  };
}

function fail(
  response: ServerResponse,
  status: number,
  type: string,
  message: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify({ type: 'error', error: { type, message } }));
}

/** The same for the same request of the same agent, if sent again. */
function keyOf(incoming: IncomingMessage, conversation: Pick<Conversation, 'typed' | 'rounds'>): string {
  const agent = [incoming.headers['x-claude-code-session-id'], incoming.headers['x-claude-code-agent-id']];
  const state = JSON.stringify([agent, conversation.typed, conversation.rounds.map((round) => round.id)]);
  return createHash('sha256').update(state).digest('base64');
}

function isLoopback(incoming: IncomingMessage): boolean {
  // The Host header too: a page in a browser could reach us under its own name.
  return loopbackAddresses.has(incoming.socket.remoteAddress ?? '') && loopbackHost.test(incoming.headers.host ?? '');
}

function holdsKey(incoming: IncomingMessage, apiKey: string): boolean {
  const given = incoming.headers['x-api-key'] ?? incoming.headers.authorization?.replace(/^Bearer /, '') ?? '';
  const digest = (value: string): Buffer => createHash('sha256').update(value).digest();
  return timingSafeEqual(digest(String(given)), digest(apiKey));
}

function publicHeaders(incoming: IncomingMessage): Record<string, string> {
  const secret = new Set(['x-api-key', 'authorization', 'cookie']);
  return Object.fromEntries(
    Object.entries(incoming.headers).flatMap(([name, value]) =>
      secret.has(name) || value === undefined ? [] : [[name, String(value)]],
    ),
  );
}

/** Null if it is too large. */
async function readBody(incoming: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
