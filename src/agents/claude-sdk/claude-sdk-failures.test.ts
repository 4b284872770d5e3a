// What the real program does when the model, a tool or the program itself fails.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { InMemorySessionStore } from '@anthropic-ai/claude-agent-sdk';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { endOf, openSession, runTurn, textIn } from '../../../test/contract/agent-backend.ts';
import { openSdkHarness, type SdkHarness } from '../../../test/support/sdk-harness.ts';
import { until } from '../../../test/support/until.ts';

let harness: SdkHarness;
beforeEach(async () => {
  harness = await openSdkHarness({
    env: { CLAUDE_CODE_MAX_RETRIES: '1' },
    limits: { interruptMs: 1_000, closeMs: { turn: 500, exit: 2_500, term: 1_000 } },
  });
});
afterEach(() => harness.close());

/** Kills the agent like a crash, and waits until its session has noticed. */
async function killAgent(session: { lost: unknown[] }): Promise<void> {
  const agent = harness.leftovers('').find((each) => each.command.includes('--output-format stream-json'));
  process.kill(agent!.pid, 'SIGKILL');
  await until(() => session.lost.length > 0, { what: 'the loss of the session' });
}

test('TURN-5: a failing model ends the turn with a code and a sentence, and the next turn works', async () => {
  const session = await openSession(harness);
  const { lost } = session;
  const failures = [
    ['fail 401', 'agent_login_required'],
    ['fail 400', 'model_error'],
    ['cut the stream', 'model_error'],
    ['malformed sse', 'model_error'],
  ];
  for (const [text, code] of failures) {
    const { outcome, error } = endOf(await runTurn(session, text!));
    expect({ text, outcome, code: error?.code }).toEqual({ text, outcome: 'failed', code });
    expect(error?.message).toMatch(/^[A-Z].*\./);
  }
  const good = await runTurn(session, 'stream 3 tokens');
  expect(endOf(good).outcome).toBe('completed');
  expect(textIn(good)).toBe('t1 t2 t3 ');
  expect(lost).toEqual([]);
});

test('TURN-4: a turn reports only its own usage and cost, across turns, a restart and two crashes', async () => {
  const spec = { sessionStore: new InMemorySessionStore(), sessionId: crypto.randomUUID() };
  let session = await openSession(harness, spec);
  const costs: number[] = [];
  const play = async (tokens: number): Promise<void> => {
    const { usage, costUsd, models } = endOf(await runTurn(session, `stream ${tokens} tokens`));
    expect(usage.outputTokens).toBe(tokens);
    const parts = Object.values(models).reduce((sum, model) => sum + model.costUsd, 0);
    expect(parts).toBeCloseTo(costUsd, 9);
    costs.push(costUsd);
  };
  await play(5);
  await play(7);
  await session.handle.close();
  session = await openSession(harness, spec);
  await play(11);
  await killAgent(session);
  session = await openSession(harness, spec);
  await play(13);
  await play(17);
  const held = runTurn(session, 'hold');
  await until(() => harness.held() > 0);
  await killAgent(session);
  expect(endOf(await held)).toMatchObject({ outcome: 'failed', costUsd: 0 });
  session = await openSession(harness, spec);
  await play(19);
  // The first turn filled the model's cache. A running total instead of the turn's share would be more than that.
  expect(costs.every((cost) => cost > 0)).toBe(true);
  expect(costs.slice(1).every((cost) => cost < costs[0]! / 2)).toBe(true);
});

test('TURN-5 AGENT-4: if the agent is killed while a tool runs, the turn fails, the loss is reported, and the tool is gone', async () => {
  const session = await openSession(harness);
  const turn = runTurn(session, 'run: env sleep 1000', { answer: () => ({ outcome: 'allow' }) });
  await until(() => harness.leftovers(session.chatId).some((each) => each.command === 'sleep 1000'), {
    what: 'the tool',
  });
  await killAgent(session);
  expect(endOf(await turn)).toMatchObject({ outcome: 'failed', error: { code: 'agent_failed' } });
  expect(session.lost).toMatchObject([{ code: 'agent_failed' }]);
  expect(harness.leftovers(session.chatId)).toEqual([]);
  await expect(runTurn(session, 'stream 2 tokens')).rejects.toMatchObject({ code: 'agent_failed' });
  await session.handle.close();
  const again = await openSession(harness, { chatId: session.chatId });
  expect(endOf(await runTurn(again, 'stream 2 tokens')).outcome).toBe('completed');
});

test('TURN-3: a tool that ignores every signal delays neither an interrupt nor a close', async () => {
  const stubborn = `run: env bash -c 'trap "" TERM INT HUP; while true; do read -t 1000 <> <(:); done'`;
  const isRunning = (): boolean => harness.leftovers('').some((each) => each.command.startsWith('bash -c trap'));
  const interrupted = await openSession(harness);
  const turn = runTurn(interrupted, stubborn, { answer: () => ({ outcome: 'allow' }) });
  await until(isRunning, { what: 'the tool' });
  await interrupted.handle.interrupt();
  expect(endOf(await turn).outcome).toBe('interrupted');
  await interrupted.handle.close();
  expect(harness.leftovers('')).toEqual([]);

  const closed = await openSession(harness);
  const other = runTurn(closed, stubborn, { answer: () => ({ outcome: 'allow' }) });
  await until(isRunning, { what: 'the tool' });
  await closed.handle.close();
  expect(endOf(await other).outcome).toBe('interrupted');
  expect(harness.leftovers('')).toEqual([]);
});

test('TURN-5: a program that cannot start says why, and can be started once the cause is gone', async () => {
  const spec = { chatId: crypto.randomUUID(), sessionId: crypto.randomUUID() };
  const sessionStore = new InMemorySessionStore();
  const key = { projectKey: 'chat', sessionId: spec.sessionId };
  // The file has messages, but none of this session: the program finds no conversation in it.
  await sessionStore.append(key, [{ type: 'user', uuid: crypto.randomUUID(), sessionId: crypto.randomUUID() }]);
  await expect(openSession(harness, { ...spec, sessionStore })).rejects.toMatchObject({
    code: 'agent_failed',
    message: expect.stringMatching(/could not start in .*No conversation found/s),
  });
  expect(harness.leftovers('')).toEqual([]);
  await sessionStore.delete(key);
  await rm(join(harness.agent.configDir, 'projects'), { recursive: true });
  const session = await openSession(harness, { ...spec, sessionStore });
  expect(endOf(await runTurn(session, 'stream 2 tokens')).outcome).toBe('completed');
});
