import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { receipt as receiptSchema } from '../../src/protocol/prompt.ts';
import { pngOf } from '../support/images.ts';
import { openServer, type TestServer } from '../support/server.ts';
import { eventsOf, followUntil, nextDelta, readLog, runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

/** One black pixel. */
const pixel = pngOf({ width: 1, height: 1 }).toString('base64');

let server: TestServer;

beforeAll(async () => {
  server = await openServer();
});
afterAll(() => server.close());

/** Waits until so many turns have finished. */
async function turnsFinished(chatId: string, count: number): Promise<void> {
  let finished = 0;
  await followUntil(server.client, chatId, (item) => {
    if (item.kind === 'event' && item.event.type === 'turn_finished') finished += 1;
    return finished === count;
  });
}

function countStatuses(answers: readonly { status: number }[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

describe('a receipt', () => {
  test('PROMPT-2: comes with 202, then again with 200; another body is a conflict', async () => {
    const chat = await server.createChat();
    const path = `/v1/chats/${chat.id}/prompts`;
    const first = await server.call('POST', path, { body: { id: 'one', content: 'think' } });
    const again = await server.call('POST', path, { body: { id: 'one', content: 'think' } });
    const blocks = await server.call('POST', path, { body: { id: 'one', content: [{ type: 'text', text: 'think' }] } });
    expect([first.status, again.status, blocks.status]).toEqual([202, 200, 200]);
    expect(receiptSchema.strict().parse(first.body)).toEqual({ promptId: 'one', chatId: chat.id, seq: 1 });
    expect([again.body, blocks.body]).toEqual([first.body, first.body]);

    const other = await server.call('POST', path, { body: { id: 'one', content: 'think again' } });
    expect(other).toMatchObject({ status: 409, body: { code: 'prompt_conflict', field: 'id', seq: 1 } });
    await turnsFinished(chat.id, 1);
    const log = await readLog(server.client, chat.id);
    expect(eventsOf(log, 'prompt_accepted')).toMatchObject([{ promptId: 'one', content: [{ text: 'think' }] }]);
    expect(eventsOf(log, 'turn_started')).toHaveLength(1);
  });

  test('PROMPT-2: is the same for fifty concurrent senders, and so is the turn', async () => {
    const chat = await server.createChat();
    const send = () =>
      server.call('POST', `/v1/chats/${chat.id}/prompts`, { body: { id: 'fifty', content: 'who are you' } });
    const answers = await Promise.all(Array.from({ length: 50 }, send));
    expect(countStatuses(answers)).toEqual({ 200: 49, 202: 1 });
    expect(new Set(answers.map((answer) => JSON.stringify(answer.body))).size).toBe(1);
    await turnsFinished(chat.id, 1);
    const log = await readLog(server.client, chat.id);
    expect([eventsOf(log, 'prompt_accepted').length, eventsOf(log, 'turn_started').length]).toEqual([1, 1]);
  });

  test('PROMPT-2: is refused to all but one of twenty bodies under one id', async () => {
    const chat = await server.createChat();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        server.call('POST', `/v1/chats/${chat.id}/prompts`, { body: { id: 'many', content: `variant ${index}` } }),
      ),
    );
    expect(countStatuses(answers)).toEqual({ 202: 1, 409: 19 });
    await turnsFinished(chat.id, 1);
    expect(eventsOf(await readLog(server.client, chat.id), 'prompt_accepted')).toHaveLength(1);
  });

  test('an id belongs to its chat: another chat may use it too', async () => {
    const [one, two] = await Promise.all([server.createChat(), server.createChat()]);
    for (const chat of [one, two]) {
      const sent = await server.call('POST', `/v1/chats/${chat.id}/prompts`, { body: { id: 'own', content: chat.id } });
      expect(sent).toMatchObject({ status: 202, body: { chatId: chat.id } });
    }
  });
});

describe('prompts', () => {
  test('PROMPT-3 LOG-1: run in the order of their receipts, one turn at a time', async () => {
    const { client, model } = server;
    const chat = await server.createChat();
    await client.prompt(chat.id, { id: 'p0', content: 'hold' });
    await nextDelta(client, chat.id);
    const ids = ['p1', 'p2', 'p3'];
    for (const id of ids) await client.prompt(chat.id, { id, content: `remember ${id}` });
    expect(eventsOf(await readLog(client, chat.id), 'turn_started')).toHaveLength(1);
    model.release();
    await turnsFinished(chat.id, 4);

    const log = await readLog(client, chat.id);
    expect(log.map((event) => event.seq)).toEqual(log.map((_, index) => index + 1));
    expect(eventsOf(log, 'turn_started').map((event) => event.promptIds)).toEqual([['p0'], ['p1'], ['p2'], ['p3']]);
    const order = log.flatMap((event) => (event.type.startsWith('turn_') ? [event.type] : []));
    expect(order).toEqual(Array.from({ length: 4 }, () => ['turn_started', 'turn_finished']).flat());
    expect((await runTurn(client, chat.id, 'what did I say')).text).toContain(
      'You said: "hold", "remember p1", "remember p2", "remember p3".',
    );
  });

  test('reach the model with their images', async () => {
    const { client, model } = server;
    const chat = await server.createChat();
    const { text, events } = await runTurn(client, chat.id, [
      { type: 'text', text: 'look at this' },
      { type: 'image', mimeType: 'image/png', data: pixel },
    ]);
    expect(text).toMatch(/^I got one image/);
    expect(eventsOf(events, 'prompt_accepted')[0]?.content[1]).toEqual({
      type: 'image',
      mimeType: 'image/png',
      data: pixel,
    });
    const sent = model.requests.filter((request) => request.script === 'image').at(-1);
    expect(JSON.stringify(sent?.body)).toContain(`"media_type":"image/png","data":"${pixel}"`);
  });

  test('TURN-3: still run after an interrupt if they were waiting', async () => {
    const { client } = server;
    const chat = await server.createChat();
    await client.prompt(chat.id, { content: 'hold' });
    const delta = await nextDelta(client, chat.id);
    await client.prompt(chat.id, { content: 'who are you' });
    const answer = await server.call('POST', `/v1/chats/${chat.id}/interrupt`, { body: {} });
    expect([answer.status, answer.body]).toEqual([200, { interrupted: true, turnId: delta.turnId }]);
    await turnsFinished(chat.id, 2);
    const outcomes = eventsOf(await readLog(client, chat.id), 'turn_finished').map((event) => event.outcome);
    expect(outcomes).toEqual(['interrupted', 'completed']);
    await until(async () => (await client.getChat(chat.id)).state === 'ready');
    expect(await client.interrupt(chat.id)).toEqual({ interrupted: false, turnId: null });
  });

  test('TURN-3: an interrupt while the agent is still starting ends the turn before the model is asked', async () => {
    const { client, model } = server;
    const chat = await server.createChat();
    await client.prompt(chat.id, { content: 'run: touch never' });
    await until(async () => (await client.getChat(chat.id)).state === 'warming');
    expect(await client.interrupt(chat.id)).toEqual({ interrupted: true, turnId: null });
    await turnsFinished(chat.id, 1);
    expect(eventsOf(await readLog(client, chat.id), 'turn_finished')).toMatchObject([{ outcome: 'interrupted' }]);
    expect(model.requests.filter((request) => JSON.stringify(request.body).includes('touch never'))).toEqual([]);
  });
});
