import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { isEvent, openRawFeed } from '../support/raw-feed.ts';
import { openServer, type TestServer } from '../support/server.ts';
import { followUntil, nextDelta } from '../support/turns.ts';

let server: TestServer;
const sockets: Socket[] = [];

beforeAll(async () => {
  server = await openServer();
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});
afterAll(() => server.close());

/** Opens a feed, and stops reading after its first bytes. */
async function openStalledFeed(chatId: string): Promise<Socket> {
  const { hostname, port, host } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  sockets.push(socket);
  await once(socket, 'connect');
  const lines = [
    `GET /v1/chats/${chatId}/events HTTP/1.1`,
    `host: ${host}`,
    `authorization: Bearer ${server.token}`,
    'accept: text/event-stream',
    'connection: close',
  ];
  socket.write([...lines, '', ''].join('\r\n'));
  await once(socket, 'readable');
  return socket;
}

test('LOG-5: a reader that reads nothing is disconnected and can reconnect, while the others and the turn continue', async () => {
  const { client, model } = server;
  const chat = await server.createChat();
  await client.prompt(chat.id, { content: 'hold' });
  await nextDelta(client, chat.id);
  const stalled = await openStalledFeed(chat.id);

  // More than the buffers of the kernel and of the reader can hold: it piles up somewhere, or the feed ends.
  let resumes = 0;
  const reading = followUntil(client, chat.id, (item) => {
    if (item.kind === 'resume') resumes += 1;
    return item.kind === 'event' && item.event.type === 'turn_finished';
  });
  for (let count = 0; count < 8; count += 1) {
    await client.prompt(chat.id, { id: `large-${count}`, content: 'x'.repeat(3_000_000) });
  }
  model.release();
  expect(await reading).toMatchObject({ event: { outcome: 'completed' } });
  expect(resumes).toBe(1);

  let received = '';
  stalled.setEncoding('utf8');
  for await (const piece of stalled) received += String(piece);
  // The feed ended cleanly, before the turn did.
  expect(received).toMatch(/\r\n0\r\n\r\n$/);
  expect(received).toContain('event: resume');
  expect(received).not.toContain('"turn_finished"');
  const seqs = [...received.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1]));
  expect(seqs).toEqual(seqs.map((_, index) => index + 1));

  const back = await openRawFeed(server, `/v1/chats/${chat.id}/events?after=${seqs.length}`);
  const rest = await back.readUntil(isEvent('turn_finished'));
  back.close();
  seqs.push(...rest.filter((frame) => frame.event === 'event').map((frame) => frame.seq));
  expect(seqs).toEqual(seqs.map((_, index) => index + 1));
  await client.deleteChat(chat.id);
});
