// One build's server for `sections/admission.mjs`, in a process of its own. Answers one message at a time.
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { openBooCode } from './contestants/boocode.mjs';
import { distDirectory } from './dist.mjs';
import { openPlace } from './place.mjs';
import { agentsOf, memoryOf } from './processes.mjs';
import { firstMarkOf, openFeed } from './sse-feed.mjs';
import { median } from './statistics.mjs';

const settleMs = 300;
const sampleMs = 100;
const groupBytes = 1500 * 1024 * 1024;
/** Builds without a limit would be killed in the group. */
const isLimiting = readFileSync(`${distDirectory}/settings.js`, 'utf8').includes('reserve-memory-mb');

const place = await openPlace({});
/** The control group that the server was put into. */
let ownGroup;
// Empty once the server has ended, so before it is opened.
place.onClose(async () => {
  await delay(settleMs);
  if (ownGroup) rmdirSync(ownGroup);
});
const server = await openBooCode(place, 'boocode', { idleSeconds: 600 });

async function openChats(count, backend) {
  const chats = [];
  for (let n = 0; n < count; n += 1) {
    const { id } = await server.http.json('POST', '/v1/chats', { cwd: server.cwd, backend });
    chats.push({
      path: `/v1/chats/${id}`,
      feed: await openFeed(server.http, `/v1/chats/${id}/events?after=0`, firstMarkOf(backend)),
    });
  }
  await delay(settleMs);
  return chats;
}

async function promptAll(chats) {
  const startMs = performance.now();
  const turns = await Promise.all(
    chats.map(async ({ path, feed }) => {
      const turn = feed.nextTurn(600_000);
      await server.http.json('POST', `${path}/prompts`, { content: 'Say hello.' });
      return turn;
    }),
  );
  return turns.map(({ firstAt }) => firstAt - startMs);
}

async function endAll(chats) {
  for (const { path, feed } of chats) {
    feed.close();
    await server.http.json('DELETE', path);
  }
  while (server.agentCount() > 0) await delay(sampleMs);
}

async function together({ engine, count }) {
  const chats = await openChats(count, engine);
  const firstMs = await promptAll(chats);
  await endAll(chats);
  return { firstMs };
}

/** In a control group with little memory, where one can be had: in either version, and only as root. */
function openGroup() {
  if (!isLimiting) return null;
  const name = `boocode-bench-${process.pid}`;
  for (const [base, file] of [
    ['/sys/fs/cgroup', 'memory.max'],
    ['/sys/fs/cgroup/memory', 'memory.limit_in_bytes'],
  ]) {
    const group = `${base}/${name}`;
    try {
      mkdirSync(group);
      if (!existsSync(`${group}/cgroup.procs`)) {
        // A plain directory: groups of this version are elsewhere.
        rmdirSync(group);
        continue;
      }
      ownGroup = group;
      writeFileSync(`${group}/${file}`, String(groupBytes));
      writeFileSync(`${group}/cgroup.procs`, String(server.pid));
      return groupBytes;
    } catch {
      // Not here.
    }
  }
  return null;
}

async function runCrowd({ count }) {
  const limit = openGroup();
  const chats = await openChats(count, 'claude_sdk');
  let [most, bytes, isDone] = [0, 0, false];
  const sampling = (async () => {
    while (!isDone) {
      const agents = agentsOf(server.pid);
      most = Math.max(most, agents.length);
      bytes = Math.max(
        bytes,
        agents.reduce((sum, pid) => sum + pssOf(pid), 0),
      );
      await delay(sampleMs);
    }
  })();
  const firstMs = await promptAll(chats);
  isDone = true;
  await sampling;
  await endAll(chats);
  return { most, bytes, answered: firstMs.length, medianMs: median(firstMs), limit };
}

function pssOf(pid) {
  try {
    return memoryOf(pid).pss;
  } catch {
    return 0; // It has just exited.
  }
}

process.on('message', (request) => {
  const work = request.is === 'together' ? together(request) : runCrowd(request);
  work.then(
    (answer) => process.send(answer),
    (error) => process.send({ error: String(error.stack) }),
  );
});
process.once('disconnect', () => void place.close());
process.send({ ready: true });
