// Codes of sign-in links in a real database.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { silentLog } from '../lib/log.ts';
import type { Principal, Role } from '../protocol/principal.ts';
import { findTokens, insertToken, listTokens, revokeToken } from '../store/access-tokens.ts';
import { insertPerson, removePerson, setPersonRole } from '../store/people.ts';
import { digestOf, type Grant, grantOf, newToken, owner } from './grant.ts';
import { Grants } from './grants.ts';
import { ownersGrant, SignIns } from './sign-ins.ts';

let database: TestDatabase;
let grants: Grants;
let codes: SignIns;
/** Statements fail as long as this is set. */
let isAway = false;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(() => {
  isAway = false;
  const sql = new Proxy(database.sql, {
    apply(target, self, given: unknown[]) {
      if (isAway) throw Object.assign(new Error('away'), { code: 'ECONNREFUSED' });
      return Reflect.apply(target, self, given) as unknown;
    },
  });
  grants = new Grants({ sql, clock: new ManualClock(), logger: silentLog });
  codes = new SignIns({ sql, grants, logger: silentLog });
});

async function issue(grant: Grant = ownersGrant): Promise<string> {
  const { code, stored } = codes.issue(grant);
  await stored;
  return code;
}
const redeem = (code: string) => codes.redeem(code, 'Firefox on Linux');

async function person(role: Role): Promise<Principal> {
  const { id, name } = await insertPerson(database.sql, { id: randomUUID(), name: randomUUID(), role, createdBy: 'x' });
  return { id, name, role };
}

/** Somebody with a token, which lasts for an hour. */
async function asks(role: Role): Promise<{ who: Principal; id: string; grant: Grant }> {
  const who = await person(role);
  const made = { id: randomUUID(), digest: digestOf(newToken()), personId: who.id, name: 'x', kind: 'token' } as const;
  const rest = { role, createdBy: 'x', idleDays: null, expiresInSeconds: 3600, notAfter: null };
  return { who, id: made.id, grant: grantOf((await insertToken(database.sql, { ...made, ...rest }))!) };
}

describe('SESSION-1: a sign-in code', () => {
  it('ACCESS-4: gives a token of the browser’s own, once, and only if it was issued', async () => {
    const code = await issue();
    expect(Buffer.from(code, 'base64url')).toHaveLength(32);
    for (const wrong of ['', `${code}x`, 'x']) expect(await redeem(wrong)).toBeUndefined();
    const both = await Promise.all([redeem(code), redeem(code)]);
    expect(both.filter(Boolean)).toMatchObject([{ principal: owner }]);
    expect(await redeem(code)).toBeUndefined();
    const [row] = await findTokens(database.sql, [digestOf(both.find(Boolean)!.token)]);
    expect(row).toMatchObject({ kind: 'browser', name: 'Firefox on Linux', idleDays: 90, role: 'owner' });
  });

  it('works for ten minutes by the database’s clock, and is stored as a digest', async () => {
    const code = await issue();
    const [row] = await database.sql<{ left: number; text: string }[]>`
      select extract(epoch from expires_at - clock_timestamp())::float8 as left, sign_in_codes::text as text
      from boocode.sign_in_codes where digest = ${digestOf(code)}`;
    expect(row!.left).toBeGreaterThan(590);
    expect(row!.left).toBeLessThanOrEqual(600);
    expect(row!.text).not.toContain(code);
    await database.sql`update boocode.sign_in_codes set expires_at = clock_timestamp() where digest = ${digestOf(code)}`;
    expect(await redeem(code)).toBeUndefined();
  });

  it('leaves the newest eight of a person, whatever others ask for', async () => {
    const { grant } = await asks('member');
    const owners = await issue();
    const issued = [];
    for (let at = 0; at < 10; at += 1) issued.push(await issue(grant));
    const worked = [];
    for (const code of issued) worked.push((await redeem(code)) !== undefined);
    expect(worked).toEqual([...Array<boolean>(2).fill(false), ...Array<boolean>(8).fill(true)]);
    expect(await redeem(owners)).toBeDefined();
  });
});

describe('SESSION-2: the session that a link opens', () => {
  it('is that of whoever asked for the link, with no more and for no longer than what they asked with', async () => {
    const { who, grant } = await asks('member');
    const code = await issue(grant);
    await setPersonRole(database.sql, who.id, 'viewer');
    const signedIn = (await redeem(code))!;
    expect(signedIn.principal).toEqual({ ...who, role: 'viewer' });
    const [row] = await findTokens(database.sql, [digestOf(signedIn.token)]);
    expect(row!.expiresAt).toEqual((grant.by as { expiresAt: Date }).expiresAt);
    expect(row!.createdBy).toBe(who.name);
  });

  it('is none if the token of the link was revoked, its person removed, or the server’s own token replaced', async () => {
    const [revoked, removed] = [await asks('member'), await asks('member')];
    const ended = [await issue(revoked.grant), await issue(removed.grant), await issue()];
    await revokeToken(database.sql, revoked.id, 'all');
    await removePerson(database.sql, removed.who.id);
    await codes.endServers();
    for (const code of ended) expect(await redeem(code)).toBeUndefined();
  });

  it('is never refused: of more than a hundred, the one that was unused for longest ends', async () => {
    const { who, grant } = await asks('member');
    await database.sql`
      insert into boocode.access_tokens (id, person_id, digest, name, kind, role, created_by, idle_days, last_used_at)
      select gen_random_uuid(), ${who.id}, md5(n::text || ${who.id}), n::text, 'browser', 'member', 'x', 90,
        clock_timestamp() - n * interval '1 minute' from generate_series(1, 100) as n`;
    expect(await redeem(await issue(grant))).toBeDefined();
    const names = (await listTokens(database.sql, { personId: who.id })).map(({ name }) => name);
    expect(names.filter((name) => /^\d+$/.test(name))).toHaveLength(99);
    expect(names).not.toContain('100');
    expect(names).toContain('x');
  });
});

describe('SESSION-3: without the database', () => {
  it('a code is not used up, and says that it is for now', async () => {
    const code = await issue();
    isAway = true;
    await expect(redeem(code)).rejects.toMatchObject({ code: 'storage_unavailable' });
    isAway = false;
    expect(await redeem(code)).toBeDefined();
  });

  it('a link that could not be stored works once the database is back', async () => {
    isAway = true;
    const { code, stored } = codes.issue(ownersGrant);
    await expect(stored).rejects.toMatchObject({ code: 'storage_unavailable' });
    isAway = false;
    expect(await redeem(code)).toBeDefined();
    expect(await redeem(code)).toBeUndefined();
  });
});
