/**
 * Everything a client follows, over one WebSocket that is reopened whenever it is lost: with a new ticket, and with the
 * cursor of every chat, which is after the last event delivered: repeated events are dropped, and if an event skips a
 * number the chat is followed again from the cursor, so none is delivered twice or out of order.
 */
import type { TerminalSocket, TerminalSocketConstructor } from './terminal.ts';
import { isFinal } from './follow.ts';
import { unreachable, type Wire } from './request.ts';
import { BooError, type ErrorCode, errorCodes, toBooError } from '../protocol/error.ts';
import type { FeedItem } from '../protocol/event.ts';
import { isMarked, type LogCursor, seqOf } from '../protocol/log-cursor.ts';
import type { LiveClientMessage, LiveServerMessage, LiveTicket } from '../protocol/live.ts';
import { liveProtocol } from '../protocol/live-names.ts';
import { type Liveness, watchLiveness } from '../lib/liveness.ts';
import { createRetryDelay, type RetryDelay, type RetryRange, wait } from './retry-delay.ts';
import { ticketPrefix } from '../protocol/terminal-names.ts';

/**
 * `connecting`: a connection is being opened. `catching_up`: it is open, and something followed has not reached its
 * end. `open`: everything is as on the server. `offline`: there is no connection, and it will soon retry.
 */
export type LiveState = 'connecting' | 'open' | 'catching_up' | 'offline';

/** What arrives for one chat. Nothing follows `ended`: the chat was deleted, or does not exist. */
export type LiveItem = FeedItem | { kind: 'ended'; reason: 'deleted' | 'unknown' };

/**
 * What arrives for all chats. `chats_followed` ends the initial part of every connection: the warm chats and the
 * pending decisions. Other changes made while disconnected are in the lists.
 */
export type LiveNews = Extract<LiveServerMessage, { type: 'chat' | 'chat_deleted' | 'decision' | 'chats_followed' }>;

export interface LiveOptions {
  /** If there is no global one, as in Node 20. */
  WebSocket?: TerminalSocketConstructor | undefined;
  /** What the server said was wrong with the last message. */
  onError?: ((error: BooError) => void) | undefined;
}

export interface Live {
  readonly state: LiveState;
  /** Why it is offline. With `details.status` 401 or 403 it does not retry before `retry()`. */
  readonly error: BooError | undefined;
  /** Called with every new state. Returns a function that unsubscribes. */
  onState(listener: (state: LiveState) => void): () => void;
  /**
   * The chat's events after the cursor, live, each once and in order, across broken connections; previews in between,
   * and a `resume` first and after every reconnect: then previews start over, and after one with the verdict `gap` the
   * log starts over too. A chat can be followed once at a time. Returns a function that stops it.
   */
  follow(chatId: string, options: { after?: LogCursor | undefined; onItem: (item: LiveItem) => void }): () => void;
  /** Returns a function that stops it. */
  followChats(onNews: (news: LiveNews) => void): () => void;
  /** Retries at once instead of waiting: the network may be back. */
  retry(): void;
  /**
   * The same, and pings the server on an existing connection: the machine may have slept, or the network may have
   * changed.
   */
  check(): void;
  /** Ends all deliveries. Idempotent. */
  close(): void;
}

export interface LiveLimits {
  backoff: RetryRange;
  /** After this long without data the server is pinged. */
  silenceMs: number;
  /**
   * How long a ping, and opening a connection, may take. Doubles after each timeout, up to six times, until the server
   * has answered: a slow line must not be disconnected forever.
   */
  answerMs: number;
}

const maxPatience = 6;

interface Follow {
  readonly chatId: string;
  readonly onItem: (item: LiveItem) => void;
  readonly delay: RetryDelay;
  cursor: LogCursor;
  /** The cursor last sent to the server; undefined if none was sent on this connection. */
  asked: LogCursor | undefined;
  /** The newest event at that time; undefined until the server has reported it. */
  head: number | undefined;
  timer: ReturnType<typeof setTimeout> | undefined;
}

const isOpen = 1;

export function openLive(url: string, wire: Wire, options: LiveOptions, limits: LiveLimits): Live {
  const follows = new Map<string, Follow>();
  const newsListeners = new Set<(news: LiveNews) => void>();
  const stateListeners = new Set<(state: LiveState) => void>();
  const closing = new AbortController();
  let state: LiveState = 'connecting';
  let error: BooError | undefined;
  let socket: TerminalSocket | undefined;
  let hasChats = false;
  let hurry = new AbortController();
  let liveness: Liveness | undefined;
  let patience = 1;

  function enter(next: LiveState): void {
    if (state === next || closing.signal.aborted) return;
    state = next;
    for (const listener of stateListeners) listener(next);
  }

  /** Updates whether everything has arrived, while there is a connection. */
  function look(): void {
    if (socket?.readyState !== isOpen) return;
    const isBehind = [...follows.values()].some(({ head, cursor }) => head === undefined || seqOf(cursor) < head);
    enter(isBehind || (newsListeners.size > 0 && !hasChats) ? 'catching_up' : 'open');
  }

  function say(message: LiveClientMessage): void {
    if (socket?.readyState === isOpen) socket.send(JSON.stringify(message));
  }

  function ask(follow: Follow): void {
    if (socket?.readyState !== isOpen) return;
    follow.asked = follow.cursor;
    follow.head = undefined;
    say({ type: 'follow', chatId: follow.chatId, after: follow.cursor });
  }

  /** The server has stopped sending this chat, or has sent an impossible event: it is requested again soon. */
  function askAgain(follow: Follow): void {
    follow.asked = undefined;
    follow.head = undefined;
    clearTimeout(follow.timer);
    follow.timer = setTimeout(() => ask(follow), follow.delay.next());
  }

  function forget(follow: Follow): void {
    clearTimeout(follow.timer);
    if (follows.get(follow.chatId) === follow) follows.delete(follow.chatId);
  }

  function take(message: LiveServerMessage): void {
    switch (message.type) {
      case 'resume': {
        const { chatId, ...resume } = message;
        const follow = follows.get(chatId);
        // Of a subscription that has ended or been restarted since.
        if (follow?.asked === undefined || seqOf(follow.asked) !== resume.after) return;
        if (resume.verdict === 'gap') follow.cursor = 0;
        follow.head = resume.head;
        return follow.onItem({ kind: 'resume', ...resume });
      }
      case 'event': {
        const { event, cursor } = message;
        const follow = follows.get(event.chatId);
        if (follow?.head === undefined || event.seq <= seqOf(follow.cursor)) return;
        if (event.seq !== seqOf(follow.cursor) + 1) return askAgain(follow);
        follow.cursor = cursor ?? event.seq;
        follow.delay.reset();
        return follow.onItem({ kind: 'event', event, cursor });
      }
      case 'delta': {
        const follow = follows.get(message.delta.chatId);
        if (follow?.head !== undefined) follow.onItem({ kind: 'delta', delta: message.delta });
        return;
      }
      case 'ended': {
        const follow = follows.get(message.chatId);
        if (follow?.asked === undefined) return;
        const { reason } = message;
        if (reason !== 'deleted' && reason !== 'unknown') return askAgain(follow);
        forget(follow);
        return follow.onItem({ kind: 'ended', reason });
      }
      case 'error': {
        const code: ErrorCode = errorCodes.find((known) => known === message.code) ?? 'internal';
        // Only bare seqs are cursors to an older server.
        const refused = [...follows.values()].filter(({ asked, head }) => isMarked(asked ?? 0) && head === undefined);
        if (code === 'invalid_request' && message.message.startsWith('after: ') && refused.length > 0) {
          for (const follow of refused) {
            follow.cursor = seqOf(follow.cursor);
            ask(follow);
          }
          return;
        }
        return options.onError?.(new BooError(code, message.message));
      }
      case 'chats_followed':
        hasChats = true;
        break;
      case 'alive':
        patience = 1;
        return;
      default:
        break;
    }
    for (const listener of newsListeners) if (!closing.signal.aborted) listener(message);
  }

  function growPatient(): void {
    patience = Math.min(maxPatience, patience * 2);
  }

  /**
   * After a silent death the browser's pooled request connections are dead too, and it uses up each of them before it
   * opens a new one. So without a quick answer another request is sent; the first answer counts, and aborting the
   * others makes the browser discard their connections.
   */
  async function takeTicket(timeoutMs: number): Promise<string> {
    const sentAtMs = performance.now();
    const hangingUp = new AbortController();
    const hangUp = (): void => hangingUp.abort();
    closing.signal.addEventListener('abort', hangUp);
    const request = { method: 'POST', body: {}, signal: hangingUp.signal, timeoutMs } as const;
    let beside: ReturnType<typeof setInterval> | undefined;
    try {
      return await new Promise<string>((resolve, reject) => {
        const ask = (): void =>
          void wire.request<LiveTicket>('/v1/live/tickets', request).then(({ ticket }) => resolve(ticket), reject);
        ask();
        beside = setInterval(ask, limits.answerMs / 5);
      });
    } catch (thrown) {
      if (performance.now() - sentAtMs >= timeoutMs) growPatient();
      throw thrown;
    } finally {
      clearInterval(beside);
      closing.signal.removeEventListener('abort', hangUp);
      hangUp();
    }
  }

  /** One connection, from its ticket to its end. Returns or throws what ended it. */
  async function connect(onLife: () => void): Promise<BooError> {
    const Socket = options.WebSocket ?? (globalThis as { WebSocket?: TerminalSocketConstructor }).WebSocket;
    if (!Socket) {
      throw new BooError('invalid_request', 'There is no WebSocket in this environment: pass one in.', {
        details: { final: true },
      });
    }
    const answerMs = limits.answerMs * patience;
    const ticket = await takeTicket(answerMs);
    closing.signal.throwIfAborted();
    const own = new Socket(`${url.replace(/^http/, 'ws')}/v1/live`, [liveProtocol, `${ticketPrefix}${ticket}`]);
    socket = own;
    let opening: ReturnType<typeof setTimeout> | undefined;
    const hangUp = (): void => own.close(1000);
    closing.signal.addEventListener('abort', hangUp);
    try {
      return await new Promise<BooError>((resolve) => {
        let hasOpened = false;
        const lose = (why: string): void =>
          resolve(unreachable(url, new Error(why), hasOpened ? undefined : 'websocket_failed'));
        // A dead connection may take long to report that it is closed, if it ever does.
        const giveUp = (): void => {
          growPatient();
          lose('Nothing was received for too long.');
        };
        opening = setTimeout(giveUp, answerMs);
        own.addEventListener('open', () => {
          if (socket !== own || closing.signal.aborted) return;
          hasOpened = true;
          clearTimeout(opening);
          liveness = watchLiveness({
            silenceMs: limits.silenceMs,
            answerMs,
            ask: () => say({ type: 'ping' }),
            onDead: giveUp,
          });
          for (const follow of follows.values()) ask(follow);
          if (newsListeners.size > 0) say({ type: 'follow_chats' });
          look();
        });
        // The close that follows reports the outcome.
        own.addEventListener('error', () => undefined);
        own.addEventListener('message', ({ data }) => {
          // Closing may take long, and messages in transit still arrive.
          if (socket !== own || closing.signal.aborted || typeof data !== 'string') return;
          liveness?.hear();
          onLife();
          take(JSON.parse(data) as LiveServerMessage);
          look();
        });
        own.addEventListener('close', ({ code, reason }) => lose(`${code ?? 1006} ${reason ?? ''}`.trim()));
      });
    } finally {
      clearTimeout(opening);
      liveness?.stop();
      liveness = undefined;
      closing.signal.removeEventListener('abort', hangUp);
      socket = undefined;
      own.close(1000);
    }
  }

  async function run(): Promise<void> {
    const delay = createRetryDelay(limits.backoff);
    while (!closing.signal.aborted) {
      enter('connecting');
      error = undefined;
      hasChats = false;
      hurry = new AbortController();
      let isOver = false;
      try {
        // Only a connection that delivers something counts as a success.
        error = await connect(() => delay.reset());
      } catch (thrown) {
        error = toBooError(thrown);
        isOver = isFinal(thrown);
      }
      for (const follow of follows.values()) {
        clearTimeout(follow.timer);
        follow.asked = undefined;
        follow.head = undefined;
      }
      if (closing.signal.aborted) return;
      enter('offline');
      if (isOver) await aborted(hurry.signal);
      else await wait(delay.next(), hurry.signal);
    }
  }

  function retry(): void {
    if (state === 'offline') hurry.abort();
  }

  void run();

  return {
    get state() {
      return state;
    },
    get error() {
      return error;
    },
    onState(listener) {
      stateListeners.add(listener);
      return () => void stateListeners.delete(listener);
    },
    follow(chatId, { after = 0, onItem }) {
      if (follows.has(chatId)) throw new BooError('invalid_request', `Chat ${chatId} is already being followed.`);
      const delay = createRetryDelay(limits.backoff);
      const follow: Follow = {
        chatId,
        onItem,
        delay,
        cursor: after,
        asked: undefined,
        head: undefined,
        timer: undefined,
      };
      follows.set(chatId, follow);
      ask(follow);
      look();
      return () => {
        if (follows.get(chatId) !== follow) return;
        forget(follow);
        say({ type: 'unfollow', chatId });
        look();
      };
    },
    followChats(onNews) {
      newsListeners.add(onNews);
      // Sent again for later subscribers: the server repeats the initial part.
      hasChats = false;
      say({ type: 'follow_chats' });
      look();
      return () => {
        newsListeners.delete(onNews);
        look();
      };
    },
    retry,
    check() {
      retry();
      liveness?.check();
    },
    close() {
      closing.abort();
      hurry.abort();
      for (const follow of follows.values()) clearTimeout(follow.timer);
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
