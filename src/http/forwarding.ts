/**
 * Has the host that holds a chat answer the requests for it, whichever host gets them.
 *
 * A request is sent on once at most: the host that gets it answers it or refuses it, and then this one looks again who
 * holds the chat. As long as the holder cannot be reached, commands wait for the end of its lease, because then any host
 * may take the chat.
 */
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { Chats, Holder, Subject } from '../chats/chats.ts';
import { type Clock, pause } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { callPeer, PeerError, type PeerUpgrade, upgradePeer } from '../peers/peer-connection.ts';
import type { Forwarded, Peers } from '../peers/peers.ts';
import { forwardedHeader, hostHeader } from '../peers/signature.ts';
import { BooError, type ErrorCode } from '../protocol/error.ts';
import type { Principal } from '../protocol/principal.ts';
import { readBody } from './body-pieces.ts';
import { answerHeaders, requestHeaders } from './forwarded-headers.ts';

/** As long as a lease lasts, and a moment for the database. */
const waitLimitMs = 16_000;
const lookAgainMs = 250;
/** How long the stored state may take to come from the holder, before it is read here. */
const readLimitMs = 5_000;
/** How often to ask whether a silent host still holds the chat. */
const watchEveryMs = 2_000;
const retryAfterSeconds = 2;

export interface ForwardingParts {
  chats: Pick<Chats, 'findHolder' | 'findOtherHost'>;
  peers: Pick<Peers, 'hasOthers' | 'sign' | 'verify'>;
  hostId: string;
  clock: Clock;
  log: Log;
}

export interface Asked {
  of: Subject;
  request: Request;
  principal: Principal;
  limitBytes: number;
  /** What it reads can be read here too, unless only the holder has it. */
  isStored: boolean;
  /** This host can answer unless something is missing here. */
  beginsHere?: boolean;
}

/** What became of a request that was sent to another host: without a response, it may have been carried out or not. */
type Sent = { response: Response } | { wasSent: boolean };

const nothing = new Uint8Array();

export class Forwarding {
  readonly #parts: ForwardingParts;
  /** Those that the log has called unreachable. */
  readonly #unreachable = new Set<string>();

  constructor(parts: ForwardingParts) {
    this.#parts = parts;
  }

  get hostId(): string {
    return this.#parts.hostId;
  }

  /** Who sent the request on; undefined if no other host did. Throws `unauthorized`, `wrong_host`. */
  async verify(request: Request): Promise<Forwarded | undefined> {
    const header = request.headers.get(forwardedHeader);
    if (header === null) return undefined;
    return this.#parts.peers.verify(header, { method: request.method, target: targetOf(request.url) });
  }

  /** The other host that holds the chat and has an address. */
  async findHolder(of: Subject): Promise<Holder | null> {
    return this.#parts.peers.hasOthers ? this.#lookUp(of, { seen: true }) : null;
  }

  /** The answer of the host that holds the chat: of another one, or, if this one holds it or may take it, of `here`. */
  async answer(asked: Asked, here: (request: Request) => Promise<Response>): Promise<Response> {
    const { clock } = this.#parts;
    const { of, request, limitBytes, beginsHere } = asked;
    const isStored = readsStored(asked);
    // It may be needed again: another host can take the chat at any moment, also one that has only just started.
    const body = isReading(request) ? nothing : await readBody(request, { limitBytes, clock });
    const untilMs = clock.monotonicMs() + waitLimitMs;
    const isLate = (): boolean => clock.monotonicMs() >= untilMs;
    let holder = beginsHere === true ? null : await this.findHolder(of);
    for (;;) {
      let problem: unknown;
      if (!holder) {
        try {
          return await here(request);
        } catch (error) {
          problem = error;
          holder = isLate() ? null : await this.#instead(error, of, beginsHere);
          if (!holder) throw error;
        }
      }
      // It need not hold the chat, so whether it does says nothing about it.
      const standsIn = isMissing(problem) || isStopping(problem) || isWithoutSnapshot(problem);
      const sent = await this.#send(holder, asked, body, { standsIn });
      if ('response' in sent) return sent.response;
      // Nothing is gained by waiting for a host that only stands in.
      if (!sent.wasSent && standsIn) throw problem;
      if (isStored) return here(request);
      if (sent.wasSent || isLate()) throw unreachable(holder, sent.wasSent);
      await pause(clock, lookAgainMs, request.signal);
      request.signal.throwIfAborted();
      holder = await this.#lookUp(of);
    }
  }

  /** What `here` gives, or the other host that is to be asked. */
  async hereOr<T>(of: Subject, here: () => Promise<T>): Promise<{ here: T } | { holder: Holder }> {
    const holder = await this.findHolder(of);
    if (holder) return { holder };
    try {
      return { here: await here() };
    } catch (error) {
      const instead = await this.#instead(error, of);
      if (!instead) throw error;
      return { holder: instead };
    }
  }

  /** Another host that can do what this one cannot: it has just taken the chat, has its directory, or is not about to stop. */
  async #instead(error: unknown, of: Subject, beginsHere = false): Promise<Holder | null> {
    const { chats } = this.#parts;
    if (isElsewhere(error)) return this.#lookUp(of);
    // A host with a clone of its own does not know how the files were.
    if (isMissing(error) || (beginsHere && isWithoutSnapshot(error)))
      return chats.findOtherHost(of, { hasDirectory: true });
    return isStopping(error) ? chats.findOtherHost(of, { hasDirectory: false }) : null;
  }

  async #lookUp(of: Subject, how = { seen: false }): Promise<Holder | null> {
    const holder = await this.#parts.chats.findHolder(of, how);
    return holder?.address ? holder : null;
  }

  /** Opens a WebSocket on the holder. Throws `host_unreachable`. */
  async upgrade(holder: Holder, { request, principal }: Pick<Asked, 'request' | 'principal'>, target: string) {
    const headers = requestHeaders(request.headers, 'websocket');
    const call = this.#call(holder, 'GET', target, nothing, principal, headers);
    try {
      const upgraded = await upgradePeer({ ...call, signal: request.signal });
      if ('answer' in upgraded) assertFrom(holder, upgraded.answer);
      return upgraded;
    } catch (error) {
      // Whoever asked has hung up: that says nothing about the holder.
      request.signal.throwIfAborted();
      this.#note(holder, error);
      throw unreachable(holder, false);
    }
  }

  /** The answer of another host to a request for a WebSocket that it refuses. */
  refusal({ answer }: Extract<PeerUpgrade, { answer: unknown }>): Response {
    return responseOf(answer);
  }

  async #send(holder: Holder, asked: Asked, body: Uint8Array, { standsIn }: { standsIn: boolean }): Promise<Sent> {
    const { of, request, principal } = asked;
    const { method, signal } = request;
    const call = this.#call(holder, method, targetOf(request.url), body, principal, requestHeaders(request.headers));
    const abort = new AbortController();
    const giveUp = (): void => abort.abort();
    const isStored = readsStored(asked);
    const stopWatching = standsIn && !isStored ? () => {} : this.#watch(of, holder, isStored, giveUp);
    let outcome: Response | string;
    let wasSent = false;
    try {
      const answer = await callPeer({ ...call, signal: AbortSignal.any([abort.signal, signal]) });
      assertFrom(holder, answer);
      wasSent = true;
      outcome = await refusedAs(answer);
    } catch (error) {
      signal.throwIfAborted();
      this.#note(holder, error);
      return { wasSent: wasSent || (error instanceof PeerError && error.wasSent) };
    } finally {
      stopWatching();
    }
    if (typeof outcome !== 'string') {
      this.#unreachable.delete(holder.id);
      return { response: outcome };
    }
    // Another host has the chat by now, or this one is about to stop: both are in order.
    if (outcome !== 'chat_elsewhere' && outcome !== 'shutting_down') this.#note(holder, new Error(outcome));
    return { wasSent: false };
  }

  #call(
    holder: Holder,
    method: string,
    target: string,
    body: Uint8Array,
    principal: Principal,
    headers: Record<string, string>,
  ) {
    const signed = this.#parts.peers.sign({ to: holder.id, method, target, body, principal });
    return {
      address: holder.address!,
      method,
      target,
      body,
      headers: {
        ...headers,
        // Node does not tell it by itself with every method.
        ...(body.byteLength > 0 && { 'content-length': String(body.byteLength) }),
        [forwardedHeader]: signed,
      },
    };
  }

  /** Gives up on an answer: on stored state when it takes too long, or else when the host no longer holds the chat. */
  #watch(of: Subject, holder: Holder, isStored: boolean, giveUp: () => void): () => void {
    const { clock, chats } = this.#parts;
    if (isStored) return clock.after(readLimitMs, giveUp);
    let isOver = false;
    let cancel = (): void => {};
    const look = (wasGone: boolean): void => {
      cancel = clock.after(watchEveryMs, () => {
        chats.findHolder(of).then(
          (now) => {
            const isGone = now?.id !== holder.id;
            if (isOver) return;
            // It answers a moment after it has given the chat away, or has deleted it.
            if (isGone && wasGone) giveUp();
            else look(isGone);
          },
          () => !isOver && look(false),
        );
      });
    };
    look(false);
    return () => {
      isOver = true;
      cancel();
    };
  }

  /** Logs it once, unless the client is the reason. */
  #note(holder: Holder, err: unknown): void {
    if (this.#unreachable.has(holder.id)) return;
    this.#unreachable.add(holder.id);
    this.#parts.log.warn({ err, host: holder.name, address: holder.address }, 'Another host cannot be reached.');
  }
}

/** Problems of a host with the request itself, not with what it asks for: it has done nothing. */
const refusals = ['unauthorized', 'chat_elsewhere', 'shutting_down', 'starting'];

/** The answer, or the code with which the host refused to answer. */
async function refusedAs(answer: IncomingMessage): Promise<Response | string> {
  const response = responseOf(answer);
  if (!response.headers.get('content-type')?.startsWith('application/problem+json')) return response;
  const text = await response.text();
  const { code } = JSON.parse(text) as { code: string };
  return refusals.includes(code) ? code : new Response(text, response);
}

function responseOf(answer: IncomingMessage): Response {
  const status = answer.statusCode ?? 502;
  const hasBody = ![204, 205, 304].includes(status);
  if (!hasBody) answer.resume();
  return new Response(hasBody ? (Readable.toWeb(answer) as ReadableStream<Uint8Array>) : null, {
    status,
    headers: answerHeaders(answer.rawHeaders),
  });
}

function targetOf(url: string): string {
  const { pathname, search } = new URL(url);
  return pathname + search;
}

const hasCode = (error: unknown, code: ErrorCode): boolean => error instanceof BooError && error.code === code;
const isElsewhere = (error: unknown): boolean => hasCode(error, 'chat_elsewhere');
const isMissing = (error: unknown): boolean => hasCode(error, 'workspace_missing');
const isWithoutSnapshot = (error: unknown): boolean =>
  hasCode(error, 'changes_unavailable') && (error as BooError).details['reason'] === 'no_snapshot';
const isStopping = (error: unknown): boolean => hasCode(error, 'shutting_down');
function isReading({ method }: Request): boolean {
  return method === 'GET' || method === 'HEAD';
}
const readsStored = ({ request, isStored }: Asked): boolean => isReading(request) && isStored;

/** Throws if something else answers at the holder's address: then the holder has done nothing. */
function assertFrom(holder: Holder, answer: IncomingMessage): void {
  if (answer.headers[hostHeader] === holder.id) return;
  answer.destroy();
  throw new Error('Something else answers there.');
}

function unreachable({ id: hostId, name, address }: Holder, wasSent: boolean): BooError {
  const outcome = wasSent ? 'It may have carried this out.' : 'Nothing was done.';
  return new BooError(
    'host_unreachable',
    `The host ${name} holds this chat and cannot be reached at ${address}. ${outcome} Try again shortly, or check its --advertise-url.`,
    { details: { hostId, name, address, wasSent, retryAfterSeconds } },
  );
}
