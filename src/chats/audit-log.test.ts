import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { until } from '../../test/support/until.ts';
import { type Log, silentLog } from '../lib/log.ts';
import { systemClock } from '../lib/clock.ts';
import { appendAudit } from '../store/audit-log.ts';
import type { Sql } from '../store/database.ts';
import { SlowLane } from '../store/slow-lane.ts';
import { type Act, auditLimits, AuditLog, type AuditParts } from './audit-log.ts';

let database: TestDatabase;
let logged: { facts: object; message: string }[];
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(() => {
  logged = [];
});

const logger: Log = {
  ...silentLog,
  warn: (facts, message) => logged.push({ facts, message }),
  error: (facts, message) => logged.push({ facts, message }),
};
const open = (parts: Partial<AuditParts> = {}): AuditLog =>
  new AuditLog({
    sql: database.sql,
    slow: new SlowLane(database.sql),
    clock: systemClock,
    logger,
    host: 'attic',
    ...parts,
  });

const ada = { id: 'p1', name: 'Ada', role: 'member' } as const;
/** Acts of one test have a name of their own. */
const named = (): Act & { act: string } => ({ person: ada, act: `act-${randomUUID()}`, outcome: 'done' });
const oldest = { order: 'oldest', limit: 1000 } as const;

/** A database that is away until it is told otherwise; `lost` writes, and loses the answer. */
function failing(): { sql: Sql; mode: 'away' | 'lost' | 'refuses' | 'up' } {
  const control: ReturnType<typeof failing> = { mode: 'away', sql: undefined as unknown as Sql };
  const broken = (code: string): Error => Object.assign(new Error(code), { code });
  control.sql = ((...given: Parameters<Sql>) => {
    if (control.mode === 'up') return database.sql(...given);
    const ask = () => (database.sql as unknown as (...all: unknown[]) => Promise<unknown>)(...given);
    if (control.mode === 'lost') return ask().then(() => Promise.reject(broken('CONNECTION_CLOSED')));
    return Promise.reject(broken(control.mode === 'away' ? 'ECONNREFUSED' : '22P02'));
  }) as unknown as Sql;
  return control;
}

describe('AUDIT-6: the table', () => {
  test('takes no change, no deletion and no truncation', async () => {
    const act = named();
    await open().note(act);
    for (const statement of [
      `update boocode.audit_log set person_name = 'Eve' where act = '${act.act}'`,
      `delete from boocode.audit_log where act = '${act.act}'`,
      'truncate boocode.audit_log',
    ]) {
      await expect(database.sql.unsafe(statement)).rejects.toThrow('The audit log is append-only.');
    }
    expect((await open().page({ ...oldest, act: act.act })).items).toMatchObject([{ person: ada, host: 'attic' }]);
  });

  test('has the database’s time, also of what had to wait, whatever a host believes', async () => {
    const { act } = named();
    const clock = { ...systemClock, now: () => new Date(0) };
    await open({ clock }).note({ ...named(), act });
    const row = { person: null, via: null, source: null, host: null, chatId: null, code: null, count: 1, details: {} };
    await appendAudit(database.sql, [{ id: randomUUID(), act, outcome: 'done', ageMs: 3_600_000, ...row }]);
    const [{ now } = { now: new Date() }] = await database.sql<{ now: Date }[]>`select clock_timestamp() as now`;
    const ages = (await open().page({ ...oldest, act })).items.map(({ at }) => now.getTime() - Date.parse(at));
    expect(ages[0]).toBeLessThan(60_000);
    expect(ages[1]! - ages[0]!).toBeGreaterThan(3_500_000);
  });

  test('shows rows in the order of their numbers while many hosts write, so a cursor misses none', async () => {
    const { act } = named();
    const hosts = Array.from({ length: 8 }, () => open());
    let isOver = false;
    const seen: number[] = [];
    const reading = (async () => {
      let after = 0;
      do {
        const { items } = await open().page({ ...oldest, act, after });
        seen.push(...items.map(({ seq }) => seq));
        after = seen.at(-1) ?? 0;
      } while (!isOver);
    })();
    await Promise.all(
      hosts.map(async (host) => {
        for (let at = 0; at < 25; at += 1) await host.note({ ...named(), act });
      }),
    );
    await Promise.all(hosts.map((host) => host.close()));
    isOver = true;
    await reading;
    const { items } = await open().page({ ...oldest, act });
    expect(items).toHaveLength(200);
    const rest = items.filter(({ seq }) => seq > seen.at(-1)!).map(({ seq }) => seq);
    expect([...seen, ...rest]).toEqual(items.map(({ seq }) => seq));
  });

  test('stores odd texts, and is not written twice when an answer is lost', async () => {
    const control = failing();
    control.mode = 'lost';
    const clock = new ManualClock();
    const log = open({ sql: control.sql, clock });
    const act = { ...named(), via: 'a\u0000b', details: { text: 'NUL \u0000, half \ud800' } };
    const noted = log.note(act);
    await until(() => logged.length > 0);
    control.mode = 'up';
    clock.advance(auditLimits.retryMs);
    await noted;
    await log.close();
    expect((await open().page({ ...oldest, act: act.act })).items).toMatchObject([
      { via: 'a\u2400b', details: act.details, count: 1 },
    ]);
  });
});

describe('AUDIT-7: while the database is away', () => {
  test('nobody waits for long, and everything is stored in order once it is back', async () => {
    const control = failing();
    const clock = new ManualClock();
    const log = open({ sql: control.sql, clock });
    const { act } = named();
    let answered = 0;
    const noted = Array.from({ length: 5 }, (_, at) =>
      log.note({ ...named(), act, details: { at } }).then(() => (answered += 1)),
    );
    await until(() => logged.length > 0);
    clock.advance(auditLimits.waitMs - 1);
    expect(answered).toBe(0);
    clock.advance(1);
    await Promise.all(noted);
    expect((await open().page({ ...oldest, act })).items).toEqual([]);
    control.mode = 'up';
    clock.advance(auditLimits.retryMs);
    const items = await until(async () => {
      const found = (await open().page({ ...oldest, act })).items;
      return found.length > 0 ? found : null;
    });
    expect(items.map(({ details }) => details['at'])).toEqual([0, 1, 2, 3, 4]);
    // Said once, however often it was tried.
    expect(logged.map(({ message }) => message)).toEqual(['The audit log cannot be written now: its entries wait.']);
    await log.close();
  });

  test('what cannot be kept goes into the server’s own log: too many, and those left at the end', async () => {
    const control = failing();
    const log = open({ sql: control.sql, clock: new ManualClock(), limits: { waiting: 2 } });
    const acts = [named(), named(), named()];
    const noted = acts.map((act) => log.note(act));
    await log.close();
    await Promise.all(noted);
    await log.note(named());
    const lost = logged.flatMap(({ facts }) => ('entry' in facts ? [(facts.entry as Act).act] : []));
    expect(lost.slice(0, 3)).toEqual([acts[2], acts[0], acts[1]].map((act) => act!.act));
    expect(lost).toHaveLength(4);
  });

  test('what waits is stored at the end if the database can be reached then', async () => {
    const control = failing();
    const log = open({ sql: control.sql, clock: new ManualClock() });
    const act = named();
    void log.note(act);
    await until(() => logged.length > 0);
    control.mode = 'up';
    await log.close();
    expect((await open().page({ ...oldest, act: act.act })).items).toHaveLength(1);
  });

  test('entries that the database refuses do not hold up the others', async () => {
    const control = failing();
    control.mode = 'refuses';
    const log = open({ sql: control.sql });
    const refused = named();
    await log.note(refused);
    control.mode = 'up';
    const act = named();
    await log.note(act);
    expect((await open().page({ ...oldest, act: act.act })).items).toHaveLength(1);
    expect(logged.map(({ facts }) => ('entry' in facts ? (facts.entry as Act).act : ''))).toEqual(['', refused.act]);
  });
});

describe('AUDIT-8: reading it', () => {
  test('by person, chat, act, outcome and time, in both orders, page by page and all at once', async () => {
    const { act } = named();
    const chatId = randomUUID();
    const log = open();
    const eve = { id: 'p2', name: 'Eve', role: 'viewer' } as const;
    await log.note({ person: ada, act, outcome: 'done', chatId });
    await log.note({ person: eve, act, outcome: 'refused', code: 'forbidden' });
    await log.note({ person: null, act, outcome: 'refused', code: 'unauthorized', count: 7 });
    const found = async (filter: object): Promise<(string | null)[]> =>
      (await log.page({ ...oldest, act, ...filter })).items.map(({ person }) => person?.name ?? null);
    expect(await found({})).toEqual(['Ada', 'Eve', null]);
    expect(await found({ order: 'newest' })).toEqual([null, 'Eve', 'Ada']);
    expect(await found({ person: 'p2' })).toEqual(['Eve']);
    expect(await found({ person: 'eVE' })).toEqual(['Eve']);
    expect(await found({ chat: chatId })).toEqual(['Ada']);
    expect(await found({ outcome: 'done' })).toEqual(['Ada']);
    expect(await found({ act: 'other' })).toEqual([]);
    const future = new Date(Date.now() + 3_600_000);
    expect(await found({ from: future })).toEqual([]);
    expect(await found({ to: future })).toHaveLength(3);
    const first = await log.page({ act, order: 'newest', limit: 2 });
    const second = await log.page({ act, order: 'newest', limit: 2, after: Number(first.next) });
    expect([first.items.length, second.items.length, second.next]).toEqual([2, 1, null]);
    expect(second.items[0]).toMatchObject({ person: ada, chatId, code: null, details: {} });
  });

  test('streams everything, also what does not fit one page', async () => {
    const { act } = named();
    const log = open();
    await Promise.all(Array.from({ length: 2_345 }, (_, at) => log.note({ ...named(), act, details: { at } })));
    await log.close();
    const all: unknown[] = [];
    for await (const page of log.all({ act, order: 'oldest' })) all.push(...page.map(({ details }) => details['at']));
    expect(all).toEqual(Array.from({ length: 2_345 }, (_, at) => at));
  });
});
