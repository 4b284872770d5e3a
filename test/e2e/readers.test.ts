import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Event } from '../../src/protocol/event.ts';
import { randomOf } from '../support/random.ts';
import { type Frame, isEvent, openRawFeed } from '../support/raw-feed.ts';
import { openServer, type TestServer } from '../support/server.ts';
import { followUntil, nextDelta, readLog, runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

let server: TestServer;

beforeAll(async () => {
  server = await openServer();
});
afterAll(() => server.close());

const eventsIn = (frames: readonly Frame[]) =>
  frames.filter((frame) => frame.event === 'event').map((frame) => frame.data);

test('LOG-3: twelve concurrent readers, each from another cursor, read the same log', async () => {
  const { client } = server;
  const chat = await server.createChat();
  await runTurn(client, chat.id, 'think');
  const { head } = await client.getChat(chat.id);
  const cursors = Array.from({ length: 12 }, (_, index) => index % (head + 1));
  const feeds = await Promise.all(
    cursors.map((after) => openRawFeed(server, `/v1/chats/${chat.id}/events?after=${after}`)),
  );
  await Promise.all(feeds.map((feed) => feed.next()));
  const reading = Promise.all(feeds.map((feed) => feed.readUntil(newTurnFinished(head))));
  await runTurn(client, chat.id, 'run: env true', { answer: () => ({ outcome: 'allow' }) });
  const log = await readLog(client, chat.id);
  for (const [index, frames] of (await reading).entries()) {
    expect(eventsIn(frames)).toEqual(log.slice(cursors[index]));
  }
  for (const feed of feeds) feed.close();
});

function newTurnFinished(head: number): (frame: Frame) => boolean {
  return (frame) => isEvent('turn_finished')(frame) && frame.seq > head;
}

test('LOG-6: a reader that joins in the middle of a message gets what has been streamed, and then the rest', async () => {
  const { client, model } = server;
  const chat = await server.createChat();
  await client.prompt(chat.id, { content: 'hold' });
  await nextDelta(client, chat.id);

  const feed = await openRawFeed(server, `/v1/chats/${chat.id}/events`);
  const first = await feed.readUntil((frame) => frame.event === 'delta');
  expect(first.at(-1)?.data).toMatchObject({ type: 'agent_message_chunk', content: { text: 'I hold here. ' } });
  model.release();
  const rest = await feed.readUntil(isEvent('turn_finished'));
  const streamed = [...first, ...rest]
    .filter((frame) => frame.event === 'delta')
    .map((frame) => (frame.data['content'] as { text: string }).text)
    .join('');
  expect(streamed).toBe('I hold here. Now I go on.');
  expect(rest.find(isEvent('agent_message'))?.data['content']).toEqual([{ type: 'text', text: streamed }]);
  feed.close();
});

test('LOG-3 LOG-7: a reader that keeps losing its connection in the middle of turns reads the whole log, once', async () => {
  const { client } = server;
  const random = randomOf(7);
  const chat = await server.createChat();
  const seen: Event[] = [];
  let turns = 0;
  let connections = 0;
  const reading = (async () => {
    for (let after = 0; turns < 4; after = seen.at(-1)?.seq ?? 0) {
      connections += 1;
      // A small number, because a slow machine puts many tokens into one item.
      let left = 1 + Math.floor(random() * 12);
      // Disconnects after that many items, and reconnects with its cursor.
      await followUntil(
        client,
        chat.id,
        (item) => {
          if (item.kind === 'event') seen.push(item.event);
          if (item.kind === 'event' && item.event.type === 'turn_finished') turns += 1;
          left -= 1;
          return left <= 0 || turns === 4;
        },
        { after },
      );
    }
  })();
  for (const prompt of ['stream 200 tokens at 1000 per second', 'think', 'plan the work', 'who are you']) {
    await runTurn(client, chat.id, prompt);
  }
  await reading;
  expect(connections).toBeGreaterThan(4);
  expect(seen).toEqual(await readLog(client, chat.id));
});

test('LOG-3: the typed client continues automatically when its server restarts in the middle of a turn', async () => {
  const chat = await server.createChat();
  const { port } = new URL(server.url);
  const seqs: number[] = [];
  const types: string[] = [];
  await server.client.prompt(chat.id, { content: 'hold' });
  await nextDelta(server.client, chat.id);
  const reading = followUntil(server.client, chat.id, (item) => {
    if (item.kind !== 'event') return false;
    seqs.push(item.event.seq);
    types.push(item.event.type);
    return (
      item.event.type === 'turn_finished' &&
      seqs.length > 1 &&
      types.filter((each) => each === item.event.type).length === 2
    );
  });
  await until(() => seqs.length > 0);
  await server.restart({ port: Number(port) });
  await runTurn(server.client, chat.id, 'what did I say');
  await reading;
  expect(seqs).toEqual(seqs.map((_, index) => index + 1));
  expect(types.filter((type) => type === 'turn_started')).toHaveLength(2);
});
