/**
 * The session store's append, beside the Agent SDK's reference adapter for Postgres: the same entries, one call after
 * another, each contestant in a database of its own on one server. The reference adapter is written here as it is
 * published in the SDK's repository (examples/session-stores/postgres): its table and index, and one `insert` of many
 * rows with three plus N parameters through `pg`, without deduplication and without summaries.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';
import pg from 'pg';
import { median } from '../statistics.mjs';

const calls = { 1: 60, 20: 30, 500: 6 };
const atOnce = 8;
const discarded = 10;
const goal = 1.5;

/** As the program writes them: mostly short, now and then a tool's output of some kilobytes. */
function entry(sessionId, n) {
  const role = n % 2 === 0 ? 'user' : 'assistant';
  const words = Array.from({ length: n % 20 === 19 ? 900 : 30 }, () => Math.random().toString(36).slice(2, 10));
  return {
    parentUuid: randomUUID(),
    isSidechain: false,
    userType: 'external',
    cwd: '/home/someone/project',
    sessionId,
    version: '2.1.332',
    gitBranch: 'main',
    type: role,
    message: { role, content: [{ type: 'text', text: words.join(' ') }] },
    uuid: randomUUID(),
    timestamp: new Date().toISOString(),
  };
}

function openReference(url) {
  const { hostname, username, password, pathname } = new URL(url);
  const pool = new pg.Pool({
    host: decodeURIComponent(hostname),
    user: username,
    password,
    database: pathname.slice(1),
    max: atOnce,
  });
  return {
    async create() {
      await pool.query(`
        create table claude_session_entries (
          id bigserial primary key, project_key text not null, session_id text not null, subpath text,
          entry jsonb not null, created_at timestamptz not null default now());
        create index on claude_session_entries (project_key, session_id, subpath, id)`);
    },
    async append({ projectKey, sessionId }, entries) {
      const rows = entries.map((_, at) => `($1, $2, $3, $${at + 4})`).join(', ');
      await pool.query(`insert into claude_session_entries (project_key, session_id, subpath, entry) values ${rows}`, [
        projectKey,
        sessionId,
        null,
        ...entries.map((each) => JSON.stringify(each)),
      ]);
    },
    close: () => pool.end(),
  };
}

export default {
  name: 'session-store',
  title: 'Session store, append',
  async measure({ ours, against, rounds, progress }) {
    const load = (dist, path) => import(pathToFileURL(join(dist, path)).href);
    const { openEmbeddedPostgres } = await load(ours, 'store/embedded-postgres/embedded-postgres.js');
    const dataDir = await mkdtemp(join(tmpdir(), 'boocode-bench-store-'));
    const postgres = await openEmbeddedPostgres({ dataDir });
    const closers = [() => rm(dataDir, { recursive: true, force: true }), () => postgres.close()];
    try {
      const { openDatabase } = await load(ours, 'session-store.js');
      const admin = openDatabase(postgres.url, { max: 1 });
      closers.push(() => admin.end());
      const createDatabase = async (name) => {
        await admin.unsafe(`create database ${name}`);
        const url = new URL(postgres.url);
        url.pathname = `/${name}`;
        return url.href;
      };
      const openStore = async (dist, name, options) => {
        const build = await load(dist, 'session-store.js');
        const sql = build.openDatabase(await createDatabase(name), { max: atOnce, oneAtATime: true });
        closers.push(() => sql.end());
        const fence = await options?.(sql);
        if (fence === undefined) await build.migrate(sql);
        return new build.PostgresSessionStore({ sql, fence });
      };
      const reference = openReference(await createDatabase('reference'));
      closers.push(() => reference.close());
      await reference.create();
      const contestants = { 'SDK’s reference adapter': reference, BooCode: await openStore(ours, 'ours') };
      contestants['BooCode, under a lease'] = await openStore(ours, 'fenced', async (sql) => {
        await (await load(ours, 'store/migrate.js')).migrate(sql);
        const chatId = randomUUID();
        await sql`insert into boocode.chats (id, title, cwd, backend, epoch) values (${chatId}, 'x', '/', 'claude_sdk', 1)`;
        return { chatId, epoch: 1 };
      });
      if (against !== null) contestants.before = await openStore(against, 'before');
      const names = Object.keys(contestants);

      const rows = [];
      const goals = [];
      const judge = (what, perSecond) => {
        for (const who of names) rows.push({ what, who, unit: '/s', samples: perSecond[who] });
        const measured = median(perSecond.BooCode) / median(perSecond['SDK’s reference adapter']);
        goals.push({ what: `${what}: BooCode / SDK’s reference adapter`, measured, limit: goal, atMost: false });
      };
      const inTurns = async (times, sample) => {
        const perSecond = Object.fromEntries(names.map((who) => [who, []]));
        for (let turn = 0; turn < times + discarded; turn += 1) {
          for (const at of names.keys()) {
            const who = names[(turn + at) % names.length];
            const speed = await sample(contestants[who], turn);
            if (turn >= discarded) perSecond[who].push(speed);
          }
        }
        return perSecond;
      };

      for (const [length, perRound] of Object.entries(calls)) {
        progress(`session store: ${length} entries a call`);
        const key = { projectKey: 'project', sessionId: randomUUID() };
        const speeds = await inTurns(perRound * rounds, async (store, turn) => {
          const entries = Array.from({ length: Number(length) }, (_, at) => entry(key.sessionId, turn + at));
          const began = performance.now();
          await store.append(key, entries);
          return (entries.length * 1000) / (performance.now() - began);
        });
        judge(`Session store, ${length} ${length === '1' ? 'entry' : 'entries'} a call`, speeds);
      }
      progress(`session store: ${atOnce} sessions at once`);
      const keys = Array.from({ length: atOnce }, () => ({ projectKey: 'project', sessionId: randomUUID() }));
      const speeds = await inTurns(10 * rounds, async (store) => {
        const batches = keys.map((key) => Array.from({ length: 5 }, (_, at) => entry(key.sessionId, at)));
        const began = performance.now();
        await Promise.all(
          keys.map(async (key, at) => {
            for (const each of batches[at]) await store.append(key, [each]);
          }),
        );
        return (batches.flat().length * 1000) / (performance.now() - began);
      });
      judge(`Session store, 1 entry a call, ${atOnce} sessions at once`, speeds);
      return { rows, goals };
    } finally {
      for (const close of closers.toReversed()) await close();
    }
  },
};
