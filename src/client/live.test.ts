import { afterEach, expect, it } from 'vitest';
import { until } from '../../test/support/until.ts';
import { type Live, type LiveItem, type LiveNews, openLive } from './live.ts';
import type { Wire } from './request.ts';
import type { TerminalSocket } from './terminal.ts';
import type { LiveServerMessage } from '../protocol/live.ts';

type Listener = Parameters<TerminalSocket['addEventListener']>[1];

/** A socket that closes slowly: messages still arrive after `close()`. */
class SlowSocket implements TerminalSocket {
  static readonly opened: SlowSocket[] = [];
  binaryType = 'blob';
  readonly readyState = 1;
  readonly sent: string[] = [];
  readonly #listeners = new Map<string, Listener[]>();
  constructor() {
    SlowSocket.opened.push(this);
  }
  send(data: string | Uint8Array): void {
    this.sent.push(String(data));
  }
  close(): void {}
  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }
  emit(type: string, event: Parameters<Listener>[0] = {}): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event);
  }
  bring(message: LiveServerMessage): void {
    this.emit('message', { data: JSON.stringify(message) });
  }
}

let live: Live;
afterEach(() => {
  live.close();
  // The connection ends when its socket reports that it is closed.
  for (const socket of SlowSocket.opened.splice(0)) socket.emit('close', { code: 1000 });
});

async function connect() {
  const wire = { request: () => Promise.resolve({ ticket: 't' }) } as unknown as Wire;
  const limits = { backoff: { minMs: 5, maxMs: 10 }, silenceMs: 20_000, answerMs: 5_000 };
  live = openLive('http://boocode.test', wire, { WebSocket: SlowSocket }, limits);
  const socket = await until(() => SlowSocket.opened.at(-1));
  socket.emit('open');
  return socket;
}

it('WEB-3: a closed live connection delivers nothing that still arrives', async () => {
  const socket = await connect();
  const news: LiveNews[] = [];
  const items: LiveItem[] = [];
  live.followChats((each) => news.push(each));
  live.follow('c', { onItem: (item) => items.push(item) });
  const gone = { type: 'chat_deleted', chatId: 'd' } as const;
  const ended = { type: 'ended', chatId: 'c', reason: 'deleted' } as const;
  socket.bring(gone);
  expect(news).toEqual([gone]);
  live.close();
  socket.bring(gone);
  socket.bring(ended);
  expect([news, items]).toEqual([[gone], []]);
});

it('WEB-3: a listener that closes the connection during a delivery is the last to get it', async () => {
  const socket = await connect();
  const heard: string[] = [];
  live.followChats(() => {
    heard.push('first');
    live.close();
  });
  live.followChats(() => heard.push('second'));
  socket.bring({ type: 'chats_followed' });
  expect(heard).toEqual(['first']);
});

it('WEB-3: an event after a gap is not delivered until the missing ones were requested', async () => {
  const socket = await connect();
  const seqs: number[] = [];
  live.follow('c', { onItem: (item) => item.kind === 'event' && seqs.push(item.event.seq) });
  const event = (seq: number) =>
    ({
      type: 'event',
      event: { chatId: 'c', seq, at: '', type: 'notice', level: 'info', code: 'x', message: '' },
    }) as const;
  const follows = () =>
    socket.sent.map((each) => JSON.parse(each) as { type: string }).filter(({ type }) => type === 'follow');
  socket.bring({ type: 'resume', chatId: 'c', verdict: 'ok', after: 0, head: 3 });
  socket.bring(event(1));
  socket.bring(event(3));
  expect(seqs).toEqual([1]);
  await until(() => follows().length === 2);
  expect(follows()[1]).toMatchObject({ chatId: 'c', after: 1 });
  socket.bring({ type: 'resume', chatId: 'c', verdict: 'ok', after: 1, head: 3 });
  for (const seq of [2, 3]) socket.bring(event(seq));
  expect(seqs).toEqual([1, 2, 3]);
});

it('LOG-15: comes back with the cursor that the server gave; an older server, which refuses it, is given its seq', async () => {
  let socket = await connect();
  const items: LiveItem[] = [];
  live.follow('c', { after: '1-mark', onItem: (item) => items.push(item) });
  const follows = () =>
    socket.sent.flatMap((each) => {
      const message = JSON.parse(each) as { type: string; after?: unknown };
      return message.type === 'follow' ? [message.after] : [];
    });
  const event = { chatId: 'c', seq: 2, at: '', type: 'notice', level: 'info', code: 'x', message: '' } as const;
  socket.bring({ type: 'resume', chatId: 'c', verdict: 'ok', after: 1, head: 2 });
  socket.bring({ type: 'event', event, cursor: '2-mark' });
  expect([follows(), live.state]).toEqual([['1-mark'], 'open']);
  expect(items.at(-1)).toMatchObject({ kind: 'event', cursor: '2-mark' });
  const before = socket;
  before.emit('close', { code: 1006 });
  socket = await until(() => SlowSocket.opened.find((each) => each !== before));
  socket.emit('open');
  socket.bring({
    type: 'error',
    code: 'invalid_request',
    message: 'after: Invalid input: expected number, received string',
  });
  expect(follows()).toEqual(['2-mark', 2]);
  socket.bring({ type: 'resume', chatId: 'c', verdict: 'ok', after: 2, head: 2 });
  expect([live.state, items.length]).toEqual(['open', 3]);
});

it('LOG-15: starts over if its cursor is of another log', async () => {
  const socket = await connect();
  const seqs: number[] = [];
  live.follow('c', { after: '5-mark', onItem: (item) => item.kind === 'event' && seqs.push(item.event.seq) });
  const event = { chatId: 'c', seq: 1, at: '', type: 'notice', level: 'info', code: 'x', message: '' } as const;
  socket.bring({ type: 'resume', chatId: 'c', verdict: 'gap', after: 5, head: 1 });
  socket.bring({ type: 'event', event, cursor: '1-new' });
  expect([seqs, live.state]).toEqual([[1], 'open']);
});
