import { describe, expect, it } from 'vitest';
import { until } from '../../../test/support/until.ts';
import type { LiveItem } from '../../client/client.ts';
import { BooError } from '../../protocol/error.ts';
import type { Event, EventPage } from '../../protocol/event.ts';
import { type LogCursor, seqOf } from '../../protocol/log-cursor.ts';
import { openChat, pageSize } from './open-chat.ts';

const chatId = '11111111-1111-4111-8111-111111111111';
const event = (seq: number): Event => ({
  chatId,
  seq,
  at: '2026-01-01T00:00:00.000Z',
  type: 'notice',
  level: 'info',
  code: 'x',
  message: `event ${seq}`,
});

/** A server with a log of `count` events. Records requests, and lets the test send live items. */
function serverWith(count: number) {
  let log = Array.from({ length: count }, (_, index) => event(index + 1));
  let onItem: ((item: LiveItem) => void) | undefined;
  const asked: LogCursor[] = [];
  const followed: LogCursor[] = [];
  /** Of the log; none, as from an older server, if undefined. */
  let mark: string | undefined;
  let failure: BooError | undefined;
  let signedOut = 0;
  const resets: number[] = [];
  const frames: (() => void)[] = [];
  const chat = () =>
    openChat({
      chatId,
      retryMs: 5,
      onUnauthorized: () => (signedOut += 1),
      onReset: (last) => resets.push(last),
      schedule: (work) => frames.push(work),
      api: {
        listPrompts: () => Promise.resolve({ items: [] }),
        events(_id, { before = 0, limit = 0 } = {}): Promise<EventPage> {
          if (failure) return Promise.reject(failure);
          asked.push(before);
          if (typeof before === 'string' && !before.endsWith(`-${mark}`)) {
            return Promise.reject(new BooError('log_replaced', 'Another log.'));
          }
          const items = log.filter(({ seq }) => seq < seqOf(before)).slice(-limit);
          const cursor = (at: number) => (mark && items.length > 0 ? `${items.at(at)!.seq}-${mark}` : null);
          return Promise.resolve({ items, next: null, head: log.length, start: cursor(0), end: cursor(-1) });
        },
      },
      live: {
        follow(_id, options) {
          followed.push(options.after ?? 0);
          onItem = options.onItem;
          return () => (onItem = undefined);
        },
      },
    });
  return {
    chat,
    asked,
    followed,
    resets,
    say: (item: LiveItem) => onItem?.(item),
    add(more: number) {
      const fresh = Array.from({ length: more }, (_, index) => event(log.length + index + 1));
      log = [...log, ...fresh];
      for (const each of fresh) onItem?.({ kind: 'event', event: each });
    },
    replaceLog: (length: number) => (log = log.slice(0, length)),
    mark: (given: string) => (mark = given),
    signedOut: () => signedOut,
    fail: (error: BooError | undefined) => (failure = error),
    /** Runs the next animation frame. */
    draw: () => frames.splice(0).forEach((work) => work()),
  };
}

const seqs = (chat: ReturnType<typeof openChat>): number[] => chat.view.get().log.items.map(({ seq }) => seq);
const isLive = (chat: ReturnType<typeof openChat>) => until(() => chat.view.get().state === 'live');

describe('WEB-23: an open chat', () => {
  it('shows the end of a long log after one page, and loads older pages on request', async () => {
    const server = serverWith(50_000);
    const chat = server.chat();
    await isLive(chat);
    expect([seqs(chat)[0], seqs(chat).at(-1), seqs(chat).length]).toEqual([49_701, 50_000, pageSize]);
    expect(server.followed).toEqual([50_000]);
    await Promise.all([chat.loadOlder(), chat.loadOlder()]);
    expect(server.asked.slice(1)).toEqual([49_701]);
    expect(seqs(chat)).toEqual(Array.from({ length: 2 * pageSize }, (_, index) => 49_401 + index));
  });

  it('applies everything that arrives within one frame at once', async () => {
    const server = serverWith(2);
    const chat = server.chat();
    await isLive(chat);
    server.say({ kind: 'resume', type: 'resume', verdict: 'ok', after: 2, head: 2 });
    let changes = 0;
    chat.view.subscribe(() => (changes += 1));
    server.add(50);
    expect(changes).toBe(0);
    server.draw();
    expect([changes, seqs(chat).length]).toEqual([1, 52]);
  });

  it('reports that it is catching up until it has', async () => {
    const server = serverWith(1);
    const chat = server.chat();
    await isLive(chat);
    server.say({ kind: 'resume', type: 'resume', verdict: 'ok', after: 1, head: 4 });
    expect(chat.view.get().state).toBe('catching up');
    server.add(2);
    server.draw();
    expect(chat.view.get().state).toBe('catching up');
    server.add(1);
    server.draw();
    expect(chat.view.get().state).toBe('live');
  });

  it('reloads the log after a gap, and says so', async () => {
    const server = serverWith(10);
    const chat = server.chat();
    await isLive(chat);
    server.replaceLog(3);
    server.say({ kind: 'resume', type: 'resume', verdict: 'gap', after: 10, head: 3 });
    await until(() => chat.view.get().wasReset && chat.view.get().state === 'live');
    expect(seqs(chat)).toEqual([1, 2, 3]);
    expect([server.followed, server.resets]).toEqual([[10, 3], [3]]);
  });

  it('LOG-16: follows and pages with the log’s own cursors, and reloads it if it is another one when it pages back', async () => {
    const server = serverWith(1_000);
    server.mark('one');
    const chat = server.chat();
    await isLive(chat);
    await chat.loadOlder();
    await chat.loadOlder();
    expect([server.followed, server.asked.slice(1)]).toEqual([['1000-one'], ['701-one', '401-one']]);
    server.mark('two');
    server.replaceLog(700);
    await chat.loadOlder();
    await until(() => chat.view.get().wasReset && chat.view.get().state === 'live');
    expect([seqs(chat)[0], seqs(chat).at(-1), chat.view.get().isLoadingOlder]).toEqual([401, 700, false]);
    await chat.loadOlder();
    expect([server.followed.at(-1), server.asked.at(-1)]).toEqual(['700-two', '401-two']);
  });

  it('drops incomplete previews when the connection is new', async () => {
    const server = serverWith(0);
    const chat = server.chat();
    await isLive(chat);
    const delta = (text: string): LiveItem => ({
      kind: 'delta',
      delta: { chatId, type: 'agent_message_chunk', messageId: 'm', content: { type: 'text', text } },
    });
    server.say(delta('Hel'));
    server.draw();
    server.say(delta('lost'));
    server.say({ kind: 'resume', type: 'resume', verdict: 'ok', after: 0, head: 0 });
    server.say(delta('Hello'));
    server.draw();
    expect(chat.view.get().log.drafts.map(({ text }) => text)).toEqual(['Hello']);
  });

  const passing = [
    ['the server cannot be reached', new BooError('internal', 'Away.', { details: { reason: 'unreachable' } })],
    ['its database is away', new BooError('storage_unavailable', 'Away.', { details: { status: 503 } })],
  ] as const;
  it.each(passing)('WEB-28: retries automatically while %s', async (_, failure) => {
    const server = serverWith(1);
    server.fail(failure);
    const chat = server.chat();
    await until(() => chat.view.get().state === 'failed');
    server.fail(undefined);
    await isLive(chat);
    expect(seqs(chat)).toEqual([1]);
  });

  it('WEB-42: reloads the log if an event is missing, and shows nothing out of order', async () => {
    const server = serverWith(3);
    const chat = server.chat();
    await isLive(chat);
    server.say({ kind: 'event', event: event(5) });
    server.replaceLog(2);
    server.draw();
    await until(() => chat.view.get().wasReset && chat.view.get().state === 'live');
    expect(seqs(chat)).toEqual([1, 2]);
  });

  it('says why an older page failed to load, until it is retried or the connection is new', async () => {
    const server = serverWith(1_000);
    const chat = server.chat();
    await isLive(chat);
    server.fail(new BooError('storage_unavailable', 'The database does not answer.'));
    await chat.loadOlder();
    expect(chat.view.get()).toMatchObject({
      state: 'live',
      isLoadingOlder: false,
      olderError: 'The database does not answer.',
    });
    server.say({ kind: 'resume', type: 'resume', verdict: 'ok', after: 1_000, head: 1_000 });
    expect(chat.view.get().olderError).toBeUndefined();
    await chat.loadOlder();
    expect(chat.view.get().olderError).toBeDefined();
    server.fail(undefined);
    await chat.loadOlder();
    expect([chat.view.get().olderError, seqs(chat).length]).toEqual([undefined, 2 * pageSize]);
  });

  it('treats an older page that is empty or ends too early as a failure', async () => {
    const server = serverWith(1_000);
    const chat = server.chat();
    await isLive(chat);
    for (const left of [500, 0]) {
      server.replaceLog(left);
      await chat.loadOlder();
      expect(chat.view.get().olderError).toBe(`Event 701 came after event ${left}.`);
      expect(seqs(chat)).toHaveLength(pageSize);
    }
  });

  it('WEB-45: reports that the server no longer accepts the token', async () => {
    const server = serverWith(1_000);
    const chat = server.chat();
    await isLive(chat);
    server.fail(new BooError('unauthorized', 'The token is wrong.'));
    await chat.loadOlder();
    expect(server.signedOut()).toBe(1);
    chat.retry();
    await until(() => server.signedOut() === 2);
  });

  it('says what went wrong, retries on request, and is gone if the chat does not exist', async () => {
    const server = serverWith(1);
    server.fail(new BooError('storage_unavailable', 'The database does not answer.'));
    const chat = server.chat();
    await until(() => chat.view.get().state === 'failed');
    expect(chat.view.get().error).toBe('The database does not answer.');
    server.fail(undefined);
    chat.retry();
    await isLive(chat);
    server.fail(new BooError('not_found', 'Nothing here.'));
    const other = server.chat();
    await until(() => other.view.get().state === 'gone');
  });
});
