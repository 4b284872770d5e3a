// What the real program does during and between the requested turns.
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AgentEvent } from '../agent-backend.ts';
import {
  endOf,
  ofType,
  type OpenedSession,
  openSession,
  readTurn,
  runTurn,
  textIn,
} from '../../../test/contract/agent-backend.ts';
import { openSdkHarness, type SdkHarness } from '../../../test/support/sdk-harness.ts';
import { until } from '../../../test/support/until.ts';

let harness: SdkHarness;
beforeAll(async () => {
  harness = await openSdkHarness();
});
afterAll(() => harness.close());

const allow = (): { outcome: 'allow' } => ({ outcome: 'allow' });

/** Starts a background task that runs until the returned function is called. */
async function beginTask(session: OpenedSession): Promise<() => Promise<void>> {
  const pipe = join(harness.cwd, `pipe-${crypto.randomUUID()}`);
  const turn = await runTurn(session, `start a background task: env mkfifo ${pipe} && cat ${pipe}`, {
    answer: allow,
  });
  expect(endOf(turn).outcome).toBe('completed');
  expect(ofType(turn, 'background_tasks').at(-1)?.tasks).toHaveLength(1);
  await until(() => existsSync(pipe));
  return () => writeFile(pipe, '');
}

test('AGENT-3: a background task keeps the session busy, and its end starts a turn that nobody requested', async () => {
  const session = await openSession(harness);
  const endTask = await beginTask(session);
  expect(session.handle.isBusy).toBe(true);
  // Another turn runs meanwhile.
  expect(textIn(await runTurn(session, 'stream 2 tokens'))).toBe('t1 t2 ');
  expect(session.handle.isBusy).toBe(true);
  expect(session.unprompted).toHaveLength(0);

  await endTask();
  const [events] = await until(() => (session.unprompted.length > 0 ? session.unprompted : null));
  const turn = await readTurn(session, events!);
  expect(endOf(turn).outcome).toBe('completed');
  expect(endOf(turn).costUsd).toBeGreaterThan(0);
  expect(textIn(turn)).toContain('A background task reports');
  expect(session.between.map((event) => event.type)).toContain('background_tasks');
  expect(session.handle.isBusy).toBe(false);
  await session.handle.close();
});

describe('a prompt that meets a turn of the agent’s own', () => {
  const moments: [string, (session: OpenedSession) => boolean][] = [
    [
      'when the task has ended',
      (session) => ofType(session.between, 'background_tasks').some((e) => e.tasks.length === 0),
    ],
    ['when the turn has begun', (session) => session.unprompted.length > 0],
  ];
  test.each(moments)(
    'TURN-1 TURN-13 PROMPT-3: %s: the agent’s own work is reported first, and the prompt gets its answer',
    async (_, isNow) => {
      const session = await openSession(harness);
      const own: AgentEvent[][] = [];
      const endTask = await beginTask(session);
      await endTask();
      await until(() => isNow(session));
      const asked = await runTurn(session, 'stream 3 tokens');
      for (const events of session.unprompted) own.push(await readTurn(session, events));
      // If the prompt arrived first, its turn in the log has already started, and contains both in their order.
      const texts = [...own.map(textIn), textIn(asked)].join('\n');
      expect(texts).toMatch(/^A background task reports[^]*t1 t2 t3 $/);
      expect(own.length).toBeLessThanOrEqual(1);
      for (const turn of [...own, asked]) expect(endOf(turn).outcome).toBe('completed');
      expect(session.handle.isBusy).toBe(false);
      await session.handle.close();
    },
  );

  test('TURN-3: interrupted immediately, both end, and the next prompt is answered', async () => {
    const session = await openSession(harness);
    const endTask = await beginTask(session);
    await endTask();
    await until(() => session.unprompted.length > 0);
    const asking = runTurn(session, 'hold');
    await session.handle.interrupt();
    const asked = await asking;
    // If the program took both in one request, it answered them together before there was anything to interrupt.
    const wasTogether = /A background task reports/.test(textIn(asked));
    expect(wasTogether ? ['interrupted', 'completed'] : ['interrupted']).toContain(endOf(asked).outcome);
    expect(endOf(await readTurn(session, session.unprompted[0]!)).outcome).toMatch(/interrupted|completed/);
    expect(endOf(await runTurn(session, 'stream 3 tokens')).outcome).toBe('completed');
    expect(session.unprompted).toHaveLength(1);
    await session.handle.close();
  });
});

/** The program may take a prompt and the report of a task’s end in one request: the model then answers the report. */
const answerOrReport = /^t1 t2 $|A background task reports/;

test('DECIDE-4: a background sub-agent’s question that outlasts its turn is asked again, and can be answered', async () => {
  const path = join(harness.cwd, 'made-in-the-background');
  const session = await openSession(harness);
  const first = await runTurn(session, `use a background sub-agent: run: touch ${path}`);
  expect(endOf(first).outcome).toBe('completed');
  const [events] = await until(() => (session.unprompted.length > 0 ? session.unprompted : null));
  expect(session.handle.isBusy).toBe(true);
  const askedFirst = ofType(first, 'decision_requested').map((event) => event.decisionId);
  const asked = await readTurn(session, events!, { answer: allow });
  const [question] = ofType(asked, 'decision_requested');
  expect(question?.input).toMatchObject({ command: `touch ${path}` });
  expect(askedFirst).not.toContain(question?.decisionId);
  for (const decisionId of askedFirst) expect(session.handle.resolve(decisionId, allow())).toBe(false);
  expect(endOf(asked).outcome).toBe('completed');
  await until(() => existsSync(path));
  // What the sub-agent does afterwards belongs to no turn, and delays no prompt.
  await until(() => ofType(session.between, 'tool_call_update').some((event) => event.parentToolCallId !== undefined));
  expect(textIn(await runTurn(session, 'stream 2 tokens'))).toMatch(answerOrReport);
  await session.handle.close();
});

test('DECIDE-4 TURN-3: an interrupt withdraws a background sub-agent’s question', async () => {
  const path = join(harness.cwd, 'never-made');
  const session = await openSession(harness);
  await runTurn(session, `use a background sub-agent: run: touch ${path}`);
  const [events] = await until(() => (session.unprompted.length > 0 ? session.unprompted : null));
  const asked = readTurn(session, events!);
  await session.handle.interrupt();
  const turn = await asked;
  expect(endOf(turn).outcome).toBe('interrupted');
  expect(ofType(turn, 'decision_resolved')).toMatchObject([{ outcome: 'cancelled' }]);
  expect(textIn(await runTurn(session, 'stream 2 tokens'))).toMatch(answerOrReport);
  expect(existsSync(path)).toBe(false);
  await session.handle.close();
});

test('TURN-19: a resumed program’s messages about its start do not form a turn, and are reported immediately', async () => {
  const first = await openSession(harness);
  await beginTask(first);
  await first.handle.close();
  const { chatId, sessionId, sessionStore } = first;
  const session = await openSession(harness, { chatId, sessionId, sessionStore });
  // What the program starts and ends for the lost task has no content.
  await until(() => ofType(session.between, 'notice').some(({ code }) => code === 'task_ended'));
  const turn = await runTurn(session, 'stream 2 tokens');
  expect(endOf(turn).outcome).toBe('completed');
  expect(session.between.map(({ type }) => type)).toContain('session_started');
  expect(session.unprompted).toEqual([]);
  expect(session.handle.isBusy).toBe(false);
  await session.handle.close();
});
