// Agents that die in the middle of a turn while their host survives: the usage is booked anyway, and only once.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTurnTraces } from '../../src/agents/claude/mapping/turn-traces.ts';
import { type DemoModel, startDemoModel } from '../../src/demo/demo-model.ts';
import type { BooClient } from '../../src/client/client.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { markOf, processesWith } from '../support/processes.ts';
import { openProgramHome, type ProgramHome, type ServerProgram, warmEnv } from '../support/program.ts';
import { followUntil } from '../support/turns.ts';
import { until } from '../support/until.ts';
import { randomOf } from '../support/random.ts';

let model: DemoModel;
let database: TestDatabase;
let home: ProgramHome;
beforeAll(async () => {
  model = await startDemoModel({ keepRequests: 10_000 });
  database = await createTestDatabase();
  home = await openProgramHome({ env: warmEnv(model, database) });
});
afterAll(async () => {
  await home.remove();
  await database.drop();
  await model.close();
});

interface Tokens {
  inputTokens: number;
  outputTokens: number;
  cacheReadInputTokens: number;
  cacheCreationInputTokens: number;
}

/** The usage recorded in the transcript, the usage that was booked, and the last total of the program itself. */
async function accountsOf(chatId: string) {
  const traces = createTurnTraces();
  let programUsd: unknown;
  for (const { entry } of await database.sql<{ entry: string }[]>`
    select entry::text as entry from boocode.claude_session_entries where project_key = ${chatId} order by ordinal`) {
    traces.add(entry);
    const { type, totalCostUSD } = JSON.parse(entry) as Record<string, unknown>;
    if (type === 'cost-state') programUsd = totalCostUSD;
  }
  const [session] = await database.sql<{ booked: string; costUsd: number }[]>`
    select model_usage::text as booked, cost_usd as "costUsd" from boocode.agent_sessions where chat_id = ${chatId}`;
  const tokens = ({ inputTokens, outputTokens, cacheReadInputTokens, cacheCreationInputTokens }: Tokens) => ({
    inputTokens,
    outputTokens,
    cacheReadInputTokens,
    cacheCreationInputTokens,
  });
  const byModel = (models: Readonly<Record<string, Tokens>>) =>
    Object.fromEntries(Object.entries(models).map(([name, cost]) => [name, tokens(cost)]));
  return {
    stored: byModel(traces.seen),
    booked: byModel(JSON.parse(session?.booked ?? '{}') as Record<string, Tokens>),
    bookedUsd: session?.costUsd,
    programUsd,
  };
}

/** Sends a prompt and waits for the end of its turn; `kill` ends the agent at its nth item or while its tool runs. */
async function ask(
  { client, program }: ServerProgram,
  chatId: string,
  content: string,
  kill?: { signal: NodeJS.Signals; at: number | 'tool' },
): Promise<void> {
  const { head } = await client.getChat(chatId);
  let left = typeof kill?.at === 'number' ? kill.at : Infinity;
  let hasBegun = false;
  const mark = markOf(program.identity);
  let prompted: Promise<unknown> | undefined;
  await followUntil(
    client,
    chatId,
    async (item) => {
      prompted ??= client.prompt(chatId, { content });
      await prompted;
      if (item.kind !== 'event' && item.kind !== 'delta') return false;
      const type = item.kind === 'event' ? item.event.type : item.delta.type;
      // A prompt sent to an agent that is already gone is queued again.
      if (item.kind === 'event' && item.event.type === 'turn_finished') return !item.event.requeuedPromptIds;
      hasBegun ||= ['agent_message_chunk', 'tool_call_chunk', 'agent_message', 'tool_call'].includes(type);
      if (kill?.at === 'tool' && type === 'tool_call') {
        await until(() => processesWith(mark).some((each) => each.command.startsWith('sleep 600')));
        left = 1;
      }
      if (!hasBegun || --left !== 0) return false;
      for (const { pid, command } of processesWith(mark))
        if (/claude\b/.test(command.split(' ')[0] ?? '')) process.kill(pid, kill?.signal);
      return false;
    },
    { after: head, timeoutMs: 40_000 },
  );
}

/** The usage of all answers since that request, as if each of them had been received completely. */
function writtenSince(request: number): Tokens {
  const sum = { inputTokens: 0, outputTokens: 0, cacheReadInputTokens: 0, cacheCreationInputTokens: 0 };
  for (const { usage } of model.requests.slice(request)) {
    sum.inputTokens += usage?.input_tokens ?? 0;
    sum.outputTokens += usage?.output_tokens ?? 0;
    sum.cacheReadInputTokens += usage?.cache_read_input_tokens ?? 0;
    sum.cacheCreationInputTokens += usage?.cache_creation_input_tokens ?? 0;
  }
  return sum;
}

async function end({ program }: ServerProgram): Promise<void> {
  program.kill('SIGTERM');
  await program.ended();
}

const create = (client: BooClient, backend: 'claude_sdk' | 'claude_pty') =>
  client.createChat({ cwd: home.workDir, backend, permissionMode: 'bypassPermissions' });

const prompts = ['run: env sleep 600', 'plan the work', 'stream 60 tokens at 100 per second', 'list the files here'];

for (const backend of ['claude_sdk', 'claude_pty'] as const) {
  test(`TURN-15: the usage of turns whose agent was killed is booked once (${backend})`, async () => {
    const server = await home.serve('serve');
    const { id } = await create(server.client, backend);
    const random = randomOf(15);
    const first = model.requests.length;
    await ask(server, id, 'who are you');
    for (let round = 0; round < 4; round += 1) {
      const content = prompts[Math.floor(random() * prompts.length)] ?? '';
      const signal = random() < 0.6 ? 'SIGKILL' : 'SIGTERM';
      await ask(server, id, content, { signal, at: 1 + Math.floor(random() * (content.startsWith('run') ? 2 : 6)) });
      if (round % 2 === 0) await ask(server, id, 'who are you');
    }
    await ask(server, id, 'what did I say');
    await end(server);
    const { stored, booked } = await accountsOf(id);
    const [name = ''] = Object.keys(booked);
    const written = writtenSince(first);
    // The program also counts the part of an answer it had received when it was killed, which the transcript lacks.
    for (const counter of Object.keys(written) as (keyof Tokens)[]) {
      expect(booked[name]?.[counter]).toBeGreaterThanOrEqual(stored[name]?.[counter] ?? Infinity);
      expect(booked[name]?.[counter]).toBeLessThanOrEqual(written[counter]);
    }
  }, 120_000);

  test(`TURN-16: costs that the agent recorded as it ended are booked with its next session (${backend})`, async () => {
    let server = await home.serve('serve');
    const { id } = await create(server.client, backend);
    const first = model.requests.length;
    await ask(server, id, 'who are you');
    for (let round = 0; round < 2; round += 1)
      await ask(server, id, 'run: env sleep 600', { signal: 'SIGTERM', at: 'tool' });
    for (let life = 0; life < 2; life += 1) {
      await ask(server, id, 'who are you');
      await end(server);
      const { stored, booked, bookedUsd, programUsd } = await accountsOf(id);
      expect(booked).toEqual(stored);
      expect(Object.values(booked)).toEqual([writtenSince(first)]);
      expect(bookedUsd).toBeGreaterThan(0);
      expect(bookedUsd).toBeCloseTo(Number(programUsd), 9);
      server = await home.serve('serve');
    }
    await end(server);
  }, 120_000);
}
