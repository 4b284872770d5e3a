// `npm run bench:scale`: what one Postgres takes, with the statements that hosts send. See docs/scale.md.
import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { fromDist } from './dist.mjs';
import { currentLoad, describeMachine } from './machine.mjs';
import { openOwnPostgres } from './own-postgres.mjs';
import { openPlace } from './place.mjs';
import { median } from './statistics.mjs';

const help = `Usage: npm run bench:scale -- [options]

Measures one Postgres with its default settings: appended events, renewed leases, notifications, pages of events, simulated hosts, and the
statements that hosts repeat, beside many chats that nobody uses.

  --seconds <number>   for each measurement (default: 5)
  --chats <list>       how many chats there are for the last part (default: 10000,1000000)
  --help               this text
`;

const { migrate } = await fromDist('store/migrate.js');
const { openDatabase } = await fromDist('store/database.js');
const { findHeads, listChats } = await fromDist('store/chats.js');
const { findGlances } = await fromDist('store/chats-elsewhere.js');
const { appendEvents, readEvents } = await fromDist('store/events.js');
const { beatHost, insertHost } = await fromDist('store/hosts.js');
const { claimLease, findOrphanedWork, renewLeases } = await fromDist('store/leases.js');
const { listen, notify } = await fromDist('store/notifications.js');

const hourMs = 3_600_000;
/** A message of an agent, of about 1 KB. */
const body = { type: 'agent_message', messageId: 'm', content: [{ type: 'text', text: 'word '.repeat(200) }] };
const load = { chats: 0, warmChats: 0, memoryBytes: 0, freeMemoryBytes: 0 };

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    chats: { type: 'string', default: '10000,1000000' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) process.stdout.write(help);
else await main(Number(values.seconds) * 1_000, values.chats.split(',').map(Number));

async function main(ms, counts) {
  const place = await openPlace({});
  const tell = (name, value) => process.stdout.write(`| ${name} | ${value} | ${currentLoad().toFixed(1)} |\n`);
  try {
    // Each simulated host listens on a connection of its own.
    const url = await openOwnPostgres(place, { max_connections: 250 });
    const sql = openDatabase(url, { max: 32 });
    place.onClose(() => sql.end());
    await migrate(sql);
    const { date, node, cores, platform } = describeMachine(1);
    process.stdout.write(
      `${date}, Node ${node}, ${platform}, ${cores} cores\n\n| what | result | load |\n|---|---|---|\n`,
    );
    await measureAppends(sql, ms, tell);
    await measureSize(sql, tell);
    await measureLeases(sql, ms, tell);
    await measureNotifications(sql, url, ms, tell);
    await measureReaders(sql, ms, tell);
    await measureHosts(sql, url, ms, tell);
    for (const count of counts) await measureManyChats(sql, url, count, tell);
  } finally {
    await place.close();
  }
}

function perSecond(count, ms) {
  return `${Math.round((count * 1_000) / ms).toLocaleString('en')} /s`;
}

/** Runs `work(n)` again and again in this many loops at once; returns how often it was done per second. */
async function repeat(loops, ms, work) {
  const startMs = performance.now();
  let done = 0;
  const loop = async (_, n) => {
    while (performance.now() - startMs < ms) {
      await work(n);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: loops }, loop));
  return { done, tookMs: performance.now() - startMs };
}

async function addHost(sql) {
  const id = randomUUID();
  await insertHost(sql, { id, machine: 'bench', name: id.slice(0, 8), pid: 1, pidStarted: '', version: '0' });
  return id;
}

/** Chats with one event each, held by the host, or by nobody. */
async function addChats(sql, count, hostId = null) {
  const rows = await sql`
    insert into boocode.chats (id, cwd, backend, owner_host, epoch, lease_until, free_since, next_seq)
    select gen_random_uuid(), '/work', 'claude_sdk', ${hostId}, 1, ${hostId ? sql`now() + interval '1 day'` : null},
      now() - interval '1 day', 2 from generate_series(1, ${count}) returning id`;
  const ids = rows.map(({ id }) => id);
  await sql`
    insert into boocode.events (chat_id, seq, type, payload)
    select id, 1, 'agent_message', ${JSON.stringify(body)}::text::json from unnest(${ids}::uuid[]) as id`;
  return ids;
}

async function measureAppends(sql, ms, tell) {
  const host = await addHost(sql);
  for (const chats of [1, 10, 100]) {
    const ids = await addChats(sql, chats);
    const leases = await Promise.all(ids.map((id) => claimLease(sql, id, host, hourMs)));
    for (const writers of [1, 4, 16]) {
      if (writers > chats) continue;
      const places = Array.from({ length: writers }, () => 0);
      const { done, tookMs } = await repeat(writers, ms, (n) => {
        // A chat has one writer, so each has chats of its own.
        const own = leases.filter((__, index) => index % writers === n);
        return appendEvents(sql, own[(places[n] += 1) % own.length], { events: [{ body }] });
      });
      tell(`events appended: ${writers} writers, ${chats} chats`, perSecond(done, tookMs));
    }
  }
}

async function measureSize(sql, tell) {
  await sql`vacuum analyze boocode.events`;
  const [row] = await sql`
    select pg_total_relation_size('boocode.events') / count(*)::float as bytes, avg(length(payload::text)) as text
    from boocode.events`;
  tell(`an event of ${Math.round(row.text)} characters on disk, with its index`, `${Math.round(row.bytes)} bytes`);
}

async function measureLeases(sql, ms, tell) {
  for (const chats of [10, 100, 1_000]) {
    const host = await addHost(sql);
    const ids = await addChats(sql, chats, host);
    const { done, tookMs } = await repeat(1, ms, () => renewLeases(sql, host, ids, hourMs));
    tell(`leases renewed: statements of ${chats}`, perSecond(done * chats, tookMs));
  }
}

async function measureNotifications(sql, url, ms, tell) {
  for (const listeners of [1, 10, 100]) {
    let heard = 0;
    const open = Array.from({ length: listeners }, () =>
      listen(url, { isPooled: false, onHeard: () => (heard += 1), onLost: () => undefined }),
    );
    try {
      await Promise.all(open.map(({ ready }) => ready));
      const { done, tookMs } = await repeat(8, ms, () => notify(sql, randomUUID()));
      tell(
        `notifications sent: ${listeners} listeners`,
        `${perSecond(done, tookMs)}, ${perSecond(heard, tookMs)} heard`,
      );
    } finally {
      await Promise.all(open.map((listener) => listener.close()));
    }
  }
}

async function measureReaders(sql, ms, tell) {
  const host = await addHost(sql);
  const [id] = await addChats(sql, 1);
  const lease = await claimLease(sql, id, host, hourMs);
  for (let n = 0; n < 20; n += 1)
    await appendEvents(sql, lease, { events: Array.from({ length: 100 }, () => ({ body })) });
  for (const limit of [1, 300]) {
    const { done, tookMs } = await repeat(8, ms, () => readEvents(sql, id, { before: 1_500, limit }));
    tell(`pages of ${limit} events read`, perSecond(done, tookMs));
  }
  for (const followed of [1, 100, 1_000]) {
    const ids = await addChats(sql, followed);
    const { done, tookMs } = await repeat(4, ms, () => findHeads(sql, ids));
    tell(`heads of ${followed} followed chats read`, perSecond(done, tookMs));
  }
}

/** What a host with ten warm chats sends, without agents: a tick is five seconds of its life, as fast as it goes. */
async function measureHosts(sql, url, ms, tell) {
  for (const count of [1, 10, 100]) {
    const hosts = [];
    for (let n = 0; n < count; n += 1) {
      const id = await addHost(sql);
      hosts.push({ id, chats: await addChats(sql, 10, id) });
    }
    const listeners = hosts.map(() =>
      listen(url, { isPooled: false, onHeard: () => undefined, onLost: () => undefined }),
    );
    try {
      await Promise.all(listeners.map(({ ready }) => ready));
      for (const rings of [10, 0]) {
        let next = 0;
        const { done, tookMs } = await repeat(Math.min(count, 16), ms, async () => {
          const { id, chats } = hosts[(next += 1) % count];
          await Promise.all([
            beatHost(sql, id, load, 20_000),
            renewLeases(sql, id, chats, hourMs),
            findOrphanedWork(sql, id, 100),
            // Twice a second one of its chats does something, and once a second it looks what others have done.
            ...Array.from({ length: rings }, () => notify(sql, JSON.stringify({ host: id, chats: [chats[0]] }))),
            ...Array.from({ length: 5 }, () => findGlances(sql, id, { since: new Date(), known: [] })),
          ]);
        });
        const seconds = tookMs / 1_000;
        const name = `${count} hosts with 10 warm chats each${rings > 0 ? '' : ', without notifications'}`;
        tell(name, `${((done * 5) / seconds / count).toFixed(1)} times what they need`);
      }
    } finally {
      await Promise.all(listeners.map((listener) => listener.close()));
    }
    await sql`update boocode.chats set owner_host = null, lease_until = null where owner_host is not null`;
  }
}

/** How long statements take beside so many chats, 1 % of which are warm on ten hosts. */
async function measureManyChats(sql, url, count, tell) {
  // Without the limits of a host's statements, and without checking what is right by construction.
  const bulk = openDatabase(url, { max: 1 });
  await bulk`set statement_timeout = 0`;
  await bulk`set session_replication_role = replica`;
  await bulk`truncate boocode.chats cascade`;
  const hosts = [];
  for (let n = 0; n < 10; n += 1) hosts.push(await addHost(sql));
  await bulk`
    insert into boocode.chats (id, cwd, backend, owner_host, epoch, lease_until, free_since, next_seq)
    select gen_random_uuid(), '/work', 'claude_sdk', host, 1, case when host is not null then now() + interval '1 day' end,
      case when host is null then now() - interval '1 day' end, 2
    from generate_series(1, ${count}) as n
    cross join lateral (select case when n % 100 = 0 then (${hosts}::uuid[])[n / 100 % 10 + 1] end as host) as chosen`;
  await bulk`
    insert into boocode.events (chat_id, seq, type, payload) select id, 1, 'notice', '{"type":"notice"}' from boocode.chats`;
  await bulk`
    insert into boocode.turns (id, chat_id, epoch, outcome) select gen_random_uuid(), id, 1, 'completed' from boocode.chats`;
  await bulk`
    insert into boocode.prompts (chat_id, id, seq, content, content_hash, turn_id)
    select chat_id, 'p', 1, '[]', '', id from boocode.turns`;
  await bulk`vacuum analyze`;
  await bulk.end();
  const own = (await sql`select id from boocode.chats where owner_host = ${hosts[0]}`).map(({ id }) => id);
  const idle = randomUUID();
  const timed = {
    'first page of the list': () => listChats(sql, { before: null, limit: 50 }),
    [`renewal of ${own.length} leases`]: () => renewLeases(sql, hosts[0], own, hourMs),
    'search for work that nobody does': () => findOrphanedWork(sql, hosts[0], 100),
    'look at the chats of all other hosts': () => findGlances(sql, idle, { since: new Date(), known: [] }),
    'heads of 100 followed chats': () => findHeads(sql, own.slice(0, 100)),
    'one event appended': async () => {
      const { id } = (await sql`select id from boocode.chats where owner_host is null limit 1`)[0];
      const lease = await claimLease(sql, id, hosts[0], hourMs);
      const startMs = performance.now();
      await appendEvents(sql, lease, { events: [{ body }] });
      return performance.now() - startMs;
    },
  };
  for (const [name, ask] of Object.entries(timed)) {
    const times = [];
    for (let round = 0; round < 7; round += 1) {
      const startMs = performance.now();
      const own = await ask();
      times.push(typeof own === 'number' ? own : performance.now() - startMs);
    }
    tell(`${count.toLocaleString('en')} chats: ${name}`, `${median(times).toFixed(1)} ms`);
  }
}
