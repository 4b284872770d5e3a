// Tokens in a real database; the time of this host is the test's.
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { until } from '../../test/support/until.ts';
import { silentLog } from '../lib/log.ts';
import type { Role } from '../protocol/principal.ts';
import { insertToken, revokeToken } from '../store/access-tokens.ts';
import { insertPerson, removePerson, setPersonRole } from '../store/people.ts';
import { digestOf, type Grant, newToken } from './grant.ts';
import { Grants, type IsEnded } from './grants.ts';

let database: TestDatabase;
let clock: ManualClock;
let grants: Grants;
let ended: IsEnded[];
let queries: string[];
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(() => {
  clock = new ManualClock();
  [ended, queries] = [[], []];
  // Sees each statement that is sent.
  const sql = new Proxy(database.sql, {
    apply(target, self, given: [TemplateStringsArray, ...unknown[]]) {
      const query: unknown = Reflect.apply(target, self, given);
      if (/from boocode\.access_tokens left join|update boocode/.test(given[0].join('?')))
        queries.push(given[0].join('?'));
      return query;
    },
  });
  grants = new Grants({ sql, clock, logger: silentLog });
  grants.observe((isEnded) => ended.push(isEnded));
  grants.start();
});
afterEach(() => grants.stop());

async function addToken(role: Role, rest: { personRole?: Role; expiresInSeconds?: number; idleDays?: number } = {}) {
  const personId = randomUUID();
  const { personRole = role, expiresInSeconds = null, idleDays = null } = rest;
  await insertPerson(database.sql, { id: personId, name: `p ${personId}`, role: personRole, createdBy: 'owner' });
  const [id, secret] = [randomUUID(), newToken()];
  const made = { id, digest: digestOf(secret), personId, name: 'x', kind: 'token', role, createdBy: 'owner' } as const;
  await insertToken(database.sql, { ...made, idleDays, expiresInSeconds, notAfter: null });
  return { id, secret, personId };
}

const isEnded = (grant: Grant): boolean => ended.some((each) => each(grant));
const hasLooked = async (): Promise<void> => {
  clock.advance(5_000);
  await until(() => clock.pending === 1);
};

describe('PEOPLE-2: a token', () => {
  test('is its person’s, with the lesser of both roles', async () => {
    const { secret, personId, id } = await addToken('owner', { personRole: 'viewer' });
    const principal = { id: personId, name: `p ${personId}`, role: 'viewer' };
    expect(await grants.find(secret)).toMatchObject({ principal, by: { id } });
    const viewing = await addToken('viewer', { personRole: 'owner' });
    expect((await grants.find(viewing.secret))?.principal.role).toBe('viewer');
    const [stored] =
      await database.sql`select row_to_json(t)::text as text from boocode.access_tokens t where id = ${id}`;
    expect(stored!['text']).not.toContain(secret.slice(4));
  });

  test('is nobody’s if it is unknown, revoked, expired, unused for too long, or its person was removed', async () => {
    const [revoked, expired, idle, removed] = await Promise.all([
      addToken('owner'),
      addToken('owner', { expiresInSeconds: 60 }),
      addToken('owner', { idleDays: 90 }),
      addToken('owner'),
    ]);
    await revokeToken(database.sql, revoked.id, 'all');
    await database.sql`update boocode.access_tokens set expires_at = clock_timestamp() where id = ${expired.id}`;
    await database.sql`update boocode.access_tokens set last_used_at = clock_timestamp() - interval '91 days' where id = ${idle.id}`;
    await removePerson(database.sql, removed.personId);
    for (const { secret } of [revoked, expired, idle, removed, { secret: newToken() }]) {
      expect(await grants.find(secret)).toBeUndefined();
    }
  });

  test('is forgotten long after it has ended, and not before, however old it is', async () => {
    const [used, unused] = await Promise.all([
      addToken('owner', { idleDays: 90 }),
      addToken('owner', { idleDays: 90 }),
    ]);
    await database.sql`update boocode.access_tokens set created_at = clock_timestamp() - interval '600 days'`;
    await database.sql`update boocode.access_tokens set last_used_at = clock_timestamp() where id = ${used.id}`;
    await addToken('owner');
    const left = await database.sql`select id from boocode.access_tokens`;
    expect(left.map((row) => row['id'])).toContain(used.id);
    expect(left.map((row) => row['id'])).not.toContain(unused.id);
    expect(await grants.find(used.secret)).toBeDefined();
  });

  test('is looked for with one query at a time, also if it is one among many wrong ones, and those only once', async () => {
    const { secret } = await addToken('member');
    const wrong = Array.from({ length: 400 }, newToken);
    const asked = Promise.all([...wrong, secret, ...wrong].map((each) => grants.find(each)));
    const found = (await asked).filter((grant) => grant !== undefined);
    expect(found).toHaveLength(1);
    // The first alone, and all that came meanwhile together.
    expect(queries).toHaveLength(2);
    await Promise.all(wrong.map((each) => grants.find(each)));
    await Promise.all(['x', 'boo_', `boo_${'x'.repeat(5_000)}`, 'boo_ä'].map((each) => grants.find(each)));
    await grants.find(secret);
    expect(queries).toHaveLength(2);
  });

  test('is noted as used, at most once a minute', async () => {
    const { secret, id } = await addToken('member');
    const used = async (): Promise<unknown> =>
      (await database.sql`select last_used_at from boocode.access_tokens where id = ${id}`)[0]!['last_used_at'];
    await grants.find(secret);
    await hasLooked();
    const first = await used();
    expect(first).toBeInstanceOf(Date);
    await grants.find(secret);
    await hasLooked();
    expect(queries.filter((each) => each.includes('update'))).toHaveLength(1);
    expect(await used()).toEqual(first);
  });
});

describe('PEOPLE-3: what was granted ends', () => {
  test('at once where it was ended, also for what was found just before', async () => {
    const { secret, id } = await addToken('member');
    const grant = (await grants.find(secret))!;
    await revokeToken(database.sql, id, 'all');
    const late = grants.find(secret);
    grants.end(({ by }) => typeof by === 'object' && by.id === id);
    expect([grants.isEnded(grant), isEnded(grant)]).toEqual([true, true]);
    expect(grants.isEnded((await late) ?? grant)).toBe(true);
    expect(await grants.find(secret)).toBeUndefined();
  });

  test('within seconds on other hosts: when revoked, expired, or given another role', async () => {
    const [revoked, changed, same] = await Promise.all([addToken('member'), addToken('member'), addToken('member')]);
    const all = await Promise.all([revoked, changed, same].map(({ secret }) => grants.find(secret)));
    await revokeToken(database.sql, revoked.id, 'all');
    await setPersonRole(database.sql, changed.personId, 'viewer');
    await hasLooked();
    expect(all.map((grant) => isEnded(grant!))).toEqual([true, true, false]);
    expect(all.map((grant) => grants.isEnded(grant!))).toEqual([true, true, false]);
    expect(await grants.find(revoked.secret)).toBeUndefined();
    expect((await grants.find(changed.secret))?.principal.role).toBe('viewer');
    expect(await grants.find(same.secret)).toBe(all[2]);
  });

  test('no answer is older than ten seconds, even if the database cannot be asked', async () => {
    const { secret } = await addToken('member');
    expect(await grants.find(secret)).toBeDefined();
    grants.stop();
    await database.sql`alter table boocode.people rename to elsewhere`;
    try {
      clock.advance(9_999);
      expect(await grants.find(secret)).toBeDefined();
      clock.advance(1);
      await expect(grants.find(secret)).rejects.toThrow('people');
      await expect(grants.find(newToken())).rejects.toThrow('people');
    } finally {
      await database.sql`alter table boocode.elsewhere rename to people`;
    }
  });
});
