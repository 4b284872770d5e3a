// Calls that a person was asked about in a process that is gone: the real program takes them up in another one.
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { InMemorySessionStore } from '@anthropic-ai/claude-agent-sdk';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AgentEvent, AgentEventOf, DecisionAnswer } from '../agent-backend.ts';
import { type OpenedSession, openSession } from '../../../test/contract/agent-backend.ts';
import { openSdkHarness, type SdkHarness } from '../../../test/support/sdk-harness.ts';
import { until } from '../../../test/support/until.ts';

let harness: SdkHarness;
beforeEach(async () => {
  harness = await openSdkHarness();
});
afterEach(() => harness.close());

type Asked = AgentEventOf<'decision_requested'>;
type Spec = { sessionId: string; sessionStore: InMemorySessionStore };

const newSpec = (): Spec => ({ sessionId: randomUUID(), sessionStore: new InMemorySessionStore() });
const marker = () => join(harness.cwd, 'marker');

/** Runs a turn until it asks for the given time, and leaves it there. */
async function askIn(session: OpenedSession, text: string, asks = 1) {
  const events: AgentEvent[] = [];
  const asked: Asked[] = [];
  const over = (async () => {
    const content = [{ type: 'text' as const, text }];
    for await (const event of session.handle.prompt({ turnId: randomUUID(), content })) {
      events.push(event);
      if (event.type !== 'decision_requested') continue;
      asked.push(event);
      if (asked.length < asks) session.handle.resolve(event.decisionId, { outcome: 'allow' });
    }
  })();
  await until(() => asked.length === asks, { what: 'the question' });
  return { asked: asked.at(-1)!, over, end: () => events.at(-1) as AgentEventOf<'turn_finished'> };
}

async function kill(session: OpenedSession): Promise<void> {
  const agent = harness.leftovers('').find(({ command }) => command.includes(session.sessionId));
  process.kill(agent!.pid, 'SIGKILL');
  await until(() => session.lost.length > 0, { what: 'the loss of the session' });
}

/** Opens another process that continues the call, and plays its turn to the end. */
async function continueWith(spec: Spec, { toolCallId }: Asked, answer: DecisionAnswer) {
  const handed: string[] = [];
  const session = await openSession(harness, {
    ...spec,
    continues: { toolCallId: toolCallId!, answer, onAsked: async () => void handed.push(readMarker()) },
  });
  expect(session.unprompted).toHaveLength(1);
  const events: AgentEvent[] = [];
  for await (const event of session.unprompted[0]!) events.push(event);
  return { session, events, handed, end: events.at(-1) as AgentEventOf<'turn_finished'> };
}

const readMarker = (): string => (existsSync(marker()) ? readFileSync(marker(), 'utf8') : '');
const resultOf = (events: readonly AgentEvent[], { toolCallId }: Asked) =>
  events.find((event) => event.type === 'tool_call_update' && event.toolCallId === toolCallId);

describe.each(['killed', 'suspended', 'killed, and the machine has no file'] as const)(
  'a process that is %s',
  (how) => {
    async function endProcess(session: OpenedSession): Promise<void> {
      if (how === 'suspended') await session.handle.suspend!();
      else await kill(session);
      if (how !== 'killed' && how !== 'suspended')
        await rm(join(harness.agent.configDir, 'projects'), { recursive: true });
    }

    test('leaves its question, and an answer runs the very call, once, without another request to the model', async () => {
      const spec = newSpec();
      const session = await openSession(harness, spec);
      const { asked, over, end } = await askIn(session, `run: printf x >> ${marker()}`);
      await endProcess(session);
      await over;
      expect(end().keptDecisionIds).toEqual([asked.decisionId]);
      expect(await harness.backend.canContinue(spec as never, asked.toolCallId!)).toBe(true);
      const before = harness.model.requests.length;

      const { session: next, events, handed, end: last } = await continueWith(spec, asked, { outcome: 'allow' });
      expect(readMarker()).toBe('x');
      expect([...new Set(handed)]).toEqual(['']);
      expect(resultOf(events, asked)).toMatchObject({ status: 'completed' });
      expect(events.filter(({ type }) => type === 'decision_requested')).toEqual([]);
      expect(last).toMatchObject({ outcome: 'completed' });
      // One request, with the call's result.
      expect(harness.model.requests).toHaveLength(before + 1);
      expect(await harness.backend.canContinue({ ...spec, cwd: harness.cwd }, asked.toolCallId!)).toBe(false);
      await next.handle.close();
    });
  },
);
