/**
 * The cost of searching a large log, and of searchability for writes, all in one run:
 *
 *     npm run build && node bench/search.mjs [events]
 *
 * Three databases of one embedded server are written to in turn: one without an index, one whose signatures are built
 * in the background as the server does, and one with a trigram index (`pg_trgm`) on the table itself.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fromDist } from './dist.mjs';
import { prose } from './prose.mjs';

const events = Number(process.argv[2] ?? 470_000);
const { openEmbeddedPostgres } = await fromDist('store/embedded-postgres/embedded-postgres.js');
const { openDatabase } = await fromDist('store/database.js');
const { migrate } = await fromDist('store/migrate.js');
const { insertChat, listChats } = await fromDist('store/chats.js');
const { appendEvents } = await fromDist('store/events.js');
const { SlowLane } = await fromDist('store/slow-lane.js');
const { SearchIndexer } = await fromDist('chats/search-indexer.js');

const dataDir = await mkdtemp(join(tmpdir(), 'boocode-bench-search-'));
const postgres = await openEmbeddedPostgres({ dataDir });
const pools = [];

const open = (name, max) => {
  const url = new URL(postgres.url);
  if (name !== null) url.pathname = `/${name}`;
  const sql = openDatabase(url.href, { max, oneAtATime: true });
  pools.push(sql);
  return sql;
};

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const timed = async (work) => {
  const began = performance.now();
  await work();
  return performance.now() - began;
};

const text = (value) => [{ type: 'text', text: value }];

function turn() {
  const [turnId, promptId] = [randomUUID(), randomUUID()];
  const bodies = [
    { type: 'prompt_accepted', promptId, content: text(prose(30)) },
    { type: 'turn_started', turnId, promptIds: [promptId] },
  ];
  for (let step = 0; step < 3; step += 1) {
    const toolCallId = randomUUID();
    bodies.push({ type: 'agent_message', messageId: randomUUID(), content: text(prose(90)) });
    bodies.push({
      type: 'tool_call',
      toolCallId,
      toolName: 'Read',
      kind: 'read',
      title: 'Read',
      rawInput: { a: prose(10) },
    });
    const content = [{ type: 'content', content: { type: 'text', text: prose(400) } }];
    bodies.push({ type: 'tool_call_update', toolCallId, status: 'completed', content, rawOutput: null });
  }
  return bodies.map((body) => ({ body }));
}

async function openChat(sql) {
  const chat = { id: randomUUID(), title: 'A chat', cwd: '/tmp', agent: 'claude', backend: 'claude_sdk', model: null };
  await insertChat(sql, { ...chat, permissionMode: 'default', trusted: false, acceptsAgentMessages: false });
  return { chatId: chat.id, hostId: '', epoch: 0, nextSeq: 1 };
}

const noLog = { debug() {}, info() {}, warn: console.error, error: console.error };
/** @param {number} delayMs @param {() => void} call */
const after = (delayMs, call) => {
  const timer = setTimeout(() => call(), delayMs);
  return () => clearTimeout(timer);
};

async function makeLog(sql) {
  let written = 0;
  while (written < events) {
    const lease = await openChat(sql);
    for (let part = 0; part < 10; part += 1) {
      const some = Array.from({ length: 9 }, turn).flat();
      await appendEvents(sql, lease, { events: some });
      written += some.length;
    }
  }
  const [{ size }] = await sql`select pg_size_pretty(pg_total_relation_size('boocode.events')) as size`;
  console.log(`${written} events, ${size}`);
}

async function search(slow, q, times = 5) {
  const one = () => slow.ask((db) => listChats(db, { before: null, limit: 50, q }), { limitMs: 120_000 });
  const alone = [];
  for (let round = 0; round < times; round += 1) alone.push(await timed(one));
  const five = await timed(() => Promise.all(Array.from({ length: 5 }, one)));
  const { length } = await one();
  console.log(
    `  ${q.padEnd(14)} ${length} chats, alone ${median(alone).toFixed(0)} ms, five at once ${five.toFixed(0)} ms`,
  );
}

async function searches() {
  const sql = open(null, 4);
  const slow = new SlowLane(open(null, 2));
  await migrate(sql);
  await makeLog(sql);
  const words = ['xylophonequartz', '灯塔望远镜', 'маяковский', 'qz', vocabularies[0][5]];
  console.log('without signatures');
  for (const q of words) await search(slow, q, 1);
  const indexer = new SearchIndexer({ slow, clock: { after }, logger: noLog });
  const took = await timed(() => indexer.catchUp());
  await sql`vacuum analyze boocode.search_signatures`;
  const [{ size }] = await sql`select pg_size_pretty(pg_total_relation_size('boocode.search_signatures')) as size`;
  console.log(`signatures built in ${(took / 1000).toFixed(1)} s, ${size}`);
  for (const q of words) await search(slow, q);
}

async function writes() {
  const admin = open(null, 1);
  const kinds = ['none', 'signatures', 'pg_trgm'];
  const targets = [];
  for (const kind of kinds) {
    await admin.unsafe(`create database write_${kind}`);
    const sql = open(`write_${kind}`, 4);
    await migrate(sql);
    if (kind === 'pg_trgm') {
      await sql.unsafe(`create extension pg_trgm;
        create index on boocode.events using gin ((payload::text) gin_trgm_ops)
        where type in ('prompt_accepted', 'user_message', 'incoming_message', 'agent_message')`);
    }
    const indexer = new SearchIndexer({
      slow: new SlowLane(open(`write_${kind}`, 2)),
      clock: { after },
      logger: noLog,
    });
    targets.push({ kind, sql, indexer, lease: await openChat(sql), samples: [] });
  }
  for (let round = 0; round < 12; round += 1) {
    const turns = Array.from({ length: 30 }, turn);
    for (const { kind, sql, indexer, lease, samples } of round % 2 === 0 ? targets : targets.toReversed()) {
      // Thirty times as often as the server does it.
      let isOver = false;
      const behind = (async () => {
        while (kind === 'signatures' && !isOver) {
          await indexer.catchUp();
          await new Promise((done) => after(1_000, done));
        }
      })();
      for (const bodies of turns) {
        for (const event of bodies) samples.push(await timed(() => appendEvents(sql, lease, { events: [event] })));
      }
      isOver = true;
      await behind;
    }
  }
  const base = targets[0].samples;
  for (const { kind, samples } of targets) {
    const at = (part, of) => of.toSorted((a, b) => a - b)[Math.floor(of.length * part)];
    const mean = (of) => of.reduce((a, b) => a + b, 0) / of.length;
    console.log(
      `append, ${kind.padEnd(10)} median ${at(0.5, samples).toFixed(2)} ms, p99 ${at(0.99, samples).toFixed(2)} ms, ` +
        `mean ${mean(samples).toFixed(2)} ms = ${(mean(samples) / mean(base)).toFixed(2)} of none`,
    );
  }
}

try {
  await searches();
  await writes();
} finally {
  for (const sql of pools) await sql.end({ timeout: 5 });
  await postgres.close();
  await rm(dataDir, { recursive: true, force: true });
}
