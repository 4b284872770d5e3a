// Forms of real MCP servers, through the whole server and the real program, on both engines.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BackendName, Chat } from '../../src/protocol/chat.ts';
import type { Decision } from '../../src/protocol/decision.ts';
import type { Event } from '../../src/protocol/event.ts';
import { addAskingServers, askPrompt, type AskingServers } from '../support/asking-servers.ts';
import { openServer, type TestServer } from '../support/server.ts';
import { eventsOf, readLog, runTurn, textIn } from '../support/turns.ts';
import { until } from '../support/until.ts';

const requestedSchema = {
  type: 'object',
  properties: {
    email: { type: 'string', title: 'Your address', format: 'email' },
    seats: { type: 'integer', minimum: 1, maximum: 4 },
    window: { type: 'boolean' },
    meal: {
      type: 'string',
      oneOf: [
        { const: 'v', title: 'Vegetables' },
        { const: 'f', title: 'Fish' },
      ],
    },
    extras: { type: 'array', items: { type: 'string', enum: ['bag', 'bike'] } },
    note: { type: 'string' },
  },
  required: ['email', 'seats'],
};
const booking = { mode: 'form', message: 'Who is travelling?', requestedSchema };
const page = {
  mode: 'url',
  message: 'Please sign in',
  url: 'https://example.com/sign-in?a=%20b#c',
  elicitationId: 'e-1',
};
const values = {
  email: 'ada@example.com',
  seats: 2,
  window: false,
  meal: 'f',
  extras: ['bike'],
  note: 'Two\nlines, "quoted" — ÄÖ 🚲',
};

let server: TestServer;
let servers: AskingServers;

beforeAll(async () => {
  server = await openServer();
  servers = await addAskingServers(server.agent.configDir, server.workDir, ['travel', 'hotel'], {
    booking,
    room: { ...booking, message: 'Which room?' },
    page,
  });
});
afterAll(() => server.close());

async function pending(chatId: string, count = 1): Promise<Decision[]> {
  let found: Decision[] = [];
  await until(
    async () => {
      found = (await server.client.listDecisions({ status: 'pending', chatId })).items;
      return found.length >= count && found.every(({ kind }) => kind === 'form');
    },
    { timeoutMs: 20_000, what: `${count} open forms` },
  );
  return found;
}

/** Tools run without asking, so that a test answers only forms. */
const mode = { permissionMode: 'bypassPermissions' } as const;

/** By engine: the tests of one engine share a chat, because each start of the program starts the servers too. */
const chats = new Map<BackendName, Chat>();

/** A chat whose servers are ready. A chat in which a test was cut short is abandoned. */
async function openChat(backend: BackendName): Promise<Chat> {
  const known = chats.get(backend);
  if (known !== undefined && (await server.client.getChat(known.id)).state === 'ready') return known;
  const listed = servers.listings();
  const chat = await server.createChat({ backend, ...mode });
  await runTurn(server.client, chat.id, 'stream 1 tokens', { timeoutMs: 40_000 });
  // Servers start in parallel with the first turn, which does not wait for them.
  await until(() => servers.listings() >= listed + 2, { timeoutMs: 20_000, what: 'two servers that are ready' });
  chats.set(backend, chat);
  return chat;
}

/** Starts a turn in which servers ask, and waits until their forms are open. */
async function prompted(backend: BackendName, asks: Parameters<typeof askPrompt>, count = asks.length) {
  const chat = await openChat(backend);
  const { head } = await server.client.getChat(chat.id);
  await server.client.prompt(chat.id, { content: askPrompt(...asks) });
  const forms = await pending(chat.id, count);
  const log = async (): Promise<Event[]> => (await readLog(server.client, chat.id)).filter(({ seq }) => seq > head);
  const finished = async (): Promise<Event[]> => {
    await until(async () => eventsOf(await log(), 'turn_finished').length === 1, {
      timeoutMs: 20_000,
      what: 'the end of the turn',
    });
    return log();
  };
  return { chat, forms, log, finished };
}

test('DECIDE-8: an invalid value is refused with its field, and leaves the form open', async () => {
  const { chat, forms, finished } = await prompted('claude_sdk', [{ server: 'travel', request: 'booking' }]);
  const path = `/v1/decisions/${forms[0]!.id}`;
  const right = { email: 'ada@example.com', seats: 2 };
  for (const [body, field] of [
    [{ outcome: 'allow' }, 'input'],
    [{ outcome: 'allow', input: {} }, 'input.email'],
    [{ outcome: 'allow', input: { ...right, email: 'nobody' } }, 'input.email'],
    [{ outcome: 'allow', input: { ...right, seats: 5 } }, 'input.seats'],
    [{ outcome: 'allow', input: { ...right, seats: '2' } }, 'input.seats'],
    [{ outcome: 'allow', input: { ...right, meal: 'Fish' } }, 'input.meal'],
    [{ outcome: 'allow', input: { ...right, extras: ['bag', 'bag'] } }, 'input.extras'],
    [{ outcome: 'allow', input: { ...right, isAdmin: true } }, 'input.isAdmin'],
    [{ outcome: 'allow_always', input: right }, 'outcome'],
    [{ outcome: 'deny', message: 'Not now' }, 'message'],
  ] as const) {
    const answer = await server.call('POST', path, { body });
    expect([answer.status, answer.body['field'] ?? (answer.body['details'] as { field: string }).field]).toEqual([
      400,
      field,
    ]);
  }
  expect((await server.client.getChat(chat.id)).state).toBe('waiting');
  await server.client.decide(forms[0]!.id, { outcome: 'allow', input: right });
  await finished();
  expect(servers.results('travel').at(-1)).toEqual({ action: 'accept', content: right });
});

describe.each(['claude_sdk', 'claude_pty'] as const)('on %s', (backend) => {
  test('DECIDE-7: a form of an MCP server is a decision, and the server receives exactly the values', async () => {
    const before = servers.results('travel').length;
    const { chat, forms, finished } = await prompted(backend, [{ server: 'travel', request: 'booking' }]);
    const [form] = forms;
    expect(form).toMatchObject({
      kind: 'form',
      title: 'MCP server “travel” asks: Who is travelling?',
      input: { serverName: 'travel', mode: 'form', message: 'Who is travelling?', requestedSchema },
      canAllowAlways: false,
      alwaysScope: [],
    });
    expect((await server.client.getChat(chat.id)).state).toBe('waiting');
    expect(servers.results('travel')).toHaveLength(before);

    await server.client.decide(form!.id, { outcome: 'allow', input: values });
    const log = await finished();
    expect(servers.results('travel').slice(before)).toEqual([{ action: 'accept', content: values }]);
    expect(eventsOf(log, 'turn_finished')[0]!.outcome).toBe('completed');
    // After the tool call that caused it, in the same turn.
    const types = log.map(({ type }) => type);
    expect(types.indexOf('decision_requested')).toBeGreaterThan(types.indexOf('tool_call'));
    await expect(server.client.decide(form!.id, { outcome: 'deny' })).rejects.toMatchObject({
      code: 'decision_settled',
      details: { decision: { outcome: 'allow', by: 'owner', via: 'test' } },
    });
  });

  test('DECIDE-7: if a form is declined, the server learns that and nothing else', async () => {
    const before = servers.results('travel').length;
    const { forms, finished } = await prompted(backend, [{ server: 'travel', request: 'booking' }]);
    await server.client.decide(forms[0]!.id, { outcome: 'deny' });
    await finished();
    expect(servers.results('travel').slice(before)).toEqual([{ action: 'decline' }]);
  });

  test('DECIDE-7: a page of the server’s own is a decision, and its completion is reported', async () => {
    const before = servers.results('travel').length;
    const { forms, finished, log } = await prompted(backend, [{ server: 'travel', request: 'page', completes: true }]);
    expect(forms[0]).toMatchObject({
      kind: 'form',
      input: { serverName: 'travel', mode: 'url', url: page.url, elicitationId: 'e-1' },
    });
    await server.client.decide(forms[0]!.id, { outcome: 'allow' });
    await finished();
    expect(servers.results('travel').slice(before)).toMatchObject([{ action: 'accept' }]);
    // The program may report it a moment after the turn.
    const completed = await until(
      async () => eventsOf(await log(), 'notice').find(({ code }) => code === 'form_completed'),
      { what: 'the report' },
    );
    expect(completed.message).toContain('“travel”');
  });

  test('DECIDE-7: two servers ask in one message, and each gets its own answer', async () => {
    const before = [servers.results('travel').length, servers.results('hotel').length] as const;
    // The terminal program usually asks one question at a time.
    const isAtOnce = backend === 'claude_sdk';
    const { chat, forms, finished } = await prompted(
      backend,
      [
        { server: 'travel', request: 'booking' },
        { server: 'hotel', request: 'room' },
      ],
      isAtOnce ? 2 : 1,
    );
    const answer = async ({ id, input }: Decision): Promise<void> => {
      const isHotel = input['serverName'] === 'hotel';
      const wanted = { outcome: 'allow', input: { email: 'a@b.example', seats: 1 } } as const;
      await server.client.decide(id, isHotel ? { outcome: 'deny' } : wanted);
    };
    for (const form of forms.toReversed()) await answer(form);
    if (forms.length === 1) await answer((await pending(chat.id))[0]!);
    await finished();
    expect(servers.results('travel').slice(before[0])).toEqual([
      { action: 'accept', content: { email: 'a@b.example', seats: 1 } },
    ]);
    expect(servers.results('hotel').slice(before[1])).toEqual([{ action: 'decline' }]);
  });

  test('DECIDE-4 DECIDE-7: an interrupt withdraws the form', async () => {
    const before = servers.results('travel').length;
    const { chat, forms, finished } = await prompted(backend, [{ server: 'travel', request: 'booking' }]);
    await server.client.interrupt(chat.id);
    const log = await finished();
    expect(eventsOf(log, 'turn_finished')[0]!.outcome).toBe('interrupted');
    expect(eventsOf(log, 'decision_resolved')).toMatchObject([{ decisionId: forms[0]!.id, outcome: 'cancelled' }]);
    await expect(server.client.decide(forms[0]!.id, { outcome: 'deny' })).rejects.toMatchObject({
      code: 'decision_settled',
    });
    // Nothing has answered for the person.
    expect(
      servers
        .results('travel')
        .slice(before)
        .filter((each) => (each as { action: string }).action !== 'cancel'),
    ).toEqual([]);
    expect((await runTurn(server.client, chat.id, 'stream 2 tokens')).finished.outcome).toBe('completed');
  });

  test('DECIDE-7: a server that no longer waits withdraws its form', async () => {
    const { chat, forms, finished } = await prompted(backend, [
      {
        server: 'travel',
        request: 'booking',
        timeoutMs: 4_000,
      },
    ]);
    const log = await finished();
    expect(eventsOf(log, 'decision_resolved')).toMatchObject([
      { decisionId: forms[0]!.id, outcome: 'cancelled', by: 'agent' },
    ]);
    // The form is not opened again.
    await runTurn(server.client, chat.id, 'stream 1 tokens');
    expect(await pending(chat.id, 0)).toEqual([]);
  });

  test('DECIDE-8: input is for the server alone: no table contains it, not even the transcript', async () => {
    const { forms, finished } = await prompted(backend, [{ server: 'travel', request: 'booking', quiet: true }]);
    const note = `for the travel server alone, ${backend}`;
    const input = { email: 'a@b.example', seats: 1, note };
    const decided = await server.client.decide(forms[0]!.id, { outcome: 'allow', input });
    await finished();
    expect(servers.results('travel').at(-1)).toEqual({ action: 'accept', content: input });
    expect(JSON.stringify(decided)).not.toContain(note);
    const rows = await server.sql`
      select 'events' from boocode.events where payload::text like ${`%${note}%`}
      union all select 'decisions' from boocode.decisions where answer::text like ${`%${note}%`}
      union all select 'transcript' from boocode.claude_session_entries where entry::text like ${`%${note}%`}`;
    expect(rows).toEqual([]);
    const [row] = await server.sql`select answer::text from boocode.decisions where id = ${forms[0]!.id}`;
    expect(row).toEqual({ answer: '{"outcome":"allow"}' });
  });

  test('DECIDE-7: a page that a failed call requires is a decision too, after which the call is repeated', async () => {
    const { forms, finished } = await prompted(backend, [{ server: 'travel', request: 'page', first: true }]);
    expect(forms[0]!.input).toMatchObject({ serverName: 'travel', mode: 'url', url: page.url });
    await server.client.decide(forms[0]!.id, { outcome: 'allow' });
    const log = await finished();
    // The program has repeated the call.
    expect(textIn(log)).toContain('Done.');
  });

  test('DECIDE-7: a server may ask between turns', async () => {
    const before = servers.results('travel').length;
    const { chat, forms } = await prompted(backend, [{ server: 'travel', request: 'booking', later: true }]);
    expect(forms[0]!.turnId).not.toBeNull();
    await server.client.decide(forms[0]!.id, { outcome: 'deny' });
    await until(() => servers.results('travel').length > before);
    expect(servers.results('travel').slice(before)).toEqual([{ action: 'decline' }]);
    await until(async () => (await server.client.getChat(chat.id)).state === 'ready');
  });
});

// Last, because it ends the chats that the others share.
test('DECIDE-4 DECIDE-7: a form that is open when the host ends is canceled', async () => {
  const { forms, log } = await prompted('claude_sdk', [{ server: 'travel', request: 'booking' }]);
  await server.restart();
  expect(eventsOf(await log(), 'decision_resolved')).toMatchObject([
    { decisionId: forms[0]!.id, outcome: 'cancelled' },
  ]);
  await expect(
    server.client.decide(forms[0]!.id, { outcome: 'allow', input: { email: 'a@b.example', seats: 1 } }),
  ).rejects.toMatchObject({ code: 'decision_settled' });
});
