// What the next host reports about a turn whose host was killed.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTurnTraces } from '../../src/agents/claude/mapping/turn-traces.ts';
import { type DemoModel, startDemoModel } from '../../src/demo/demo-model.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { markOf, processesWith } from '../support/processes.ts';
import { openProgramHome, type ProgramHome, warmEnv } from '../support/program.ts';
import { eventsOf, nextEvent, readLog, runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

let model: DemoModel;
let database: TestDatabase;
let home: ProgramHome;
beforeAll(async () => {
  model = await startDemoModel();
  database = await createTestDatabase();
  home = await openProgramHome({ env: warmEnv(model, database) });
});
afterAll(async () => {
  await home.remove();
  await database.drop();
  await model.close();
});

/** The usage recorded in a chat's transcript, and the usage that was booked. */
async function accountsOf(chatId: string) {
  const traces = createTurnTraces();
  for (const { entry } of await database.sql<{ entry: string }[]>`
    select entry::text as entry from boocode.claude_session_entries where project_key = ${chatId}`)
    traces.add(entry);
  const [session] = await database.sql<{ booked: string }[]>`
    select model_usage::text as booked from boocode.agent_sessions where chat_id = ${chatId}`;
  const withoutDollars = (models: object) =>
    Object.entries(models).map(([name, cost]: [string, object]) => [name, { ...cost, costUsd: undefined }]);
  return {
    written: withoutDollars(traces.seen),
    booked: withoutDollars(JSON.parse(session?.booked ?? '{}') as object),
  };
}

test.each(['claude_sdk', 'claude_pty'] as const)(
  'DECIDE-13 TURN-14: an allowed call without a result is reported, and the usage is booked once (%s)',
  async (backend) => {
    let server = await home.serve('serve');
    const chat = await server.client.createChat({ cwd: home.workDir, backend });
    await runTurn(server.client, chat.id, 'who are you');
    await server.client.prompt(chat.id, { content: 'run: env sleep 600' });
    const asked = await nextEvent(server.client, chat.id, 'decision_requested');
    await server.client.decide(asked.decisionId, { outcome: 'allow' });
    const mark = markOf(server.program.identity);
    await until(() => processesWith(mark).some((each) => each.command.startsWith('sleep 600')));
    server.program.kill('SIGKILL');
    await server.program.ended();

    server = await home.serve('serve');
    const log = await readLog(server.client, chat.id);
    const notices = eventsOf(log, 'notice').filter(({ turnId }) => turnId === asked.turnId);
    expect(notices).toMatchObject([
      {
        level: 'warning',
        code: 'decision_without_result',
        message: expect.stringMatching(/^“.*env sleep 600.*” was allowed .*unknown whether it ran/) as string,
        data: { decisionId: asked.decisionId, toolCallId: asked.toolCallId },
      },
      { level: 'info', code: 'turn_cost_unknown' },
    ]);
    expect(eventsOf(log, 'turn_finished').at(-1)).toMatchObject({
      outcome: 'interrupted',
      usage: { inputTokens: 3, outputTokens: 29 },
      costUsd: 0,
    });
    // Neither the totals of the continued session nor another restart count it again.
    for (const text of ['what did I say', 'who are you']) {
      await runTurn(server.client, chat.id, text);
      server.program.kill('SIGTERM');
      await server.program.ended();
      // Only now: what the terminal program did not report in time is booked at its end.
      const { written, booked } = await accountsOf(chat.id);
      expect(booked).toEqual(written);
      server = await home.serve('serve');
    }
    server.program.kill('SIGTERM');
    await server.program.ended();
  },
  90_000,
);
