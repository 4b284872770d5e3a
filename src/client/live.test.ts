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
