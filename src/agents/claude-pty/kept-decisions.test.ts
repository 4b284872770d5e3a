// Questions of the terminal program that outlive it: a process without a terminal continues the very call.
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InMemorySessionStore } from '@anthropic-ai/claude-agent-sdk';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  endOf,
  ofType,
  openSession,
  type OpenedSession,
  runTurn,
  textIn,
} from '../../../test/contract/agent-backend.ts';
import { openPtyHarness, type PtyHarness } from '../../../test/support/pty-harness.ts';
import { until } from '../../../test/support/until.ts';
import type { AgentEvent, AgentEventOf, DecisionAnswer } from '../agent-backend.ts';

let harness: PtyHarness;
beforeEach(async () => {
  harness = await openPtyHarness();
});
afterEach(() => harness.close());

type Asked = AgentEventOf<'decision_requested'>;
const marker = (): string => join(harness.cwd, 'marker');
const readMarker = (): string => (existsSync(marker()) ? readFileSync(marker(), 'utf8') : '');
const newSpec = () => ({ sessionId: randomUUID(), sessionStore: new InMemorySessionStore() });

/** Runs a turn until it asks, and leaves it there. */
async function askIn(session: OpenedSession, text: string) {
  const events: AgentEvent[] = [];
  const over = (async () => {
    const content = [{ type: 'text' as const, text }];
    for await (const event of session.handle.prompt({ turnId: randomUUID(), content })) events.push(event);
  })();
  await until(() => ofType(events, 'decision_requested').length > 0, { what: 'the question' });
  return { asked: ofType(events, 'decision_requested')[0]!, over, events };
}

function signalProgram({ sessionId }: OpenedSession, signal: NodeJS.Signals): void {
  const program = harness.leftovers('').find(({ command }) => command.includes(sessionId));
  process.kill(program!.pid, signal);
}

async function continueWith(spec: ReturnType<typeof newSpec>, { toolCallId }: Asked, answer: DecisionAnswer) {
  const handed: string[] = [];
  const session = await openSession(harness, {
    ...spec,
    continues: {
      toolCallId: toolCallId!,
      answer,
      waitingCallIds: [],
      finishedCallIds: [],
      onAsked: () => Promise.resolve(void handed.push(readMarker())),
    },
  });
  const events: AgentEvent[] = [];
  for await (const event of session.unprompted[0]!) events.push(event);
  return { session, events, handed };
}

const endings = {
  freed: async ({ handle }: OpenedSession) => expect(await handle.suspend!()).toBe(true),
  'ended by SIGKILL': (session: OpenedSession) => signalProgram(session, 'SIGKILL'),
  'ended by SIGTERM': (session: OpenedSession) => signalProgram(session, 'SIGTERM'),
};

describe.each(Object.keys(endings) as (keyof typeof endings)[])('DECIDE-14: a terminal program that is %s', (how) => {
  test('leaves its question, whose answer runs the very call once; then its terminal opens again', async () => {
    const spec = newSpec();
    const session = await openSession(harness, spec);
    const { asked, over, events: before } = await askIn(session, `run: printf x >> ${marker()}`);
    await endings[how](session);
    await over;
    expect(endOf(before)).toMatchObject({
      outcome: how === 'freed' ? 'interrupted' : 'failed',
      keptDecisionIds: [asked.decisionId],
    });
    expect(ofType(before, 'decision_resolved')).toEqual([]);
    expect(await harness.backend.canContinue({ ...spec, cwd: harness.cwd }, asked.toolCallId!)).toBe(true);
    const requests = harness.model.requests.length;

    const { session: next, events, handed } = await continueWith(spec, asked, { outcome: 'allow' });
    expect([readMarker(), handed[0]]).toEqual(['x', '']);
    expect(ofType(events, 'decision_requested')).toEqual([]);
    expect(endOf(events).outcome).toBe('completed');
    // One request, with the call's result.
    expect(harness.model.requests).toHaveLength(requests + 1);
    expect(next.handle.isForOneCall).toBe(true);
    expect(ofType(events, 'session_started').map(({ backend }) => backend)).toEqual(['claude_pty']);
    await next.handle.close();

    const terminal = await openSession(harness, spec);
    expect(terminal.handle.terminal).toBeDefined();
    const turn = await runTurn(terminal, 'what did I say');
    expect(textIn(turn)).toContain('run: printf x');
    await terminal.handle.close();
    expect(readMarker()).toBe('x');
  });
});

test('DECIDE-18: what was denied does not run, and the model gets the words', async () => {
  const spec = newSpec();
  const session = await openSession(harness, spec);
  const { asked, over } = await askIn(session, `run: printf x >> ${marker()}`);
  await session.handle.suspend!();
  await over;
  const { session: next, events } = await continueWith(spec, asked, { outcome: 'deny', message: 'Not today.' });
  expect(readMarker()).toBe('');
  expect(JSON.stringify(ofType(events, 'tool_call_update'))).toContain('Not today.');
  await next.handle.close();
});

test('a session is not freed while nothing waits, nor after its question was answered', async () => {
  const session = await openSession(harness);
  expect(await session.handle.suspend!()).toBe(false);
  const { asked, over } = await askIn(session, `run: printf x >> ${marker()}`);
  expect(session.handle.resolve(asked.decisionId, { outcome: 'allow' })).toBe(true);
  expect(await session.handle.suspend!()).toBe(false);
  await over;
  expect(readMarker()).toBe('x');
  await session.handle.close();
});

test('an interrupt withdraws the question: nothing is left of it', async () => {
  const session = await openSession(harness);
  const { asked, over, events } = await askIn(session, `run: printf x >> ${marker()}`);
  await session.handle.interrupt();
  await over;
  expect(endOf(events).keptDecisionIds ?? []).toEqual([]);
  expect(ofType(events, 'decision_resolved')).toMatchObject([{ decisionId: asked.decisionId, outcome: 'cancelled' }]);
  await session.handle.close();
});
