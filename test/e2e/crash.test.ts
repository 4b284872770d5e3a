import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DemoModel, startDemoModel } from '../../src/demo/demo-model.ts';
import type { BooClient } from '../../src/protocol/client.ts';
import type { Event } from '../../src/protocol/event.ts';
import type { Receipt } from '../../src/protocol/prompt.ts';
import { markOf, processesWith } from '../support/processes.ts';
import { openProgramHome, type ProgramHome, type ServerProgram } from '../support/program.ts';
import { randomOf } from '../support/random.ts';
import { eventsOf, readLog, runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

const rounds = Number(process.env['BOOCODE_TEST_CRASH_ROUNDS'] ?? 8);
const seed = Number(process.env['BOOCODE_TEST_SEED'] ?? 1);
const scripts: [string, ...string[]] = [
  'think',
  'list the files here',
  'plan the work',
  'stream 150 tokens at 400 per second',
  'run: env sleep 0.3',
  'who are you',
];

let model: DemoModel;
let home: ProgramHome;

beforeAll(async () => {
  model = await startDemoModel();
  home = await openProgramHome({
    env: {
      CLAUDE_SDK_BACKEND: '1',
      BOOCODE_LOG_LEVEL: 'warn',
      ANTHROPIC_BASE_URL: model.url,
      ANTHROPIC_API_KEY: 'sk-demo-0000000000000000',
    },
  });
});
afterAll(async () => {
  await home.remove();
  await model.close();
});

/** What the outside world was told about a chat: receipts and events. */
interface Told {
  chatId: string;
  receipts: Map<string, Receipt>;
  sent: Map<string, string>;
  events: Event[];
}

/** Follows a chat, answers what it asks, and calls back on everything that happens, until the server is gone. */
async function watch(client: BooClient, told: Told, signal: AbortSignal, onItem: () => void): Promise<void> {
  const after = told.events.at(-1)?.seq ?? 0;
  for await (const item of client.follow(told.chatId, { after, signal })) {
    onItem();
    if (item.kind !== 'event') continue;
    told.events.push(item.event);
    // The server may die before it answers.
    if (item.event.type === 'decision_requested') {
      client.decide(item.event.decisionId, { outcome: 'allow' }).catch(() => undefined);
    }
  }
}

async function send(client: BooClient, told: Told, id: string, content: string): Promise<void> {
  told.sent.set(id, content);
  try {
    told.receipts.set(id, await client.prompt(told.chatId, { id, content }));
  } catch {
    // No receipt: nothing was promised.
  }
}

/** One life of a server: prompts are sent, and at a moment that the seed chooses it is killed. */
async function liveAndDie(server: ServerProgram, chats: readonly Told[], round: number, random: () => number) {
  const abort = new AbortController();
  let left = Math.floor(random() * 120);
  const delayMs = Math.floor(random() * 40);
  let kill = (): void => {};
  const moment = new Promise<void>((resolve) => (kill = resolve));
  const count = (): void => {
    left -= 1;
    if (left === 0) setTimeout(kill, delayMs);
  };
  const plans = chats.map(() => Array.from({ length: 1 + Math.floor(random() * 2) }, () => pick(random, scripts)));
  const sending = chats.map(async (told, at) => {
    watch(server.client, told, abort.signal, count).catch(() => undefined);
    for (const [index, script] of (plans[at] ?? []).entries()) {
      await send(server.client, told, `r${round}-${index}`, script);
      count();
    }
  });
  // A life with less to see than that ends when all is quiet.
  const quiet = Promise.all(sending).then(() => untilQuiet(server.client, chats));
  await Promise.race([moment, quiet.catch(() => undefined)]);
  server.program.kill('SIGKILL');
  await server.program.ended();
  abort.abort();
}

const pick = <T>(random: () => number, from: readonly [T, ...T[]]): T =>
  from[Math.floor(random() * from.length)] ?? from[0];

async function untilQuiet(client: BooClient, chats: readonly Told[]): Promise<void> {
  for (const { chatId, receipts } of chats) {
    await until(
      async () => {
        const log = await readLog(client, chatId);
        const finished = new Set(eventsOf(log, 'turn_finished').map((event) => event.turnId));
        const taken = eventsOf(log, 'turn_started').filter((event) => finished.has(event.turnId));
        const ids = new Set(taken.flatMap((event) => event.promptIds));
        const accepted = eventsOf(log, 'prompt_accepted').map((event) => event.promptId);
        return [...receipts.keys(), ...accepted].every((id) => ids.has(id));
      },
      { timeoutMs: 30_000, what: 'every accepted prompt to be taken and finished' },
    );
  }
}

function checkLog(log: readonly Event[], told: Told): void {
  expect(log.map((event) => event.seq)).toEqual(log.map((_, index) => index + 1));
  for (const event of told.events) expect(log[event.seq - 1]).toEqual(event);

  const accepted = eventsOf(log, 'prompt_accepted');
  expect(new Set(accepted.map((event) => event.promptId)).size).toBe(accepted.length);
  for (const { promptId, seq } of told.receipts.values()) {
    const content = [{ type: 'text', text: told.sent.get(promptId) }];
    expect(log[seq - 1]).toMatchObject({ type: 'prompt_accepted', promptId, content });
  }

  // Every accepted prompt in one turn, in order; turns one after another, each finished once.
  const turns = log.filter((event) => event.type === 'turn_started' || event.type === 'turn_finished');
  expect(eventsOf(turns, 'turn_started').flatMap((event) => event.promptIds)).toEqual(
    accepted.map((event) => event.promptId),
  );
  for (let index = 0; index < turns.length; index += 2) {
    const [started, finished] = [turns[index], turns[index + 1]];
    expect([started?.type, finished?.type]).toEqual(['turn_started', 'turn_finished']);
    expect(finished?.turnId).toBe(started?.turnId);
  }
  expect(turns.length % 2).toBe(0);

  const asked = eventsOf(log, 'decision_requested').map((event) => event.decisionId);
  expect(
    eventsOf(log, 'decision_resolved')
      .map((event) => event.decisionId)
      .sort(),
  ).toEqual(asked.sort());
}

test(
  `LOG-1 PROMPT-1 PROMPT-4 TURN-1 TURN-2 DATA-1 AGENT-2 AGENT-4: ${rounds} lives of both backends that end in SIGKILL (seed ${seed})`,
  async () => {
    const random = randomOf(seed);
    const chats: Told[] = [];
    let outcomes: string[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const server = await home.serve('serve');
      if (chats.length < 2) {
        const backend = chats.length === 0 ? 'claude_sdk' : 'claude_pty';
        const { id: chatId } = await server.client.createChat({ cwd: home.workDir, backend });
        chats.push({ chatId, receipts: new Map(), sent: new Map(), events: [] });
      }
      await liveAndDie(server, chats, round, random);
      // Nobody helps: no server runs now.
      await until(() => processesWith(markOf(server.program.identity)).length === 0, {
        timeoutMs: 10_000,
        what: 'the end of the agents and tools of a dead host',
      });
    }

    const { client, program } = await home.serve('serve');
    const abort = new AbortController();
    for (const told of chats) watch(client, told, abort.signal, () => {}).catch(() => undefined);
    await untilQuiet(client, chats);
    abort.abort();
    for (const told of chats) {
      const log = await readLog(client, told.chatId);
      checkLog(log, told);
      outcomes = outcomes.concat(eventsOf(log, 'turn_finished').map((event) => event.outcome));
      // What was completed, the model remembers.
      const completed = eventsOf(log, 'turn_finished').filter((event) => event.outcome === 'completed');
      const ids = completed.flatMap(
        ({ turnId }) => eventsOf(log, 'turn_started').find((event) => event.turnId === turnId)?.promptIds ?? [],
      );
      const { text } = await runTurn(client, told.chatId, 'what did I say');
      for (const id of ids) expect(text).toContain(JSON.stringify(told.sent.get(id)));
    }
    expect((await client.listDecisions({ status: 'pending' })).items).toEqual([]);
    // The dice have shown both: turns that died with their host, and turns that did not.
    expect(new Set(outcomes)).toEqual(new Set(['completed', 'interrupted']));
    program.kill('SIGTERM');
    expect(await program.ended()).toEqual({ code: 0, signal: null });
  },
  60_000 + rounds * 15_000,
);
