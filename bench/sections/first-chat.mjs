/** The first answer of a chat that is new or cold, for a person who types for a moment before they send. */
import { fork } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { endChild, nextMessage } from '../child.mjs';
import { openBooCode, untilCold } from '../contestants/boocode.mjs';
import { interleave, ratioOf } from '../interleave.mjs';
import { openPlace } from '../place.mjs';
import { checkedTurn, shortPrompt } from '../prompts.mjs';

const typingMs = 1_500;
/** Longer than a person types, because an agent that was warmed for a prompt waits no longer than this. */
const idleSeconds = 3;
const engines = { claude_sdk: 'SDK', claude_pty: 'terminal' };

export default {
  name: 'first-chat',
  title: 'The first answer of a new and of a cold chat',
  async measure({ ours, against, rounds, progress, cpuProfDir }) {
    const place = await openPlace({ cpuProfDir });
    try {
      progress('Starting the contestants.');
      const tasks = [await rawTask(place)];
      const builds = { now: { dist: ours, warms: true }, ...(against && { before: { dist: against, warms: false } }) };
      for (const [name, build] of Object.entries(builds)) {
        tasks.push(...(await newChatTasks(place, name, build)), ...(await wakeTasks(place, name, build)));
      }
      const samples = await interleave(tasks, { rounds, warmUpRounds: 1, progress });
      return judge(samples, Object.keys(builds));
    } finally {
      await place.close();
    }
  },
};

async function rawTask(place) {
  const room = place.openRoom('raw-cold');
  const child = fork(fileURLToPath(new URL('../contestants/raw-cold.mjs', import.meta.url)), [room.cwd], {
    env: room.env,
  });
  place.onClose(() => endChild(child));
  await nextMessage(child);
  const turn = (prompt) => {
    const answer = nextMessage(child);
    child.send({ prompt });
    return answer;
  };
  return { name: 'raw', run: async () => (await checkedTurn({ turn }, shortPrompt)).firstMs };
}

/** `warms`: as the page does; an earlier build may not be able to. */
async function firstToken(chat, warms) {
  if (warms) await chat.warm();
  await delay(typingMs);
  return (await checkedTurn(chat, shortPrompt)).firstMs;
}

async function newChatTasks(place, name, { dist, warms }) {
  const server = await openBooCode(place, `new-${name}`, { idleSeconds: 60, dist });
  return Object.keys(engines).map((engine) => ({
    name: `${name} new ${engine}`,
    async run() {
      const chat = await server.openChat(engine);
      const firstMs = await firstToken(chat, warms);
      await chat.remove();
      return firstMs;
    },
  }));
}

async function wakeTasks(place, name, { dist, warms }) {
  const tasks = [];
  const server = await openBooCode(place, `wake-${name}`, { idleSeconds, dist });
  for (const engine of Object.keys(engines)) {
    const chat = await server.openChat(engine);
    await checkedTurn(chat, shortPrompt);
    tasks.push({
      name: `${name} wake ${engine}`,
      async run() {
        await untilCold(server, chat);
        return firstToken(chat, warms);
      },
    });
  }
  return tasks;
}

function judge(samples, builds) {
  const rows = [];
  const goals = [];
  const goal = (what, over, under, limit) =>
    goals.push({ what, measured: ratioOf(samples[over], samples[under]), limit, atMost: true });
  const isCompared = builds.includes('before');
  for (const [engine, words] of Object.entries(engines)) {
    const what = `New chat, ${words}, 1.5 s of typing, first token`;
    for (const build of builds) rows.push(row(what, build, samples[`${build} new ${engine}`]));
    if (engine === 'claude_sdk') {
      rows.push({ what, who: 'raw `query()`, cold', unit: 'ms', samples: samples.raw });
      goal('New chat, first token: BooCode / raw `query()`', 'now new claude_sdk', 'raw', 0.35);
    }
    if (isCompared) goal(`New chat, ${words}: now / before`, `now new ${engine}`, `before new ${engine}`, 0.35);
  }
  for (const [engine, words] of Object.entries(engines)) {
    const what = `Cold chat, ${words}, 1.5 s of typing, first token`;
    for (const build of builds) rows.push(row(what, build, samples[`${build} wake ${engine}`]));
    if (isCompared) goal(`Cold chat, ${words}: now / before`, `now wake ${engine}`, `before wake ${engine}`, 0.4);
  }
  return { rows, goals };
}

const row = (what, build, samples) => ({ what, who: build === 'now' ? 'BooCode' : build, unit: 'ms', samples });
