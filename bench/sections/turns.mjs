/** Warm turns: the SDK alone, BooCode, and BooCode's earlier build. */
import { setTimeout as delay } from 'node:timers/promises';
import { openBooCode } from '../contestants/boocode.mjs';
import { openRawSdk } from '../contestants/raw-sdk.mjs';
import { interleave, ratioOf } from '../interleave.mjs';
import { openPlace } from '../place.mjs';
import { canSeeProcesses, cpuOf, memoryOf } from '../processes.mjs';
import { checkedTurn, longPrompt, shortPrompt } from '../prompts.mjs';
import { median } from '../statistics.mjs';

/** Two agents of one kind can differ by more than their hosts do. */
const agents = 2;
const warmChats = 10;
/** What a turn leaves to be done belongs to its CPU time. */
const leftoverMs = 250;

export default {
  name: 'turns',
  title: 'Warm turns',
  async measure({ ours, against, rounds, progress, cpuProfDir }) {
    const place = await openPlace({ cpuProfDir });
    try {
      progress('Starting the contestants.');
      const contestants = [await openRaw(place), await openBuild(place, 'now', ours)];
      if (against) contestants.push(await openBuild(place, 'before', against));
      // A warm turn is short, and a moment of another program can double it: several of each per round, close together.
      const follow = contestants.flatMap(({ name, chats }) =>
        chats.map((chat) => ({ name, run: async () => ({ follow: await checkedTurn(chat, shortPrompt) }) })),
      );
      const long = contestants.map(({ name, longChat, pid }) => ({
        name,
        run: async () => {
          const cpuBefore = pid && cpuOf(pid);
          const turn = await checkedTurn(longChat, longPrompt);
          if (!pid) return { long: turn };
          await delay(leftoverMs);
          return { long: { ...turn, cpuMs: cpuOf(pid) - cpuBefore } };
        },
      }));
      const tasks = [...follow, ...long, ...follow.toReversed(), ...long.toReversed()];
      const samples = await interleave(tasks, { rounds, warmUpRounds: 2, pauseMs: 100, progress });
      const [, now] = contestants;
      return judge(samples, canSeeProcesses ? await measureMemory(now.server, progress) : []);
    } finally {
      await place.close();
    }
  },
};

async function openRaw(place) {
  const chats = await several(agents, (index) => openRawSdk(place, `raw-${index}`));
  return { name: 'raw', chats, longChat: await openRawSdk(place, 'raw-long') };
}

async function openBuild(place, name, dist) {
  const server = await openBooCode(place, name, { idleSeconds: 3600, dist });
  const chats = await several(agents, () => server.openChat());
  return { name, server, chats, longChat: await server.openChat(), pid: canSeeProcesses ? server.pid : null };
}

async function several(count, open) {
  const opened = [];
  for (let index = 0; index < count; index += 1) opened.push(await open(index));
  return opened;
}

/** The server that ran all the turns above, with ten warm chats, idle. */
async function measureMemory(server, progress) {
  progress('Measuring memory.');
  while ((await server.info()).warmChats < warmChats) await (await server.openChat()).turn(shortPrompt);
  const samples = [];
  for (let count = 0; count < 5; count += 1) {
    await delay(1000);
    samples.push(memoryOf(server.pid));
  }
  const { warmChats: still } = await server.info();
  if (still !== warmChats) throw new Error(`${still} chats are warm, not ${warmChats}.`);
  return samples;
}

const names = { raw: 'raw SDK, warm', now: 'BooCode', before: 'before' };

function judge(samples, memory) {
  const of = (name, kind, field) => (samples[name] ?? []).flatMap((sample) => sample[kind]?.[field] ?? []);
  const row = (what, unit, kind, field, from = Object.keys(samples)) =>
    from
      .map((name) => ({ what, who: names[name], unit, samples: of(name, kind, field) }))
      .filter((each) => each.samples.length > 0);
  const rows = [
    ...row('Follow-up turn, first token', 'ms', 'follow', 'firstMs'),
    ...row('Follow-up turn, result', 'ms', 'follow', 'resultMs'),
    ...row('Turn of 2,000 deltas, result', 'ms', 'long', 'resultMs'),
    ...row('… CPU of the server', 'ms', 'long', 'cpuMs'),
  ];
  const ratio = (kind, field, over, under) => ratioOf(of(over, kind, field), of(under, kind, field));
  const goals = [
    goal('Follow-up, first token: BooCode / raw SDK', ratio('follow', 'firstMs', 'now', 'raw'), 1),
    goal('Follow-up, result: BooCode / raw SDK', ratio('follow', 'resultMs', 'now', 'raw'), 1.04),
    goal('2,000 deltas, result: BooCode / raw SDK', ratio('long', 'resultMs', 'now', 'raw'), 1.04),
  ];
  if (samples.before) {
    goals.push(
      goal('Follow-up, first token: now / before', ratio('follow', 'firstMs', 'now', 'before'), null),
      goal('Follow-up, result: now / before', ratio('follow', 'resultMs', 'now', 'before'), null),
      goal('2,000 deltas, result: now / before', ratio('long', 'resultMs', 'now', 'before'), null),
    );
    const sum = (name) => of(name, 'long', 'cpuMs').reduce((total, each) => total + each, 0);
    if (sum('now') > 0)
      goals.push(goal('2,000 deltas, CPU of the server: now / before', sum('now') / sum('before'), 0.5));
  }
  if (memory.length > 0) {
    const mebibytes = (field) => memory.map((sample) => sample[field] / 2 ** 20);
    const what = 'Server process, ten warm chats at rest';
    rows.push({ what, who: 'BooCode, RSS', unit: 'MB', samples: mebibytes('rss') });
    rows.push({ what, who: 'BooCode, PSS', unit: 'MB', samples: mebibytes('pss') });
    goals.push(goal('Server process, ten warm chats, RSS in MB', median(mebibytes('rss')), 150));
  }
  return { rows, goals };
}

function goal(what, measured, limit) {
  return { what, measured, limit, atMost: true };
}
