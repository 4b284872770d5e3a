/**
 * Searches for what nobody said, over 50,000 events in 50 chats and in 10,000 chats. Each build has the same log in a
 * database of its own, with the index it has built; the other build's log is there once more without any index, as it is
 * for the newest events.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';
import { median } from '../statistics.mjs';
import { prose } from '../prose.mjs';

const events = 50_000;
const sizes = [
  { chats: 50, where: '50,000 events' },
  { chats: 10_000, where: '10,000 chats' },
];
const words = { ASCII: 'xylophonequartz', Chinese: '灯塔望远镜', Cyrillic: 'маяковский', 'two letters': 'qz' };
const atOnce = 8;
const discarded = 2;
const goal = 0.1;

/** A prompt, what the agent says, and what its tools return. */
function bodyOf(seq) {
  const content = (length) => [{ type: 'text', text: prose(length) }];
  const toolCallId = `call-${seq}`;
  return [
    () => ({ type: 'prompt_accepted', promptId: randomUUID(), content: content(30) }),
    () => ({ type: 'agent_message', messageId: randomUUID(), content: content(90) }),
    () => ({
      type: 'tool_call',
      toolCallId,
      toolName: 'Read',
      kind: 'read',
      title: 'Read',
      rawInput: { a: prose(10) },
    }),
    () => ({
      type: 'tool_call_update',
      toolCallId,
      status: 'completed',
      content: [{ type: 'content', content: { type: 'text', text: prose(400) } }],
      rawOutput: null,
    }),
    () => ({ type: 'agent_message', messageId: randomUUID(), content: content(90) }),
  ][seq % 5]();
}

/** The same in every database, however its build writes. */
async function fill(databases, chats) {
  const length = events / chats;
  const chunk = 1000;
  for (let first = 0; first < events; first += chunk) {
    const rows = Array.from({ length: chunk }, (_, at) => {
      const chat = Math.floor((first + at) / length);
      const seq = ((first + at) % length) + 1;
      return { id: `00000000-0000-4000-8000-${String(chat).padStart(12, '0')}`, seq, body: bodyOf(seq) };
    });
    for (const sql of databases) {
      const ids = [...new Set(rows.map(({ id }) => id))];
      await sql`
        insert into boocode.chats (id, title, cwd, agent, backend)
        select id::uuid, 'A chat', '/tmp', 'claude', 'claude_sdk' from unnest(${ids}::text[]) as id on conflict do nothing`;
      await sql`
        insert into boocode.events (chat_id, seq, type, payload)
        select id::uuid, seq, type, payload::json from unnest(
          ${rows.map(({ id }) => id)}::text[], ${rows.map(({ seq }) => seq)}::bigint[],
          ${rows.map(({ body }) => body.type)}::text[], ${rows.map(({ body }) => JSON.stringify(body))}::text[]
        ) as made (id, seq, type, payload)`;
    }
  }
  for (const sql of databases) {
    await sql`update boocode.chats set next_seq = ${length + 1}`;
    await sql`vacuum analyze`;
  }
}

const noLog = { debug() {}, info() {}, warn: console.error, error: console.error };

async function openBuild(dist, url) {
  const load = (path) => import(pathToFileURL(join(dist, path)).href);
  const { openDatabase } = await load('store/database.js');
  const { migrate } = await load('store/migrate.js');
  const { listChats } = await load('store/chats.js');
  const { SlowLane } = await load('store/slow-lane.js');
  const { SearchIndexer } = await load('chats/search-indexer.js');
  const sql = openDatabase(url, { max: 2, oneAtATime: true });
  await migrate(sql);
  const slow = new SlowLane(sql);
  return {
    sql,
    catchUp: () => new SearchIndexer({ slow, clock: { after: () => () => {} }, logger: noLog }).catchUp(),
    search: (q) => slow.ask((db) => listChats(db, { before: null, limit: 50, q }), { limitMs: 120_000 }),
    close: () => sql.end(),
  };
}

const timed = async (work) => {
  const began = performance.now();
  await work();
  return performance.now() - began;
};

export default {
  name: 'search',
  title: 'Search without a match',
  async measure({ ours, against, rounds, progress }) {
    const { openEmbeddedPostgres } = await import(
      pathToFileURL(join(ours, 'store/embedded-postgres/embedded-postgres.js')).href
    );
    const dataDir = await mkdtemp(join(tmpdir(), 'boocode-bench-search-'));
    const postgres = await openEmbeddedPostgres({ dataDir });
    const closers = [() => rm(dataDir, { recursive: true, force: true }), () => postgres.close()];
    const rows = [];
    const goals = [];
    try {
      const { openDatabase } = await import(pathToFileURL(join(ours, 'store/database.js')).href);
      const admin = openDatabase(postgres.url, { max: 1 });
      closers.push(() => admin.end());
      for (const { chats, where } of sizes) {
        progress(`search: ${where}`);
        const open = async (dist, name) => {
          const database = `${name}_${chats}`;
          await admin.unsafe(`create database ${database}`);
          const url = new URL(postgres.url);
          url.pathname = `/${database}`;
          const build = await openBuild(dist, url.href);
          closers.push(() => build.close());
          return build;
        };
        const contestants = { BooCode: await open(ours, 'ours') };
        if (against !== null) {
          contestants.before = await open(against, 'before');
          contestants['before, newest events'] = await open(against, 'log');
        }
        await fill(
          Object.values(contestants).map(({ sql }) => sql),
          chats,
        );
        for (const [who, build] of Object.entries(contestants)) {
          if (who === 'before, newest events') continue;
          const tookMs = await timed(build.catchUp);
          rows.push({ what: `Index built, ${where}`, who, unit: 's', samples: [tookMs / 1000] });
          await build.sql`vacuum analyze`;
          const [size] = await build.sql`
            select pg_total_relation_size('boocode.events') as log, sum(pg_total_relation_size(oid)) as index from pg_class
            where relnamespace = 'boocode'::regnamespace and relkind = 'r' and relname like 'search_%'`;
          for (const [what, bytes] of Object.entries(size)) {
            rows.push({ what: `Size of the ${what}, ${where}`, who, unit: 'MB', samples: [Number(bytes) / 1e6] });
          }
        }
        const asked = [
          ...Object.entries(words).map(([kind, q]) => ({ kind, ask: (build) => build.search(q) })),
          {
            kind: `ASCII, ${atOnce} at once`,
            ask: (build) => Promise.all(Array.from({ length: atOnce }, () => build.search(words.ASCII))),
          },
        ];
        for (const { kind, ask } of asked) {
          const samples = Object.fromEntries(Object.keys(contestants).map((who) => [who, []]));
          for (let round = 0; round < rounds + discarded; round += 1) {
            const order = Object.entries(contestants);
            for (const [who, build] of round % 2 === 0 ? order : order.toReversed()) {
              const tookMs = await timed(() => ask(build));
              if (round >= discarded) samples[who].push(tookMs);
            }
          }
          const what = `Search without a match, ${where}, ${kind}`;
          for (const [who, times] of Object.entries(samples)) rows.push({ what, who, unit: 'ms', samples: times });
          if (against !== null) {
            const measured = median(samples.BooCode) / median(samples.before);
            goals.push({ what: `${what}: now / before`, measured, limit: goal, atMost: true });
          }
        }
      }
      return { rows, goals };
    } finally {
      for (const close of closers.toReversed()) await close();
    }
  },
};
