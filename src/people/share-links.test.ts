// Links to chats in a real database.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { newChat } from '../../test/support/new-chat.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { silentLog } from '../lib/log.ts';
import { owner } from './grant.ts';
import { insertChat } from '../store/chats.ts';
import { insertPerson, removePerson, setPersonRole } from '../store/people.ts';
import { maxShareLinks } from '../store/share-links.ts';
import { ShareLinks } from './share-links.ts';

let database: TestDatabase;
let links: ShareLinks;
let queries: number;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(() => {
  queries = 0;
  const sql = new Proxy(database.sql, {
    apply(target, self, given: [TemplateStringsArray, ...unknown[]]) {
      if (given[0].join('?').includes('as "leftMs"')) queries += 1;
      return Reflect.apply(target, self, given) as unknown;
    },
  });
  links = new ShareLinks({ sql, logger: silentLog });
});

const week = { expiresInSeconds: 7 * 86_400 };
async function addPerson(role: 'owner' | 'member') {
  const person = { id: randomUUID(), name: `p ${randomUUID()}`, role, createdBy: 'owner' };
  await insertPerson(database.sql, person);
  return person;
}
const addChat = async (by = { id: 'owner', name: 'owner' }) =>
  (await insertChat(database.sql, newChat({ owner: by }))).id;

test('SHARE-6: a link is stored as a digest, and opens its chat until it expires, is revoked or its chat is deleted', async () => {
  const { sql } = database;
  const chatId = await addChat();
  const { link, secret } = await links.create(owner, chatId, week);
  expect(secret).toMatch(/^boolink_[\w-]{43}$/);
  const [stored] = await sql`select row_to_json(t)::text as text from boocode.share_links t where id = ${link.id}`;
  expect(stored!['text']).not.toContain(secret.slice(8));
  expect(link).toMatchObject({ createdBy: { id: 'owner', name: 'owner' }, until: null, lastUsedAt: null });
  const found = (await links.find(secret))!;
  expect(found).toMatchObject({ id: link.id, chatId, untilSeq: null });
  expect(found.leftMs / 86_400_000).toBeCloseTo(7, 2);
  const [listed] = await links.list(chatId);
  expect(Date.now() - Date.parse(listed!.lastUsedAt!)).toBeLessThan(60_000);

  await sql`update boocode.share_links set expires_at = clock_timestamp() where id = ${link.id}`;
  expect(await links.find(secret)).toBeUndefined();
  expect([await links.leftMs(found), await links.list(chatId)]).toEqual([0, []]);

  const other = await links.create(owner, chatId, week);
  const told: string[] = [];
  links.observe((chat) => told.push(chat));
  await expect(links.revoke(await addChat(), other.link.id)).rejects.toMatchObject({ code: 'not_found' });
  expect(await links.find(other.secret)).toBeDefined();
  await links.revoke(chatId, other.link.id);
  expect([await links.find(other.secret), told]).toEqual([undefined, [chatId]]);

  const last = await links.create(owner, chatId, week);
  await sql`delete from boocode.chats where id = ${chatId}`;
  expect(await links.find(last.secret)).toBeUndefined();
});

test('SHARE-6: a link lasts no longer than its maker may make one', async () => {
  const { sql } = database;
  const [ada, bea] = [await addPerson('member'), await addPerson('owner')];
  const chatId = await addChat(ada);
  const [hers, others] = [await links.create(ada, chatId, week), await links.create(bea, chatId, week)];
  const open = async () => [
    (await links.find(hers.secret)) !== undefined,
    (await links.find(others.secret)) !== undefined,
  ];
  expect(await open()).toEqual([true, true]);
  await setPersonRole(sql, ada.id, 'viewer');
  // An owner of the server shared what is not theirs.
  await setPersonRole(sql, bea.id, 'member');
  expect(await open()).toEqual([false, false]);
  await setPersonRole(sql, ada.id, 'member');
  await setPersonRole(sql, bea.id, 'owner');
  expect(await open()).toEqual([true, true]);
  await removePerson(sql, ada.id);
  await removePerson(sql, bea.id);
  expect(await open()).toEqual([false, false]);
});

test('SHARE-6: a link ends at an event that there is, and a chat has only so many', async () => {
  const chatId = await addChat();
  await expect(links.create(owner, chatId, { ...week, until: 1 })).rejects.toMatchObject({
    code: 'invalid_request',
    details: { field: 'until' },
  });
  await expect(links.create(owner, randomUUID(), week)).rejects.toMatchObject({ code: 'not_found' });
  for (let made = 0; made < maxShareLinks; made += 1) await links.create(owner, chatId, week);
  await expect(links.create(owner, chatId, week)).rejects.toMatchObject({ code: 'invalid_request' });
});

test('SHARE-8: wrong secrets cost one query at a time, and those of another shape none', async () => {
  const { secret } = await links.create(owner, await addChat(), week);
  const wrong = Array.from({ length: 200 }, (_, at) => `boolink_${String(at).padStart(43, '0')}`);
  const found = await Promise.all([...wrong, secret].map((each) => links.find(each)));
  expect(found.filter((link) => link !== undefined)).toHaveLength(1);
  expect(queries).toBeLessThanOrEqual(2);
  queries = 0;
  await Promise.all([...wrong, 'boolink_short', `boo_${'0'.repeat(43)}`, ''].map((each) => links.find(each)));
  expect(queries).toBe(0);
});
