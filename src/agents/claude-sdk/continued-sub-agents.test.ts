// Questions of sub-agents whose process is gone: the sub-agent starts over, and the answer is for what it asks again.
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InMemorySessionStore } from '@anthropic-ai/claude-agent-sdk';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { endOf, ofType, openSession, textIn } from '../../../test/contract/agent-backend.ts';
import { openSdkHarness, type SdkHarness } from '../../../test/support/sdk-harness.ts';
import { until } from '../../../test/support/until.ts';
import type { AgentEvent, AgentEventOf, ContinuedCall } from '../agent-backend.ts';

let harness: SdkHarness;
beforeEach(async () => {
  harness = await openSdkHarness();
});
afterEach(() => harness.close());

const marker = (): string => join(harness.cwd, 'marker');
const ran = (): string => (existsSync(marker()) ? readFileSync(marker(), 'utf8') : '');
const newSpec = () => ({ sessionId: randomUUID(), sessionStore: new InMemorySessionStore() });
type Spec = ReturnType<typeof newSpec>;

/** A session whose sub-agent asks, and which is freed then. */
async function left(spec: Spec): Promise<AgentEventOf<'decision_requested'>> {
  const session = await openSession(harness, spec);
  const events: AgentEvent[] = [];
  const over = (async () => {
    const content = [{ type: 'text' as const, text: `use a sub-agent: run: printf x >> ${marker()}` }];
    for await (const event of session.handle.prompt({ turnId: randomUUID(), content })) events.push(event);
  })();
  await until(() => ofType(events, 'decision_requested').length > 0, { what: 'the question' });
  expect(await session.handle.suspend!()).toBe(true);
  await over;
  const asked = ofType(events, 'decision_requested')[0]!;
  expect(endOf(events).keptDecisionIds).toEqual([asked.decisionId]);
  const agentCall = ofType(events, 'tool_call').find(({ toolName }) => toolName === 'Agent');
  expect(asked.subagentCallId).toBe(agentCall!.toolCallId);
  return asked;
}

async function continueWith(spec: Spec, continues: Pick<ContinuedCall, 'toolCallId' | 'answer' | 'asksAgain'>) {
  const handed: string[] = [];
  const onAsked = () => Promise.resolve(void handed.push(ran()));
  const session = await openSession(harness, {
    ...spec,
    continues: { ...continues, waitingCallIds: [], finishedCallIds: [], onAsked },
  });
  const events: AgentEvent[] = [];
  for await (const event of session.unprompted[0]!) {
    events.push(event);
    if (event.type === 'decision_requested') session.handle.resolve(event.decisionId, { outcome: 'deny' });
  }
  await session.handle.close();
  expect(endOf(events).outcome).toBe('completed');
  return { events, handed, asked: ofType(events, 'decision_requested') };
}

test('DECIDE-20: an allowed call runs once, when the sub-agent that started over asks for the same', async () => {
  const spec = newSpec();
  const { subagentCallId, input } = await left(spec);
  const { events, handed, asked } = await continueWith(spec, {
    toolCallId: subagentCallId!,
    answer: { outcome: 'allow' },
    asksAgain: { toolName: 'Bash', input },
  });
  expect([asked, ran(), handed]).toEqual([[], 'x', ['']]);
  expect(textIn(events)).toContain('The sub-agent said');
});

test('DECIDE-20: an edited call runs as it was edited, even in a mode that allows the original', async () => {
  const spec = newSpec();
  const { subagentCallId, input } = await left(spec);
  const edited = { ...input, command: `printf edited >> ${marker()}` };
  const { asked } = await continueWith({ ...spec, permissionMode: 'bypassPermissions' } as Spec, {
    toolCallId: subagentCallId!,
    answer: { outcome: 'allow', input: edited },
    asksAgain: { toolName: 'Bash', input },
  });
  expect([asked, ran()]).toEqual([[], 'edited']);
});

test('DECIDE-20: the answer is not for another question: that is asked, and nobody is said to have got the answer', async () => {
  const spec = newSpec();
  const { subagentCallId, input } = await left(spec);
  const { asked, handed } = await continueWith(spec, {
    toolCallId: subagentCallId!,
    answer: { outcome: 'allow' },
    asksAgain: { toolName: 'Bash', input: { ...input, command: 'something else' } },
  });
  expect([asked.length, handed, ran()]).toEqual([1, [], '']);
});

test('DECIDE-20: what is denied reaches the model as the result of the sub-agent, which does not start over', async () => {
  const spec = newSpec();
  const { subagentCallId } = await left(spec);
  const before = harness.model.requests.length;
  const { events, asked } = await continueWith(spec, {
    toolCallId: subagentCallId!,
    answer: { outcome: 'deny', message: 'The user said no.' },
  });
  expect([asked, ran(), harness.model.requests.length - before]).toEqual([[], '', 1]);
  expect(ofType(events, 'tool_call_update')).toMatchObject([{ toolCallId: subagentCallId, status: 'failed' }]);
});

test('DECIDE-20: a background sub-agent’s question ends with its process', async () => {
  const session = await openSession(harness, newSpec());
  const events: AgentEvent[] = [];
  const content = [{ type: 'text' as const, text: `use a background sub-agent: run: printf x >> ${marker()}` }];
  for await (const event of session.handle.prompt({ turnId: randomUUID(), content })) events.push(event);
  await until(() => session.unprompted.length > 0);
  const asked = (async () => {
    for await (const event of session.unprompted[0]!) {
      if (event.type === 'decision_requested') return event;
    }
    throw new Error('Nothing was asked.');
  })();
  expect((await asked).subagentCallId).toBeUndefined();
  expect(await session.handle.suspend!()).toBe(false);
  await session.handle.close();
});
