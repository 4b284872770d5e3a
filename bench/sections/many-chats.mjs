/**
 * Ten thousand chats on one host, beside a hundred: what a person waits for, the start of the server, and its memory. And many
 * readers of one chat. Warm chats are real agents, each a process of its own of about 110 MB: so a few, whatever the number of
 * chats.
 */
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { openBooCode } from '../contestants/boocode.mjs';
import { fromDist } from '../dist.mjs';
import { openOwnPostgres } from '../own-postgres.mjs';
import { openPlace } from '../place.mjs';
import { memoryOf } from '../processes.mjs';
import { checkedTurn, longPrompt, shortPrompt } from '../prompts.mjs';
import { firstMarks, openFeed } from '../sse-feed.mjs';
import { median } from '../statistics.mjs';

const few = 100;
const many = 10_000;
const readers = 200;
const warmChats = 10;
const megabyte = 1024 * 1024;
/** For what a burst of readers leaves to the garbage collector. */
const settleMs = 10_000;

export default {
  name: 'many-chats',
  title: 'Ten thousand chats, and many readers',
  async measure({ ours, against, rounds, progress }) {
    const place = await openPlace({});
    try {
      const hosts = {};
      for (const count of [few, many]) {
        progress(`Making ${count} chats.`);
        hosts[count] = await openHost(place, ours, count);
        await hosts[count].untilIndexed();
      }
      const times = Object.fromEntries(
        ['start', 'list', 'search', 'live'].map((name) => [name, { [few]: [], [many]: [] }]),
      );
      for (let round = 0; round < rounds; round += 1) {
        for (const count of round % 2 === 0 ? [few, many] : [many, few]) {
          const host = hosts[count];
          times.start[count].push(await host.restart());
          for (const name of ['list', 'search', 'live']) {
            await host[name]();
            times[name][count].push(await timed(() => host[name]()));
          }
        }
        progress(`Round ${round + 1} of ${rounds}.`);
      }
      await hosts[few].stop();
      progress(`Warming ${warmChats} chats.`);
      const memory = { now: await hosts[many].warmMemory() };
      const read = await measureReaders(hosts[many], rounds, progress);
      await hosts[many].stop();
      if (against) {
        // The same data, migrated no further than that build knows, so in a database of its own.
        const before = await openHost(place, against, many);
        memory.before = await before.warmMemory();
        await before.stop();
      }
      return judge(times, memory, read);
    } finally {
      await place.close();
    }
  },
};

async function timed(work) {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

let databases;
let opened = 0;

/** A server of one build, with so many chats that nobody uses. */
async function openHost(place, dist, count) {
  const { openDatabase } = await fromDist('store/database.js');
  databases ??= openOwnPostgres(place, { max_connections: 200 });
  const base = await databases;
  const name = `many_${(opened += 1)}`;
  const admin = openDatabase(base, { max: 1 });
  await admin.unsafe(`create database ${name}`);
  await admin.end();
  const url = base.replace('/postgres?', `/${name}?`);
  let server;
  const start = async () => {
    opened += 1;
    server = await openBooCode(place, `${name}-${opened}`, { idleSeconds: 3600, databaseUrl: url, dist });
  };
  const stop = async () => {
    process.kill(server.pid, 'SIGTERM');
    while (isAlive(server.pid)) await delay(50);
  };
  await start();
  await stop();
  const sql = openDatabase(url, { max: 1 });
  await sql`set statement_timeout = 0`;
  await sql`
    insert into boocode.chats (id, cwd, title, backend, free_since, next_seq)
    select gen_random_uuid(), '/work', 'Chat ' || n, 'claude_sdk', now() - interval '1 day', 3
    from generate_series(1, ${count}::integer) as n`;
  await sql`
    insert into boocode.events (chat_id, seq, type, payload)
    select id, seq, 'agent_message', json_build_object('type', 'agent_message', 'messageId', 'm', 'content', json_build_array(
      json_build_object('type', 'text', 'text', 'What was said about the weather in ' || title)))
    from boocode.chats cross join generate_series(1, 2) as seq`;
  await sql.unsafe('vacuum analyze');
  await sql.end();
  await start();
  return {
    get server() {
      return server;
    },
    stop,
    async restart() {
      await stop();
      return timed(start);
    },
    /** A search reads the logs of chats that are not in its index yet. */
    async untilIndexed() {
      const reader = openDatabase(url, { max: 1 });
      const isDone = async () => {
        const [{ missing }] = await reader`
          select count(*)::integer as missing from boocode.chats left join boocode.search_progress as done
            on done.chat_id = chats.id where coalesce(done.paged, 0) < next_seq - 1`;
        return missing === 0;
      };
      while (!(await isDone())) await delay(200);
      await reader.end();
    },
    list: () => server.http.json('GET', '/v1/chats?limit=100&archived=false'),
    search: () => server.http.json('GET', '/v1/chats?limit=100&q=nobody%20said%20this'),
    async live() {
      const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/live`, ['boocode.live'], {
        headers: { authorization: `Bearer ${server.token}` },
      });
      try {
        socket.once('open', () => socket.send('{"type":"follow_chats"}'));
        for (;;) {
          const [message] = await once(socket, 'message', { signal: AbortSignal.timeout(30_000) });
          if (message.toString().includes('"chats_followed"')) return;
        }
      } finally {
        socket.terminate();
      }
    },
    async warmMemory() {
      while ((await server.info()).warmChats < warmChats) await checkedTurn(await server.openChat(), shortPrompt);
      const samples = [];
      for (let count = 0; count < 3; count += 1) {
        await delay(1_000);
        samples.push(memoryOf(server.pid).rss / megabyte);
      }
      return samples;
    },
  };
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A turn of 2,000 deltas, with one reader and with many. All of them get all of it. */
async function measureReaders({ server }, rounds, progress) {
  const { id } = await server.http.json('POST', '/v1/chats', { cwd: server.cwd });
  const path = `/v1/chats/${id}`;
  const turn = async (count) => {
    const { head } = await server.http.json('GET', path);
    const feeds = await Promise.all(
      Array.from({ length: count }, () => openFeed(server.http, `${path}/events?after=${head}`, firstMarks.streamed)),
    );
    await delay(250);
    const turns = feeds.map((feed) => feed.nextTurn());
    const startedAt = performance.now();
    await server.http.json('POST', `${path}/prompts`, { content: longPrompt });
    const texts = await Promise.all(turns);
    const ms = Math.max(...texts.map(({ finishedAt }) => finishedAt)) - startedAt;
    for (const feed of feeds) feed.close();
    const whole = Array.from({ length: 2_000 }, (_, index) => `t${index + 1}`).join(' ');
    if (texts.some(({ text }) => text.trim() !== whole)) throw new Error('A reader did not get the whole answer.');
    return ms;
  };
  for (const count of [1, readers]) await turn(count);
  await delay(settleMs);
  const before = memoryOf(server.pid).rss / megabyte;
  const ms = { one: [], all: [] };
  for (let round = 0; round < rounds; round += 1) {
    ms.one.push(await turn(1));
    ms.all.push(await turn(readers));
    progress(`${readers} readers, round ${round + 1} of ${rounds}.`);
  }
  await delay(settleMs);
  return { ...ms, before, after: memoryOf(server.pid).rss / megabyte };
}

function judge(times, memory, read) {
  const names = {
    start: 'Server with a database, start to ready',
    list: 'First page of the list',
    search: 'Search for what nobody said',
    live: 'Live socket, until everything is told',
  };
  const rows = Object.entries(names).flatMap(([name, what]) =>
    [few, many].map((count) => ({ what, who: `${count} chats`, unit: 'ms', samples: times[name][count] })),
  );
  const what = `Server process, ${many} chats, ${warmChats} warm`;
  rows.push({ what, who: 'BooCode', unit: 'MB', samples: memory.now });
  if (memory.before) rows.push({ what, who: 'before', unit: 'MB', samples: memory.before });
  const turn = 'Turn of 2,000 deltas, until all readers have it';
  rows.push({ what: turn, who: '1 reader', unit: 'ms', samples: read.one });
  rows.push({ what: turn, who: `${readers} readers`, unit: 'ms', samples: read.all });
  rows.push({ what: `Server process before ${readers} readers`, who: 'BooCode', unit: 'MB', samples: [read.before] });
  rows.push({ what: '… at rest after them', who: 'BooCode', unit: 'MB', samples: [read.after] });
  const goals = Object.entries(names).map(([name, text]) => ({
    what: `${text}: ${many} chats / ${few}`,
    measured: median(times[name][many]) / median(times[name][few]),
    limit: name === 'start' ? 1.2 : 2,
    atMost: true,
  }));
  const atMost = (goal, measured, limit) => goals.push({ what: goal, measured, limit, atMost: true });
  atMost(`${what}, RSS in MB`, median(memory.now), 200);
  if (memory.before) atMost(`${what}: now / before`, median(memory.now) / median(memory.before), 1.1);
  atMost(`${turn}: ${readers} / 1`, median(read.all) / median(read.one), 3);
  atMost(`Server process after ${readers} readers / before them`, read.after / read.before, 1.1);
  return { rows, goals };
}
