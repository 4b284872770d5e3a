import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loadSocket } from '../../src/cli/node-socket.ts';
import type { LiveItem } from '../../src/client/client.ts';
import type { Chat } from '../../src/protocol/chat.ts';
import {
  delta as deltaSchema,
  event as eventSchema,
  eventPage,
  resume as resumeSchema,
} from '../../src/protocol/event.ts';
import { type Frame, isEvent, openRawFeed, type RawFeed } from '../support/raw-feed.ts';
import { openServer, type TestServer } from '../support/server.ts';
import { eventsOf, nextDelta, runTurn, type Turn } from '../support/turns.ts';

let server: TestServer;
let chat: Chat;
let turn: Turn;
const feeds: RawFeed[] = [];

beforeAll(async () => {
  server = await openServer();
  chat = await server.createChat();
  turn = await runTurn(server.client, chat.id, 'list the files here', { answer: () => ({ outcome: 'allow' }) });
});
beforeEach(() => {
  for (const feed of feeds.splice(0)) feed.close();
});
afterAll(() => server.close());

async function follow(query = '', headers: Record<string, string> = {}): Promise<RawFeed> {
  const feed = await openRawFeed(server, `/v1/chats/${chat.id}/events${query}`, headers);
  feeds.push(feed);
  return feed;
}

const seqsOf = (frames: readonly Frame[]): number[] =>
  frames.filter((frame) => frame.event === 'event').map((frame) => Number(frame.data['seq']));
const from = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

describe('a turn in the log', () => {
  test('LOG-1 TURN-1 DECIDE-1: is reported with the events of the contract, in order', async () => {
    const types = turn.events.map((event) => event.type).filter((type) => type !== 'available_commands_update');
    const told = ['prompt_accepted', 'turn_started', 'session_started', 'agent_thought', 'agent_message', 'tool_call'];
    expect(types.filter((type) => told.includes(type)).slice(0, 6)).toEqual(told);
    const rest = ['decision_requested', 'decision_resolved', 'tool_call_update', 'agent_message', 'turn_finished'];
    const after = types.slice(types.indexOf('tool_call') + 1);
    expect(after.filter((type) => rest.includes(type))).toEqual(rest);

    const [call] = eventsOf(turn.events, 'tool_call');
    const toolCallId = call?.toolCallId;
    expect(call).toMatchObject({ kind: 'execute', toolName: 'Bash', rawInput: { command: 'env ls -la' } });
    expect(eventsOf(turn.events, 'decision_requested')).toMatchObject([
      { kind: 'permission', toolName: 'Bash', toolCallId, input: { command: 'env ls -la' } },
    ]);
    expect(eventsOf(turn.events, 'tool_call_update')).toMatchObject([{ toolCallId, status: 'completed' }]);
    expect(turn.finished).toMatchObject({ outcome: 'completed', turnId: turn.turnId });
    expect(turn.finished.error).toBeUndefined();
    for (const event of turn.events) expect(event.chatId).toBe(chat.id);
  });
});

describe('a page of events', () => {
  test('contains the events after the cursor and the next cursor, in the shape of the contract', async () => {
    const { head } = await server.client.getChat(chat.id);
    const seqs: number[] = [];
    let pages = 0;
    for (let after: number | null = 0; after !== null; pages += 1) {
      const { body } = await server.call('GET', `/v1/chats/${chat.id}/events?after=${after}&limit=5`);
      const page = eventPage.parse(body);
      expect(page.head).toBe(head);
      expect(page.items.length).toBeLessThanOrEqual(5);
      seqs.push(...page.items.map((event) => event.seq));
      after = page.next;
    }
    expect(seqs).toEqual(from(1, head));
    expect(pages).toBe(Math.ceil(head / 5));
    expect((await server.call('GET', `/v1/chats/${chat.id}/events?after=${head}`)).body).toEqual({
      items: [],
      next: null,
      head,
      start: null,
      end: null,
    });
  });
});

describe('a live feed', () => {
  test('LOG-4 LOG-7: starts with a verdict, followed by the stored events with their cursors as ids, which begin with their seq', async () => {
    const feed = await follow();
    expect(feed.contentType).toMatch(/^text\/event-stream/);
    const { head } = await server.client.getChat(chat.id);
    const frames = await feed.readUntil((frame) => frame.seq === head);
    expect(frames[0]?.event).toBe('resume');
    expect(frames[0]?.id).toBeUndefined();
    expect(resumeSchema.parse(frames[0]?.data)).toEqual({ type: 'resume', verdict: 'ok', after: 0, head });
    const events = frames.slice(1);
    expect(events.map((frame) => frame.seq)).toEqual(from(1, head));
    for (const frame of events) expect(eventSchema.parse(frame.data).seq).toBe(frame.seq);
    expect(events.every(({ id }) => /^\d+-[0-9a-z]+$/.test(id!))).toBe(true);
    const page = await server.client.events(chat.id, { limit: 1000 });
    expect(events.map((frame) => frame.data)).toEqual(page.items);
  });

  test('LOG-3: continues after the cursor, given in the query or in a header', async () => {
    const { head } = await server.client.getChat(chat.id);
    const byQuery = await follow('?after=3');
    expect(seqsOf(await byQuery.readUntil((frame) => frame.seq === head))).toEqual(from(4, head));
    const byHeader = await follow('', { 'last-event-id': '5' });
    const frames = await byHeader.readUntil((frame) => frame.seq === head);
    expect(frames[0]?.data).toEqual({ type: 'resume', verdict: 'ok', after: 5, head });
    expect(seqsOf(frames)).toEqual(from(6, head));
  });

  test('LOG-4: reports a gap for a cursor of another log, and sends all events', async () => {
    const { head } = await server.client.getChat(chat.id);
    const feed = await follow('', { 'last-event-id': String(head + 100) });
    const frames = await feed.readUntil((frame) => frame.seq === head);
    expect(frames[0]?.data).toEqual({ type: 'resume', verdict: 'gap', after: head + 100, head });
    expect(seqsOf(frames)).toEqual(from(1, head));
  });

  test('LOG-15 LOG-16: tells a log that was replaced from the one that a cursor was given for', async () => {
    const path = `/v1/chats/${chat.id}/events`;
    const { head } = await server.client.getChat(chat.id);
    const given = (await (await follow()).readUntil((frame) => frame.seq === 4)).at(-1)!.id!;
    const verdictOf = async (query: string, headers?: Record<string, string>) =>
      (await (await follow(query, headers)).next())?.data;
    const ok = { type: 'resume', verdict: 'ok', after: 4, head };
    expect(await verdictOf(`?after=${given}`)).toEqual(ok);
    expect(await verdictOf('', { 'last-event-id': given })).toEqual(ok);
    const page = eventPage.parse((await server.call('GET', `${path}?after=${given}&limit=1`)).body);
    expect([page.items[0]?.seq, page.start]).toEqual([5, page.end]);
    expect((await server.call('GET', `${path}?after=4-Mark`)).body).toMatchObject({ code: 'invalid_request' });

    await server.sql`update boocode.chats set log_id = gen_random_uuid() where id = ${chat.id}`;
    const gap = { ...ok, verdict: 'gap' };
    expect(await verdictOf(`?after=${given}`)).toEqual(gap);
    expect(await verdictOf('', { 'last-event-id': given })).toEqual(gap);
    // A bare number is a cursor of any log.
    expect(await verdictOf('?after=4')).toEqual(ok);
    for (const query of [`?after=${given}`, `?before=${page.start}`]) {
      expect((await server.call('GET', path + query)).body).toMatchObject({ code: 'log_replaced', status: 409 });
    }

    const live = server.client.live({ WebSocket: await loadSocket() });
    const seen = await new Promise<LiveItem>((resolve) => live.follow(chat.id, { after: given, onItem: resolve }));
    live.close();
    expect(seen).toMatchObject({ kind: 'resume', verdict: 'gap' });
  });

  test('LOG-7: streams a message while it is generated, in deltas without id that add up to the message', async () => {
    const { head } = await server.client.getChat(chat.id);
    const feed = await follow(`?after=${head}`);
    await feed.next();
    await server.client.prompt(chat.id, { content: 'stream 40 tokens at 50 per second' });
    const frames = await feed.readUntil(isEvent('turn_finished'));
    const deltas = frames.filter((frame) => frame.event === 'delta');
    expect(deltas.map((frame) => frame.id).filter((id) => id !== undefined && id !== '')).toEqual([]);
    const chunks = deltas.map((frame) => deltaSchema.parse(frame.data));
    expect(chunks.length).toBeGreaterThan(10);
    const [message] = frames.filter(isEvent('agent_message')).map((frame) => eventSchema.parse(frame.data));
    const streamed = chunks.map((chunk) => (chunk.type === 'agent_message_chunk' ? chunk.content.text : '')).join('');
    expect(message).toMatchObject({ content: [{ type: 'text', text: streamed }] });
    const last = frames.map((frame) => frame.event === 'delta').lastIndexOf(true);
    expect(last).toBeLessThan(frames.findIndex(isEvent('agent_message')));
    expect(frames.filter((frame) => frame.event === 'event').map((frame) => frame.seq)).toEqual(seqsOf(frames));
  });

  test('LOG-2: shows no event that is not in the log yet', async () => {
    const { head } = await server.client.getChat(chat.id);
    const feed = await follow(`?after=${head}`);
    await feed.next();
    await server.client.prompt(chat.id, { content: 'run: env true' });
    let asked = false;
    for (;;) {
      const frame = await feed.next();
      if (frame?.event !== 'event') continue;
      const rows = await server.sql`select from boocode.events where chat_id = ${chat.id} and seq = ${frame.seq}`;
      expect([frame.data['type'], rows.length]).toEqual([frame.data['type'], 1]);
      if (isEvent('decision_requested')(frame)) {
        asked = true;
        await server.client.decide(String(frame.data['decisionId']), { outcome: 'deny' });
      }
      if (isEvent('turn_finished')(frame)) break;
    }
    expect(asked).toBe(true);
  });

  test('TURN-3: reports an interrupt by another client', async () => {
    const { head } = await server.client.getChat(chat.id);
    const feed = await follow(`?after=${head}`);
    await server.client.prompt(chat.id, { content: 'hold' });
    await nextDelta(server.client, chat.id, head);
    expect(await server.client.interrupt(chat.id)).toMatchObject({ interrupted: true });
    const finished = (await feed.readUntil(isEvent('turn_finished'))).at(-1);
    expect(finished?.data).toMatchObject({ outcome: 'interrupted' });
  });
});
