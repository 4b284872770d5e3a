import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ChatsHost, openChatsHost } from '../../test/support/chats-host.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { finished, said } from '../../test/support/scripted-backend.ts';
import { until } from '../../test/support/until.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLog } from '../lib/log.ts';
import { SearchIndexer } from './search-indexer.ts';

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
});
afterAll(async () => {
  await here.close();
  await database.drop();
});

async function found(q: string, archived?: boolean): Promise<string[]> {
  const { items } = await here.chats.listChats({ limit: 50, q, archived });
  return items.map(({ id }) => Object.keys(ids).find((name) => ids[name] === id) ?? id).toSorted();
}

describe.each(['in the log', 'by signatures'])('a search %s', (how) => {
  beforeAll(async () => {
    await here.chats.patchChat(ids['image']!, { archived: true });
    if (how === 'by signatures') await indexer().catchUp();
  });

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
    ['灯', ['odd']],
    ['q', ['odd']],
    ['_s', ['odd']],
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

  test('WEB-6: filters by archived or not, and so does the list', async () => {
    expect(await found('chat', false)).toEqual(['odd', 'plain']);
    expect(await found('chat', true)).toEqual(['image']);
    const { items } = await here.chats.listChats({ limit: 50, archived: true });
    expect(items.map(({ id }) => id)).toEqual([ids['image']]);
    expect(items[0]).toMatchObject({ archived: true });
    await here.chats.patchChat(ids['image']!, { archived: false });
    expect(await found('chat', true)).toEqual([]);
    expect((await here.log(ids['image']!)).at(-1)).toMatchObject({ type: 'chat_updated', archived: false });
  });
});

const indexer = (): SearchIndexer => new SearchIndexer({ slow: here.slow, clock: systemClock, logger: silentLog });

describe('signatures', () => {
  test('WEB-6: rule out events without reading them, except events newer than the signatures', async () => {
    const id = ids['plain']!;
    const say = async (text: string, count: number): Promise<void> => {
      await here.chats.submitPrompt(id, { content: text });
      await here.events(id, 'turn_finished', count);
    };
    await say('a zeppelin', 2);
    await indexer().catchUp();
    expect(await found('zeppelin')).toEqual(['plain']);
    await here.sql`update boocode.search_signatures set signature = decode('00', 'hex') where chat_id = ${id}`;
    expect(await found('zeppelin')).toEqual([]);
    await say('the zeppelin again', 3);
    expect(await found('zeppelin')).toEqual(['plain']);
  });

  test('are null for a text that is too long, which is still found, and missing for events without text', async () => {
    const { id } = await here.createChat({ title: 'Chat long' });
    ids['long'] = id;
    await here.chats.submitPrompt(id, { content: `${'y'.repeat(300_000)} haystack` });
    await here.events(id, 'turn_finished');
    await indexer().catchUp();
    const rows = await here.sql<{ seq: number; has: boolean }[]>`
      select seq, signature is not null as has from boocode.search_signatures where chat_id = ${id} order by seq`;
    const log = await here.log(id);
    expect(rows.map(({ seq }) => log[seq - 1]?.type)).toEqual(['prompt_accepted', 'agent_message']);
    expect(rows.map(({ has }) => has)).toEqual([false, true]);
    expect(await found('haystack')).toEqual(['long']);
  });

  test('are made once by concurrent indexers, and are deleted with their chat', async () => {
    const { id } = await here.createChat({ title: 'Chat gone' });
    await here.chats.submitPrompt(id, { content: 'ephemeral' });
    await here.events(id, 'turn_finished');
    await Promise.all([indexer().catchUp(), indexer().catchUp(), here.chats.deleteChat(id)]);
    const left = await here.sql`
      select seq from boocode.search_signatures where chat_id = ${id} union all select seq from boocode.search_progress where chat_id = ${id}`;
    expect(left).toEqual([]);
    expect(await found('ephemeral')).toEqual([]);
  });
});

test('LOG-9: searches that hang block no prompt, turn or list, and end in the database when the client disconnects', async () => {
  const blocker = postgres(database.url, { max: 1, fetch_types: false });
  const gone = new AbortController();
  try {
    await blocker.unsafe('begin; lock table boocode.search_signatures in access exclusive mode');
    const searches = Array.from({ length: 8 }, () =>
      here.chats.listChats({ limit: 50, q: 'nowhere to be found', signal: gone.signal }),
    );
    const ends = Promise.all(searches.map((each) => expect(each).rejects.toMatchObject({ code: 'query_timeout' })));
    const waiting = async (): Promise<number> => {
      const rows = await database.sql`
        select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
      return rows.length;
    };
    await until(async () => (await waiting()) === 2, { what: 'two searches to wait' });
    const { id } = await here.createChat();
    await here.chats.submitPrompt(id, { content: 'meanwhile' });
    await here.events(id, 'turn_finished');
    expect((await here.chats.listChats({ limit: 1 })).items).toMatchObject([{ id }]);
    expect(await waiting()).toBe(2);
    gone.abort();
    await ends;
    await until(async () => (await waiting()) === 0, { what: 'their end at the server' });
  } finally {
    await blocker.end({ timeout: 0 });
  }
});
