import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ChatsHost, openChatsHost } from '../../test/support/chats-host.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { finished, said } from '../../test/support/scripted-backend.ts';

let database: TestDatabase;
let here: ChatsHost;
let ids: Record<string, string>;

const said_ = {
  plain: 'Where is the Lighthouse?',
  odd: 'a\u0000b needle\nnext \ud800 100%_sure "quoted" back\\slash \\u0000 ÄRGER 灯台',
  image: 'look',
};

beforeAll(async () => {
  database = await createTestDatabase();
  here = await openChatsHost(database.url);
  here.backend.script = async function* (turn) {
    yield said(turn.text === said_.plain ? 'On the Cliff.' : 'I see.');
    yield { type: 'agent_thought', messageId: 't', content: [{ type: 'text', text: 'unspoken' }] };
    yield finished();
  };
  ids = {};
  for (const [name, text] of Object.entries(said_)) {
    const { id } = await here.createChat({ title: `Chat ${name}` });
    ids[name] = id;
    const image = { type: 'image', mimeType: 'image/png', data: 'bGlnaHRob3VzZQ==' } as const;
    const content = name === 'image' ? [{ type: 'text' as const, text }, image] : text;
    await here.chats.submitPrompt(id, { content });
    await here.events(id, 'turn_finished');
  }
  await here.chats.patchChat(ids['image']!, { archived: true });
});
afterAll(async () => {
  await here.close();
  await database.drop();
});

async function found(q: string, archived?: boolean): Promise<string[]> {
  const { items } = await here.chats.listChats({ limit: 50, q, archived });
  return items.map(({ id }) => Object.keys(ids).find((name) => ids[name] === id) ?? id).toSorted();
}

describe('a search', () => {
  test.each([
    ['lighthouse', ['plain']],
    ['on the cliff', ['plain']],
    ['CHAT ODD', ['odd']],
    ['needle', ['odd']],
    ['b needle', ['odd']],
    ['100%_sure', ['odd']],
    ['"quoted"', ['odd']],
    ['back\\slash', ['odd']],
    ['\\u0000', ['odd']],
    ['ärger', ['odd']],
    ['灯台', ['odd']],
    ['chat', ['image', 'odd', 'plain']],
  ])('WEB-6: finds %j', async (q, names) => {
    expect(await found(q)).toEqual(names);
  });

  test.each([
    ['a key', 'messageId'],
    ['a type', 'agent_message'],
    ['an image', 'bGlnaHRob3Vz'],
    ['a letter of an escape', 'nnext'],
    ['a wildcard', 'light_ouse'],
    ['a percent sign', 'a%needle'],
    ['a thought', 'unspoken'],
    ['nothing', 'nowhere to be found'],
  ])('WEB-6: does not find %s', async (_what, q) => {
    expect(await found(q)).toEqual([]);
  });

  test('WEB-6: leaves out what is put away, or all else, where it is asked to; and so does the list', async () => {
    expect(await found('chat', false)).toEqual(['odd', 'plain']);
    expect(await found('chat', true)).toEqual(['image']);
    const { items } = await here.chats.listChats({ limit: 50, archived: true });
    expect(items.map(({ id }) => id)).toEqual([ids['image']]);
    expect(items[0]).toMatchObject({ archived: true });
    await here.chats.patchChat(ids['image']!, { archived: false });
    expect(await found('chat', true)).toEqual([]);
    expect((await here.log(ids['image']!)).at(-1)).toMatchObject({ type: 'chat_updated', archived: false });
  });

  test('a page of events before a seq holds the newest of them, in order', async () => {
    const id = ids['plain']!;
    const log = await here.log(id);
    const last = await here.chats.readEvents(id, { before: Number.MAX_SAFE_INTEGER, limit: 2 });
    expect(last).toEqual({ items: log.slice(-2), next: log.length - 1, head: log.length });
    const rest = await here.chats.readEvents(id, { before: last.next!, limit: 500 });
    expect(rest).toEqual({ items: log.slice(0, -2), next: null, head: log.length });
    expect((await here.chats.readEvents(id, { before: 0, limit: 5 })).items).toEqual([]);
  });
});
