// `npm run bench:takeover`: how long a chat is without a host when its host dies or freezes. See docs/benchmarks.md.
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openBooCode } from './contestants/boocode.mjs';
import { fromDist } from './dist.mjs';
import { currentLoad, describeMachine } from './machine.mjs';
import { openPlace } from './place.mjs';
import { median, quantile } from './statistics.mjs';

const help = `Usage: npm run bench:takeover -- [options]

Two servers on one Postgres; one is killed or frozen in the middle of a turn. Measures how long it takes until the other
one has taken over the chat: by itself, because of the turn that was left, or for a prompt that is sent to it at once.

  --rounds <number>   of each kind (default: 10); each takes about twenty seconds
  --help              this text
`;

const leaseMs = 15_000;
const goalMs = leaseMs + 5_000;
const limitMs = 60_000;

const kinds = [
  { name: 'killed, with work left', signal: 'SIGKILL', sends: false },
  { name: 'killed, and a prompt is sent to the other', signal: 'SIGKILL', sends: true },
  { name: 'frozen, with work left', signal: 'SIGSTOP', sends: false },
];

async function main() {
  const { values } = parseArgs({
    options: { rounds: { type: 'string', default: '10' }, help: { type: 'boolean', default: false } },
  });
  if (values.help) return process.stdout.write(help);
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new TypeError('--rounds: must be a whole number from 1.');
  const made = describeMachine(rounds);
  const place = await openPlace({});
  const samples = Object.fromEntries(kinds.map(({ name }) => [name, []]));
  try {
    const { openEmbeddedPostgres } = await fromDist('store/embedded-postgres/embedded-postgres.js');
    const database = await openEmbeddedPostgres({ dataDir: join(place.root, 'shared') });
    place.onClose(() => database.close());
    const options = { idleSeconds: 3600, databaseUrl: database.url };
    const heir = await openBooCode(place, 'heir', options);
    for (let round = 0; round < rounds; round += 1) {
      for (const kind of kinds) {
        const host = await openBooCode(place, `host-${randomUUID().slice(0, 8)}`, options);
        samples[kind.name].push(await takeover(host, heir, kind));
      }
      process.stderr.write(`Round ${round + 1} of ${rounds}.\n`);
    }
  } finally {
    await place.close();
  }
  process.stdout.write(report(samples, { ...made, loadAfter: currentLoad() }));
}

async function takeover(host, heir, { signal, sends }) {
  const chat = await host.http.json('POST', '/v1/chats', { cwd: host.cwd, backend: 'claude_sdk' });
  const path = `/v1/chats/${chat.id}`;
  await host.http.json('POST', `${path}/prompts`, { content: 'stream 20000 tokens at 20 per second' });
  await until(async () => (await eventsOf(heir, path)).some(({ type }) => type === 'turn_started'));
  // At any moment between two renewals of the lease.
  await delay(Math.random() * 5_000);
  const startedAt = performance.now();
  process.kill(host.pid, signal);
  try {
    if (sends) await untilAccepted(heir, path);
    else await until(async () => (await eventsOf(heir, path)).some(({ type }) => type === 'turn_finished'));
    return performance.now() - startedAt;
  } finally {
    // One that was killed is gone already.
    if (signal !== 'SIGKILL') process.kill(host.pid, 'SIGKILL');
  }
}

async function untilAccepted(heir, path) {
  const prompt = { id: randomUUID(), content: 'stream 2 tokens' };
  await until(() =>
    heir.http.json('POST', `${path}/prompts`, prompt).then(
      () => true,
      () => false,
    ),
  );
}

async function eventsOf(server, path) {
  return (await server.http.json('GET', `${path}/events?limit=1000`)).items;
}

async function until(isSo) {
  const deadline = performance.now() + limitMs;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`Nothing happened within ${limitMs} ms.`);
    await delay(20);
  }
}

function report(samples, made) {
  const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;
  const rows = Object.entries(samples).map(
    ([name, values]) => `| ${name} | ${seconds(median(values))} | ${seconds(quantile(values, 0.99))} |`,
  );
  const all = Object.values(samples).flat();
  const late = all.filter((ms) => ms > goalMs).length;
  return [
    `Made ${made.date} by \`npm run bench:takeover -- --rounds ${made.rounds}\`: ${made.platform}, ${made.cores} cores, ` +
      `load average ${made.loadBefore.toFixed(1)} before the run and ${made.loadAfter.toFixed(1)} after it.`,
    '',
    '| The host is | Median | p99 |',
    '|---|---:|---:|',
    ...rows,
    '',
    `${late} of ${all.length} took longer than ${seconds(goalMs)}: a lease and five seconds.`,
    '',
  ].join('\n');
}

main().catch((error) => {
  console.error(error instanceof TypeError ? error.message : error);
  process.exitCode = 1;
});
