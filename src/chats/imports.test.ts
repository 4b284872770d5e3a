import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { assertDense, type ChatsHost, openChatsHost } from '../../test/support/chats-host.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { Agents } from '../agents/agents.ts';
import { createHistoryMapper } from '../agents/claude/mapping/map-history.ts';
import { noUsage } from '../protocol/usage.ts';
import type { BeginImport } from '../protocol/import.ts';
import { findChat } from '../store/chats.ts';
import { removeImports } from '../store/imports.ts';
import { claimLease } from '../store/leases.ts';
import { Imports } from './imports.ts';

let database: TestDatabase;
let host: ChatsHost;
let sessionId: string;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  host = await openChatsHost(database.url);
  sessionId = randomUUID();
});
afterEach(() => host.close());

const user = (text: string, uuid: string = randomUUID()): string =>
  JSON.stringify({ z: 1, type: 'user', uuid, message: { role: 'user', content: text } });
const answer = (text: string, uuid: string = randomUUID()): string =>
  JSON.stringify({ type: 'assistant', uuid, message: { id: `m-${uuid}`, content: [{ type: 'text', text }] } });
const mode = '{"type":"mode","mode":"default"}';
const begin = (input: Partial<BeginImport> = {}) => host.chats.beginImport({ cwd: host.cwd, sessionId, ...input });

/** Counts the rows in the database that an import could leave behind. */
async function rowsOf(id: string): Promise<number[]> {
  const { sql } = database;
  const counts = await Promise.all([
    sql`select from boocode.chats where id = ${id}`,
    sql`select from boocode.events where chat_id = ${id}`,
    sql`select from boocode.agent_sessions where chat_id = ${id}`,
    sql`select from boocode.claude_session_entries where project_key = ${id}`,
    sql`select from boocode.claude_session_summaries where project_key = ${id}`,
  ]);
  return counts.map((rows) => rows.length);
}

async function storedOf(id: string): Promise<string[]> {
  const { pages } = await host.chats.readTranscript(id);
  const lines: string[] = [];
  for await (const page of pages) lines.push(...page.map(({ subpath, json }) => `${subpath}${json}`));
  return lines;
}

describe('TRANSCRIPT-5: an imported session becomes a chat like any other', () => {
  test('its transcript is stored unchanged, and its messages are in the log', async () => {
    const { id } = await begin();
    const lines = [user('Remember the word plum.\nAnd more.'), mode, answer('I will.'), mode];
    await host.chats.addImportLines(id, { lines: lines.slice(0, 2) });
    await host.chats.addImportLines(id, { lines: ['{"type":"api-request","large":1}', ...lines.slice(2)] });
    await host.chats.addImportLines(id, { subpath: 'subagents/agent-1', lines: [user('deep')] });
    expect(await host.chats.readImport(id)).toMatchObject({ id, events: 0 });
    const chat = await host.chats.finishImport(id);
    await expect(host.chats.readImport(id)).rejects.toMatchObject({ code: 'not_found' });
    expect(chat).toMatchObject({ id, cwd: host.cwd, title: 'Remember the word plum.', state: 'cold', head: 3 });
    expect(await host.chats.getChat(id)).toEqual(chat);
    expect((await host.chats.listChats({ limit: 1 })).items).toEqual([chat]);
    const log = await host.log(id);
    assertDense(log);
    expect(log).toMatchObject([
      {
        type: 'notice',
        level: 'info',
        code: 'adopted',
        message: 'The following was said before this chat was imported.',
        data: { sessionId },
      },
      { type: 'user_message', content: [{ type: 'text', text: 'Remember the word plum.\nAnd more.' }] },
      { type: 'agent_message', content: [{ type: 'text', text: 'I will.' }] },
    ]);
    expect((await storedOf(id)).slice(0, 4)).toEqual(lines);
    expect((await storedOf(id))[4]).toMatch(/^subagents\/agent-1\{"z":1,"type":"user"/);
  });

  test('its first prompt opens the same session, and its log continues', async () => {
    const { id } = await begin({ title: 'Named' });
    await host.chats.addImportLines(id, { lines: [user('a'), answer('b')] });
    expect((await host.chats.finishImport(id)).title).toBe('Named');
    await host.chats.submitPrompt(id, { content: 'more' });
    await host.events(id, 'turn_finished');
    expect(host.backend.opened.at(-1)).toMatchObject({ chatId: id, sessionId });
    assertDense(await host.log(id));
  });

  test('it has the settings a new chat from the same request would have', async () => {
    const settings: Partial<BeginImport> = {
      title: 'Named',
      model: 'opus',
      effort: 'high',
      permissionMode: 'plan',
      trusted: true,
      acceptsAgentMessages: true,
      resumeAtReset: true,
    };
    const willing = await openChatsHost(database.url, { resumeAtReset: true });
    try {
      for (const [{ chats }, resumeAtReset] of [
        [host, false],
        [willing, true],
      ] as const) {
        for (const given of [{}, { resumeAtReset: !resumeAtReset }, settings]) {
          const input = { cwd: host.cwd, ...given };
          const { id } = await chats.beginImport({ ...input, sessionId: randomUUID() });
          await chats.addImportLines(id, { lines: [user('Remember the word plum.')] });
          const adopted = await chats.finishImport(id);
          const created = await chats.createChat({ title: 'Remember the word plum.', ...input });
          const own = { id, head: 2, createdAt: adopted.createdAt, updatedAt: adopted.updatedAt };
          expect(adopted).toEqual({ ...created, ...own });
          expect(adopted).toMatchObject({ resumeAtReset, ...given });
        }
      }
    } finally {
      await willing.close();
    }
  });

  test('TURN-16: its earlier cost is not booked, and its later cost is booked once', async () => {
    const { id } = await begin();
    await host.chats.addImportLines(id, { lines: [user('a'), answer('b')] });
    await host.chats.finishImport(id);
    await host.chats.submitPrompt(id, { content: 'more' });
    await host.events(id, 'turn_finished');
    const spec = host.backend.sessions.get(id)?.spec;
    const spent = (costUsd: number) => ({ m: { ...noUsage, outputTokens: 10 * costUsd, costUsd } });
    const booked = async () => (await findChat(database.sql, id))?.costUsd ?? NaN;
    const before = await booked();
    await spec?.onResumed?.(spent(5));
    expect(await booked()).toBe(before);
    await spec?.onResumed?.(spent(7));
    await spec?.onResumed?.(spent(7));
    expect(await booked()).toBe(before + 2);
  });

  test('it is named after the first message that has text, and needs no message of a person', async () => {
    const { id } = await begin();
    await host.chats.addImportLines(id, { lines: [user('\u0007'), user('Second'), user('Third')] });
    expect((await host.chats.finishImport(id)).title).toBe('Second');
    sessionId = randomUUID();
    const silent = await begin();
    await host.chats.addImportLines(silent.id, { lines: [answer('Hello.')] });
    expect((await host.chats.finishImport(silent.id)).title).toBe(host.cwd.split('/').at(-1));
  });

  test('a long session is written in parts, each event once', async () => {
    const { id } = await begin();
    const lines = Array.from({ length: 1500 }, (_, index) =>
      index % 2 === 0 ? user(`p${index}`) : answer(`a${index}`),
    );
    for (let at = 0; at < lines.length; at += 300) {
      await host.chats.addImportLines(id, { lines: lines.slice(at, at + 300) });
    }
    // The messages are far behind on the last page, and the name is on the first.
    await host.chats.addImportLines(id, { lines: Array.from({ length: 501 }, () => mode) });
    expect((await host.chats.finishImport(id)).title).toBe('p0');
    const log = await host.log(id);
    assertDense(log);
    const texts = log.flatMap((event) => ('content' in event && 'messageId' in event ? event.content : []));
    expect(texts.map((block) => (block.type === 'text' ? block.text : ''))).toEqual(
      lines.map((_, index) => `${index % 2 === 0 ? 'p' : 'a'}${index}`),
    );
  });
});

describe('TRANSCRIPT-6: nobody sees an incomplete import', () => {
  test('until it is finished, there is no chat to read, prompt, change, claim or list', async () => {
    const { id } = await begin();
    await host.chats.addImportLines(id, { lines: [user('a')] });
    const none = { code: 'not_found' };
    await expect(host.chats.getChat(id)).rejects.toMatchObject(none);
    await expect(host.chats.readTranscript(id)).rejects.toMatchObject(none);
    await expect(host.chats.follow(id, { after: 0 })).rejects.toMatchObject(none);
    await expect(host.chats.submitPrompt(id, { content: 'x' })).rejects.toMatchObject(none);
    await expect(host.chats.patchChat(id, { title: 'x' })).rejects.toMatchObject(none);
    await expect(host.chats.deleteChat(id)).rejects.toMatchObject(none);
    expect(await claimLease(database.sql, id, host.id, 1000)).toBeNull();
    expect((await host.chats.listChats({ limit: 200 })).items.map((chat) => chat.id)).not.toContain(id);
  });

  test('a removed import leaves nothing behind, and neither does one left unfinished for a day', async () => {
    const removed = await begin();
    await host.chats.addImportLines(removed.id, { lines: [user('a')] });
    await host.chats.removeImport(removed.id);
    expect(await rowsOf(removed.id)).toEqual([0, 0, 0, 0, 0]);
    await expect(host.chats.removeImport(removed.id)).rejects.toMatchObject({
      code: 'not_found',
      message: 'This import does not exist: it was finished, removed or started over.',
    });

    const old = await begin();
    await host.chats.addImportLines(old.id, { lines: [user('a')] });
    const chat = await host.createChat();
    await database.sql`update boocode.chats set created_at = now() - interval '25 hours' where id in (${old.id}, ${chat.id})`;
    expect(await removeImports(database.sql, { olderThanHours: 24 })).toBe(1);
    expect(await rowsOf(old.id)).toEqual([0, 0, 0, 0, 0]);
    expect((await host.chats.getChat(chat.id)).id).toBe(chat.id);
  });

  test('an abandoned import can be started again, and the first one then accepts nothing more', async () => {
    const first = await begin();
    await host.chats.addImportLines(first.id, { lines: [user('a')] });
    const second = await begin();
    expect(await rowsOf(first.id)).toEqual([0, 0, 0, 0, 0]);
    const late = host.chats.addImportLines(first.id, { lines: [user('b')] });
    await expect(late).rejects.toMatchObject({ code: 'not_found' });
    await expect(host.chats.finishImport(first.id)).rejects.toMatchObject({ code: 'not_found' });
    await host.chats.addImportLines(second.id, { lines: [user('c')] });
    expect((await host.chats.finishImport(second.id)).title).toBe('c');
  });

  test('a finish that failed midway can be repeated, and the log holds everything once', async () => {
    const { id } = await begin();
    await host.chats.addImportLines(id, { lines: [user('a'), answer('b')] });
    let failures = 1;
    const imports = new Imports({
      slow: host.slow,
      hostId: host.id,
      agents: new Agents([
        {
          ...host.agent,
          createHistory: () => ({
            map: (entries) => createHistoryMapper().map(entries),
            end() {
              failures -= 1;
              if (failures >= 0) throw new Error('broken off');
              return [];
            },
          }),
        },
      ]),
      newChat: () => Promise.reject(new Error('not asked for')),
      trust: () => Promise.resolve(),
    });
    await expect(imports.finish(id)).rejects.toThrow('broken off');
    expect(await host.log(id)).toHaveLength(3);
    await expect(host.chats.getChat(id)).rejects.toMatchObject({ code: 'not_found' });
    await imports.finish(id);
    assertDense(await host.log(id));
    expect(await host.log(id)).toHaveLength(3);
  });

  test('of many concurrent finishes one makes the chat, and its log holds everything once', async () => {
    const { id } = await begin();
    const lines = Array.from({ length: 450 }, (_, index) => user(`p${index}`));
    await host.chats.addImportLines(id, { lines });
    const results = await Promise.allSettled(Array.from({ length: 5 }, () => host.chats.finishImport(id)));
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
    const log = await host.log(id);
    assertDense(log);
    expect(log).toHaveLength(451);
    expect(await storedOf(id)).toEqual(lines);
  });

  test('lines that arrive during the finish are either in the chat’s log or nowhere', async () => {
    const { id } = await begin();
    await host.chats.addImportLines(id, { lines: [user('first')] });
    const late = Array.from({ length: 10 }, (_, index) => user(`late${index}`));
    await Promise.allSettled([
      ...late.slice(0, 5).map((line) => host.chats.addImportLines(id, { lines: [line] })),
      host.chats.finishImport(id),
      ...late.slice(5).map((line) => host.chats.addImportLines(id, { lines: [line] })),
    ]);
    const told = (await host.log(id)).filter((event) => event.type === 'user_message');
    expect(told).toHaveLength((await storedOf(id)).length);
    await expect(host.chats.addImportLines(id, { lines: late })).rejects.toMatchObject({ code: 'not_found' });
  });

  test('a chat is not an import: nobody can add lines to it', async () => {
    const chat = await host.createChat();
    await expect(host.chats.addImportLines(chat.id, { lines: [user('a')] })).rejects.toMatchObject({
      code: 'not_found',
    });
    await expect(host.chats.finishImport(chat.id)).rejects.toMatchObject({ code: 'not_found' });
    await expect(host.chats.removeImport(chat.id)).rejects.toMatchObject({ code: 'not_found' });
    expect(await rowsOf(chat.id)).toEqual([1, 0, 0, 0, 0]);
  });
});

describe('TRANSCRIPT-7: a session belongs to one chat', () => {
  test('a session that a chat has, or had before, is refused with the id of the chat', async () => {
    const { id } = await begin();
    await host.chats.addImportLines(id, { lines: [user('a')] });
    await host.chats.finishImport(id);
    await expect(begin()).rejects.toMatchObject({
      code: 'session_taken',
      message: `Chat ${id} already has this session.`,
      details: { chatId: id },
    });
    const other = randomUUID();
    await database.sql`update boocode.agent_sessions set session_id = ${other} where chat_id = ${id}`;
    await expect(begin()).rejects.toMatchObject({ code: 'session_taken', details: { chatId: id } });
    await expect(begin({ sessionId: other })).rejects.toMatchObject({ code: 'session_taken' });
  });

  test('a session that another chat got in the meantime is refused at the finish', async () => {
    const { id } = await begin();
    await host.chats.addImportLines(id, { lines: [user('a')] });
    const chat = await host.createChat();
    await database.sql`
      insert into boocode.agent_sessions (chat_id, agent, backend, session_id)
      values (${chat.id}, 'claude', 'claude_sdk', ${sessionId})`;
    await expect(host.chats.finishImport(id)).rejects.toMatchObject({
      code: 'session_taken',
      details: { chatId: chat.id },
    });
    await expect(host.chats.getChat(id)).rejects.toMatchObject({ code: 'not_found' });
  });

  test('of many concurrent imports of one session, one remains', async () => {
    const begun = await Promise.allSettled(Array.from({ length: 8 }, () => begin()));
    const busy = {
      code: 'chat_busy',
      message: 'This session is being imported right now. Try again shortly.',
    };
    const reasons = begun.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
    expect(reasons).toEqual(reasons.map(() => expect.objectContaining(busy) as unknown));
    const rows = await database.sql`select id from boocode.chats where importing_session = ${sessionId}`;
    expect(rows).toHaveLength(1);
  });
});

describe('ACCESS-5: an invalid transcript is refused, and nothing of it is stored', () => {
  test.each([
    ['no JSON', 'hello'],
    ['no object', '42'],
    ['no type', '{"uuid":"a"}'],
    ['a type that is no text', '{"type":1}'],
    ['nested too deep', `{"type":"user","x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
  ])('an invalid line: %s', async (_what, line) => {
    const { id } = await begin();
    await expect(host.chats.addImportLines(id, { lines: [user('a'), line] })).rejects.toMatchObject({
      code: 'invalid_request',
      details: { field: 'lines[1]' },
    });
    expect(await rowsOf(id)).toEqual([1, 0, 0, 0, 0]);
  });

  test.each([
    ['without messages', { lines: [mode] }],
    ['with those of a sub-agent alone', { subpath: 'subagents/agent-1', lines: [user('deep')] }],
  ])('a transcript %s makes no chat', async (_what, lines) => {
    const { id } = await begin();
    await host.chats.addImportLines(id, lines);
    await expect(host.chats.finishImport(id)).rejects.toMatchObject({
      code: 'invalid_request',
      message: 'This transcript contains no messages, so it cannot become a chat.',
    });
    await expect(host.chats.getChat(id)).rejects.toMatchObject({ code: 'not_found' });
  });

  test('an agent whose sessions cannot become chats is refused by field', async () => {
    delete host.agent.createHistory;
    await expect(begin()).rejects.toMatchObject({
      code: 'invalid_request',
      message: 'agent: sessions of Claude cannot become chats.',
      details: { field: 'agent' },
    });
  });

  test('a missing working directory is refused', async () => {
    await expect(begin({ cwd: '/nowhere/at/all' })).rejects.toMatchObject({ code: 'cwd_invalid' });
  });

  test('dangerous keys and characters are kept', async () => {
    const { id } = await begin();
    const line =
      '{"type":"user","__proto__":{"polluted":true},"message":{"content":"\\u0000 \\ud800"},"uuid":"\\u0000"}';
    await host.chats.addImportLines(id, { lines: [line] });
    await host.chats.finishImport(id);
    expect(await storedOf(id)).toEqual([line]);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});
