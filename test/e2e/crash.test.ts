import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DemoModel, startDemoModel } from '../../src/demo/demo-model.ts';
import { markOf, processesWith } from '../support/processes.ts';
import { openProgramHome, type ProgramHome, type ServerProgram } from '../support/program.ts';
import { randomOf } from '../support/random.ts';
import { checkLog, send, type Told, untilQuiet, watch } from '../support/told.ts';
import { eventsOf, readLog, runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

const rounds = Number(process.env['BOOCODE_TEST_CRASH_ROUNDS'] ?? 4);
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

/** One run of a server: sends prompts, and kills it at a moment that the seed determines. */
async function liveAndDie(server: ServerProgram, chats: readonly Told[], round: number, random: () => number) {
  const abort = new AbortController();
  let left = Math.floor(random() * 40);
  const delayMs = Math.floor(random() * 40);
  let kill = (): void => {};
  const moment = new Promise<void>((resolve) => (kill = resolve));
  const count = (): void => {
    left -= 1;
    if (left === 0) setTimeout(kill, delayMs);
  };
  const plans = chats.map(() => Array.from({ length: 1 + Math.floor(random() * 2) }, () => pick(random, scripts)));
  // Whatever the seed, one turn dies with its host: the first round ends early in an answer of four seconds.
  if (round === 0) {
    plans[0]?.unshift('stream 1600 tokens at 400 per second');
    left = 10 + Math.floor(random() * 20);
  }
  const sending = chats.map(async (told, at) => {
    watch(server.client, told, abort.signal, count).catch(() => undefined);
    for (const [index, script] of (plans[at] ?? []).entries()) {
      await send(server.client, told, `r${round}-${index}`, script);
      count();
    }
  });
  // A run with fewer events than that ends when all chats are quiet.
  const quiet = Promise.all(sending).then(() => untilQuiet(server.client, chats));
  await Promise.race([moment, quiet.catch(() => undefined)]);
  server.program.kill('SIGKILL');
  await server.program.ended();
  abort.abort();
}

const pick = <T>(random: () => number, from: readonly [T, ...T[]]): T =>
  from[Math.floor(random() * from.length)] ?? from[0];

test(
  `LOG-1 PROMPT-1 PROMPT-4 TURN-1 TURN-2 DATA-1 AGENT-2 AGENT-4: chats on both backends survive ${rounds} runs that end in SIGKILL (seed ${seed})`,
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
      // No server runs that could help.
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
      // The model remembers every completed turn.
      const completed = eventsOf(log, 'turn_finished').filter((event) => event.outcome === 'completed');
      const ids = completed.flatMap(
        ({ turnId }) => eventsOf(log, 'turn_started').find((event) => event.turnId === turnId)?.promptIds ?? [],
      );
      const { text } = await runTurn(client, told.chatId, 'what did I say');
      for (const id of ids) expect(text).toContain(JSON.stringify(told.sent.get(id)));
    }
    expect((await client.listDecisions({ status: 'pending' })).items).toEqual([]);
    // The seed produced both: turns that died with their host, and turns that did not.
    expect(new Set(outcomes)).toEqual(new Set(['completed', 'interrupted']));
    program.kill('SIGTERM');
    expect(await program.ended()).toEqual({ code: 0, signal: null });
  },
  120_000 + rounds * 30_000,
);
