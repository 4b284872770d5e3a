// Turns that their process did not survive: the real program continues them in another one.
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InMemorySessionStore } from '@anthropic-ai/claude-agent-sdk';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PermissionMode } from '../../protocol/chat.ts';
import type { AgentEvent, ContinuedCall } from '../agent-backend.ts';
import {
  endOf,
  ofType,
  type OpenedSession,
  openSession,
  readTurn,
  runTurn,
  textIn,
} from '../../../test/contract/agent-backend.ts';
import { isPromptStored } from '../../../test/support/stored-prompt.ts';
import { openSdkHarness, type SdkHarness } from '../../../test/support/sdk-harness.ts';
import { until } from '../../../test/support/until.ts';

let harness: SdkHarness;
beforeEach(async () => {
  harness = await openSdkHarness();
});
afterEach(() => harness.close());

const newSpec = () => ({
  sessionId: randomUUID(),
  sessionStore: new InMemorySessionStore(),
  permissionMode: 'bypassPermissions' as const,
});
type Spec = Pick<ReturnType<typeof newSpec>, 'sessionId' | 'sessionStore'> & { permissionMode?: PermissionMode };

const marker = () => join(harness.cwd, 'marker');
const ran = (): string => (existsSync(marker()) ? readFileSync(marker(), 'utf8') : '');
const endlessCommand = () => `run: printf x >> ${marker()}; exec tail -f /dev/null`;
const messages = () =>
  harness.model.requests
    .filter(({ path }) => path === '/v1/messages')
    .map(({ body }) => JSON.stringify((body as { messages: unknown }).messages));

/** Sends a prompt, and resolves once it has come so far. */
async function begin(session: OpenedSession, text: string, isSoFar: (seen: AgentEvent[]) => boolean) {
  const events: AgentEvent[] = [];
  const over = (async () => {
    const content = [{ type: 'text' as const, text }];
    for await (const event of session.handle.prompt({ turnId: randomUUID(), content })) events.push(event);
  })();
  await until(() => isSoFar(events), { what: `the moment in “${text}”` });
  return { events, over };
}

async function kill(session: OpenedSession): Promise<void> {
  const agent = harness.leftovers('').find(({ command }) => command.includes(session.sessionId));
  process.kill(agent!.pid, 'SIGKILL');
  await until(() => session.lost.length > 0, { what: 'the loss of the session' });
}

/** What the next process of the session does by itself, before any prompt. */
async function continueTurn(spec: Spec) {
  const before = messages().length;
  const session = await openSession(harness, { ...spec, continuesTurn: true });
  expect(session.unprompted).toHaveLength(1);
  const events = await readTurn(session, session.unprompted[0]!, {
    onEvent: ({ type }) => type === 'agent_message_chunk' && harness.release(),
  });
  return { session, events, end: endOf(events), asked: messages().slice(before) };
}

const ways = {
  killed: kill,
  left: async (session: OpenedSession) => expect(await session.handle.leaveTurn!()).toBe(true),
};

describe.each(Object.keys(ways) as (keyof typeof ways)[])('TURN-24: a process that was %s in the middle', (how) => {
  test('of an answer: the model is asked once more, and no person wrote that', async () => {
    const spec = newSpec();
    const session = await openSession(harness, spec);
    await runTurn(session, 'who are you');
    const { events, over } = await begin(session, 'hold', () => harness.held() > 0);
    // A program that is killed right after it asked the model has not written that it was prompted.
    await until(() => isPromptStored(spec, 'hold'), { what: 'the prompt in the transcript' });
    await ways[how](session);
    await over;
    expect(endOf(events).outcome).toBe(how === 'left' ? 'interrupted' : 'failed');
    const next = await continueTurn(spec);
    expect(next.end).toMatchObject({ outcome: 'completed' });
    expect(textIn(next.events)).toBe('I hold here. Now I go on.');
    expect(next.asked).toHaveLength(1);
    expect(ofType(next.events, 'incoming_message')).toEqual([]);
    // The same process takes prompts.
    expect(textIn(await runTurn(next.session, 'what did I say'))).toContain('hold');
  });

  test('of a call: the model gets to know that it was cut off, so that it does not run twice unseen', async () => {
    const spec = newSpec();
    const session = await openSession(harness, spec);
    const { over } = await begin(session, endlessCommand(), () => ran() === 'x');
    await ways[how](session);
    await over;
    const { end, asked } = await continueTurn(spec);
    expect(end).toMatchObject({ outcome: 'completed' });
    expect(asked).toHaveLength(1);
    expect(asked[0]).toContain('tool_result');
    expect(asked[0]).toMatch(how === 'left' ? /Exit code 137|outcome is unknown/ : /outcome is unknown/);
    expect(ran()).toBe('x');
  });
});

describe('TURN-24: a process that has nothing to continue', () => {
  beforeEach(async () => {
    await harness.close();
    harness = await openSdkHarness({ limits: { continueMs: 2_000 } });
  });

  test.each(['completed', 'interrupted by a person'])('says so: the last turn was %s', async (how) => {
    const spec = newSpec();
    const session = await openSession(harness, spec);
    if (how === 'completed') await runTurn(session, 'who are you');
    else {
      const { over } = await begin(session, 'hold', () => harness.held() > 0);
      await session.handle.interrupt();
      await over;
    }
    await session.handle.close();
    const next = await continueTurn(spec);
    expect(next.end).toMatchObject({
      outcome: 'failed',
      error: { message: 'The agent found nothing to continue. Send the prompt again.' },
    });
    expect(next.asked).toEqual([]);
    expect(endOf(await runTurn(next.session, 'who are you')).outcome).toBe('completed');
  });
});

test('TURN-24: only a process that is told to continues the turn, and a person can interrupt it', async () => {
  const spec = newSpec();
  const session = await openSession(harness, spec);
  const { over } = await begin(session, endlessCommand(), () => ran() === 'x');
  await kill(session);
  await over;
  const before = messages().length;
  const plain = await openSession(harness, spec);
  expect(endOf(await runTurn(plain, 'who are you')).outcome).toBe('completed');
  expect(messages().length - before).toBe(1);
  const { over: again } = await begin(plain, 'hold', () => harness.held() > 0);
  await plain.handle.leaveTurn!();
  await again;
  const next = await openSession(harness, { ...spec, continuesTurn: true });
  const events = readTurn(next, next.unprompted[0]!);
  await until(() => harness.held() > 0, { what: 'the continued answer' });
  await next.handle.interrupt();
  expect(endOf(await events)).toMatchObject({ outcome: 'interrupted' });
});

describe('TURN-24: a call that its continuation did not survive either', () => {
  const spec = () => ({ sessionId: randomUUID(), sessionStore: new InMemorySessionStore() });

  /** Has a person allow the endless command after its process has ended, and kills the one that runs it. */
  async function cutOffTwice(of: Spec): Promise<string> {
    const session = await openSession(harness, of);
    const isAsked = (seen: AgentEvent[]): boolean => ofType(seen, 'decision_requested').length > 0;
    const { over, events } = await begin(session, endlessCommand(), isAsked);
    const { toolCallId } = ofType(events, 'decision_requested')[0]!;
    await session.handle.suspend!();
    await over;
    const continues: ContinuedCall = {
      toolCallId: toolCallId!,
      answer: { outcome: 'allow' },
      waitingCallIds: [],
      finishedCallIds: [],
      onAsked: () => Promise.resolve(),
    };
    const second = await openSession(harness, { ...of, continues });
    const read = readTurn(second, second.unprompted[0]!);
    await until(() => ran() === 'x', { what: 'the call' });
    await kill(second);
    await read;
    return toolCallId!;
  }

  test.each(['default', 'bypassPermissions'] as const)('is not run again in the mode %s', async (permissionMode) => {
    const of = spec();
    const toolCallId = await cutOffTwice(of);
    const next = await continueTurn({ ...of, permissionMode });
    expect(next.end).toMatchObject({ outcome: 'completed' });
    expect(next.asked).toHaveLength(1);
    expect(next.asked[0]).toContain('it is not known whether it ran');
    expect(ofType(next.events, 'tool_call_update')).toMatchObject([{ toolCallId, status: 'failed' }]);
    expect(ran()).toBe('x');
  });

  test('is not run again by a process that continues nothing', async () => {
    const of = spec();
    await cutOffTwice(of);
    const next = await openSession(harness, { ...of, permissionMode: 'bypassPermissions' });
    const turn = runTurn(next, 'who are you');
    await until(() => ran() !== 'x' || messages().length > 1, { what: 'the next step' });
    expect(ran()).toBe('x');
    await turn;
    expect(messages().at(-1)).toContain('it is not known whether it ran');
  });
});

test('TURN-24: what has a process continue a turn is not in the environment of its commands', async () => {
  const spec = newSpec();
  const session = await openSession(harness, spec);
  const { over } = await begin(session, 'hold', () => harness.held() > 0);
  await session.handle.leaveTurn!();
  await over;
  const next = await continueTurn(spec);
  await runTurn(next.session, `run: env > ${marker()}`);
  expect(ran()).toContain(`HOME=${harness.agent.home}`);
  expect(ran()).not.toContain('CLAUDE_CODE_RESUME_');
});
