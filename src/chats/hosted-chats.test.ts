// What every caller may ask of the chats, on two hosts with one database.
import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type ChatsHost, openChatsHost } from '../../test/support/chats-host.ts';
import { createGate } from '../../test/support/gate.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { finished, said } from '../../test/support/scripted-backend.ts';
import { until } from '../../test/support/until.ts';
import { BooError } from '../protocol/error.ts';
import type { ChatNotification } from './chats.ts';

let database: TestDatabase;
let here: ChatsHost;
let there: ChatsHost;
beforeAll(async () => {
  database = await createTestDatabase();
  [here, there] = await Promise.all([openChatsHost(database.url), openChatsHost(database.url)]);
});
afterAll(async () => {
  await Promise.all([here.close(), there.close()]);
  await database.drop();
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe('lists', () => {
  test('of chats come page by page, newest first, until there are no more', async () => {
    const ids: string[] = [];
    for (let count = 0; count < 12; count += 1) ids.unshift((await here.createChat({ title: 'Zebra' })).id);
    const all = { limit: 5, q: 'zebra' };
    const first = await here.chats.listChats(all);
    const second = await here.chats.listChats({ ...all, after: first.next! });
    const third = await here.chats.listChats({ ...all, after: second.next! });
    expect([first, second, third].map(({ items }) => items.map(({ id }) => id))).toEqual([
      ids.slice(0, 5),
      ids.slice(5, 10),
      ids.slice(10),
    ]);
    expect(third.next).toBeNull();
    expect((await here.chats.listChats({ ...all, after: '999999999999999' })).items).toEqual(first.items);
    // Without a search, the same pages come from another query.
    const page = await here.chats.listChats({ limit: 5, after: first.next! });
    expect(page).toEqual(second);
  });

  test.each(['x12', '12x', 'x', '', '-1', '1234567890123456'])('have no page after %j', async (after) => {
    const refusal = {
      code: 'invalid_request',
      message: 'after: is not a cursor of this list',
      details: { field: 'after' },
    };
    await expect(here.chats.listChats({ limit: 5, after })).rejects.toMatchObject(refusal);
    await expect(here.chats.listDecisions({ limit: 5, after })).rejects.toMatchObject(refusal);
  });

  test('of events continue after or before a seq, and end at the ends of the log', async () => {
    const { id } = await here.createChat();
    expect(await here.chats.readEvents(id, { after: 0, limit: 5 })).toMatchObject({ items: [], next: null, head: 0 });
    await here.chats.submitPrompt(id, { content: 'hello' });
    await here.events(id, 'turn_finished');
    const log = await here.log(id);
    const head = log.length;
    expect(await here.chats.readEvents(id, { after: 0, limit: 3 })).toMatchObject({
      items: log.slice(0, 3),
      next: 3,
      head,
    });
    const rest = { items: log.slice(3), next: null, head };
    expect(await here.chats.readEvents(id, { after: 3, limit: head - 3 })).toMatchObject(rest);
    expect(await here.chats.readEvents(id, { after: 3, limit: 100 })).toMatchObject(rest);
    expect(await here.chats.readEvents(id, { after: head, limit: 5 })).toMatchObject({ items: [], next: null, head });

    // Before a seq they are the newest ones, in order.
    const last = await here.chats.readEvents(id, { before: Number.MAX_SAFE_INTEGER, limit: 2 });
    expect(last).toMatchObject({ items: log.slice(-2), next: head - 1, head });
    const first = await here.chats.readEvents(id, { before: last.next!, limit: 500 });
    expect(first).toMatchObject({ items: log.slice(0, -2), next: null, head });
    expect(await here.chats.readEvents(id, { before: 0, limit: 5 })).toMatchObject({ items: [], next: null, head });
  });

  test('of directories are those of this machine', async () => {
    await mkdir(join(here.cwd, 'project'));
    const { items } = await here.chats.listDirectories(`${here.cwd}/pro`);
    expect(items).toEqual([{ path: join(here.cwd, 'project'), name: 'project' }]);
  });

  test('LOG-10: a search that takes too long says what to do', async () => {
    const ask = here.slow.ask.bind(here.slow);
    vi.spyOn(here.slow, 'ask').mockImplementation((_question, options) =>
      ask((db) => db`select pg_sleep(60)`, { ...options, limitMs: 50 }),
    );
    await expect(here.chats.listChats({ limit: 5, q: 'anything' })).rejects.toMatchObject({
      code: 'query_timeout',
      message: expect.stringMatching(
        /^The search took too long: search for a longer text, or try again when the server is less busy\. /,
      ) as string,
    });
  });
});

test('watchers are told of a new chat and of those that are warm, as the server counts them', async () => {
  const warmed = await here.createChat();
  await here.chats.submitPrompt(warmed.id, { content: 'hello' });
  await until(() => here.host.find(warmed.id)?.state === 'ready');
  const told: ChatNotification[] = [];
  const watching = here.chats.watch((notification) => told.push(notification));
  expect(watching.warm).toContainEqual(await here.chats.getChat(warmed.id));
  expect(here.chats.info()).toMatchObject({ version: '0', hostId: here.id, warmChats: watching.warm.length });
  const chat = await here.createChat();
  await until(() => told.some((each) => each.type === 'chat' && each.chat.id === chat.id));
  expect(told).toContainEqual({ type: 'chat', chat });
  watching.close();
});

describe('AGENT-22: a value that the agent does not know', () => {
  beforeEach(() => {
    here.agent.permissionModes = ['default', 'plan'];
    here.agent.knowsModel = (model) => Promise.resolve(model !== 'nonsense');
    here.agent.models = [];
  });

  const modelRefusal = (such = '') => ({
    code: 'invalid_request',
    message: `model: there is no model “nonsense”. Use a full model name${such}.`,
    details: { field: 'model' },
  });
  const modeRefusal = {
    code: 'invalid_request',
    message: 'permissionMode: Claude has no mode “auto”. Use one of: default, plan.',
    details: { field: 'permissionMode' },
  };

  test('is refused by field for a new chat and an import', async () => {
    await expect(here.createChat({ model: 'nonsense' })).rejects.toMatchObject(modelRefusal());
    here.agent.models = ['opus', 'sonnet'];
    await expect(here.createChat({ model: 'nonsense' })).rejects.toMatchObject(
      modelRefusal(', or one such as opus, sonnet'),
    );
    await expect(here.createChat({ permissionMode: 'auto' })).rejects.toMatchObject(modeRefusal);
    const begun = here.chats.beginImport({ cwd: here.cwd, sessionId: randomUUID(), permissionMode: 'auto' });
    await expect(begun).rejects.toMatchObject(modeRefusal);
    expect(await here.createChat({ model: 'mine', permissionMode: 'plan' })).toMatchObject({
      model: 'mine',
      permissionMode: 'plan',
    });
  });

  test('is refused for a chat, and nothing changes', async () => {
    const { id } = await here.createChat();
    const before = await here.chats.getChat(id);
    await expect(here.chats.patchChat(id, { model: 'nonsense', title: 'New' })).rejects.toMatchObject(modelRefusal());
    await expect(here.chats.patchChat(id, { permissionMode: 'auto' })).rejects.toMatchObject(modeRefusal);
    expect(await here.chats.getChat(id)).toEqual(before);
    expect(await here.chats.patchChat(id, { model: 'mine' })).toMatchObject({ model: 'mine' });
    expect(await here.chats.patchChat(id, { model: null })).toMatchObject({ model: null });
  });

  test('is accepted where nobody can tell', async () => {
    here.agent.knowsModel = () => Promise.resolve(true);
    expect(await here.createChat({ model: 'nonsense' })).toMatchObject({ model: 'nonsense' });
    delete here.agent.knowsModel;
    expect(await here.createChat({ model: 'nonsense' })).toMatchObject({ model: 'nonsense' });
  });
});

describe('TRUST-5: the directory as it is now', () => {
  let digest: string;
  beforeEach(() => {
    digest = randomUUID();
    here.agent.readDirectory = () => Promise.resolve({ path: `/${digest}`, digest, files: [], isCurrent: () => true });
  });
  afterEach(() => {
    delete here.agent.readDirectory;
  });

  test('is trusted with a new chat or an import that asks for it, and not otherwise', async () => {
    const untrusted = await here.createChat();
    expect(await here.chats.readTrust(untrusted.id)).toMatchObject({ trusted: false, holds: false, digest });
    const trusted = await here.createChat({ trusted: true });
    expect(await here.chats.readTrust(trusted.id)).toMatchObject({ trusted: true, holds: true, digest });

    digest = randomUUID();
    for (const isWanted of [false, true]) {
      const { id } = await here.chats.beginImport({ cwd: here.cwd, sessionId: randomUUID(), trusted: isWanted });
      const line = JSON.stringify({ type: 'user', uuid: randomUUID(), message: { role: 'user', content: 'hi' } });
      await here.chats.addImportLines(id, { lines: [line] });
      await here.chats.finishImport(id);
      expect(await here.chats.readTrust(id)).toMatchObject({ trusted: isWanted, holds: isWanted, digest });
    }
  });

  test('is trusted when it is the one that was reviewed, and the chat then wants its settings', async () => {
    const { id } = await here.createChat();
    await expect(here.chats.giveTrust(id, { digest: 'another' })).rejects.toMatchObject({ code: 'trust_refused' });
    expect(await here.chats.readTrust(id)).toMatchObject({ trusted: false, holds: false });
    expect(await here.chats.giveTrust(id, { digest })).toMatchObject({ trusted: true, holds: true });
    expect(await here.chats.getChat(id)).toMatchObject({ trusted: true });
  });
});

describe('a chat of another host', () => {
  /** A chat whose turn waits at a gate there. */
  async function runThere() {
    const gate = createGate();
    there.backend.script = async function* (turn) {
      if (turn.text === 'ask') yield* turn.ask({});
      else await gate.pass();
      yield said('Done.');
      yield finished();
    };
    const { id } = await there.createChat();
    return { id, gate };
  }

  test('WEB-65: shows its state there, and cannot be interrupted from here', async () => {
    const { id, gate } = await runThere();
    await there.chats.submitPrompt(id, { content: 'hold' });
    await gate.reached;
    expect(await here.chats.getChat(id)).toMatchObject({ state: 'running', waitsFor: null, mcpServers: null });
    const { items } = await here.chats.listChats({ limit: 1 });
    expect(items).toMatchObject([{ id, state: 'running' }]);
    const elsewhere = { code: 'chat_elsewhere', message: `Another host holds chat ${id}. Try again shortly.` };
    await expect(here.chats.interrupt(id)).rejects.toMatchObject(elsewhere);
    gate.open();
    await there.events(id, 'turn_finished');
  });

  test('PROMPT-2: a prompt that is sent here again gets its receipt, and another one is not accepted', async () => {
    const { id, gate } = await runThere();
    const { receipt } = await there.chats.submitPrompt(id, { id: 'p', content: 'hold' });
    await gate.reached;
    expect(await here.chats.submitPrompt(id, { id: 'p', content: 'hold' })).toEqual({ receipt, created: false });
    await expect(here.chats.submitPrompt(id, { id: 'p', content: 'other' })).rejects.toMatchObject({
      code: 'prompt_conflict',
      message: 'Prompt p was already sent with different content.',
      details: { field: 'id', promptId: 'p', seq: receipt.seq },
    });
    await expect(here.chats.submitPrompt(id, { id: 'q', content: 'hold' })).rejects.toMatchObject({
      code: 'chat_elsewhere',
    });
    gate.open();
    await there.events(id, 'turn_finished');
  });

  test('PROMPT-6: a prompt that is sent here again says whether its queue is held', async () => {
    const { id } = await there.createChat();
    there.backend.beforeOpen = () => {
      throw new BooError('agent_login_required', 'Sign in.');
    };
    await there.chats.submitPrompt(id, { id: 'p', content: 'one' });
    await there.events(id, 'queue_held');
    there.backend.beforeOpen = () => {};
    const { receipt } = await there.chats.submitPrompt(id, { id: 'q', content: 'two' });
    expect(receipt).toMatchObject({ held: true });
    expect(await here.chats.submitPrompt(id, { id: 'q', content: 'two' })).toEqual({ receipt, created: false });
    // What does not wait any more is not held.
    await there.chats.cancelPrompt(id, 'q');
    const { held: _, ...settled } = receipt;
    expect((await here.chats.submitPrompt(id, { id: 'q', content: 'two' })).receipt).toEqual(settled);
  });

  test('DECIDE-2: its decisions are answered there, and a settled one says how wherever it is asked', async () => {
    const { id } = await runThere();
    await there.chats.submitPrompt(id, { content: 'ask' });
    const [asked] = await there.events(id, 'decision_requested');
    const { decisionId } = asked!;
    await expect(here.chats.answerDecision(decisionId, { outcome: 'deny' })).rejects.toMatchObject({
      code: 'chat_elsewhere',
    });
    const decision = await there.chats.answerDecision(decisionId, { outcome: 'allow' });
    await expect(here.chats.answerDecision(decisionId, { outcome: 'deny' })).rejects.toMatchObject({
      code: 'decision_settled',
      message: expect.stringMatching(/^This was already settled: allow by /) as string,
      details: { decision },
    });
    await expect(here.chats.answerDecision(randomUUID(), { outcome: 'deny' })).rejects.toMatchObject({
      code: 'not_found',
      message: 'This decision does not exist.',
    });
    await there.events(id, 'turn_finished');

    const list = (limit: number, after?: string) => here.chats.listDecisions({ chatId: id, limit, after });
    expect(await list(2)).toEqual({ items: [decision], next: null });
    const { next } = await list(1);
    expect(await list(1, next!)).toEqual({ items: [], next: null });
  });
});
