// Calls that a person was asked about in a process that is gone: the real program takes them up in another one.
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InMemorySessionStore } from '@anthropic-ai/claude-agent-sdk';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AgentEvent, AgentEventOf, DecisionAnswer } from '../agent-backend.ts';
import { type OpenedSession, openSession } from '../../../test/contract/agent-backend.ts';
import { projectKey } from '../claude/files/transcript-file.ts';
import { withoutResult } from '../claude/files/defer-call.ts';
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
async function continueWith(
  spec: Spec & Partial<OpenedSession>,
  { toolCallId }: Pick<Asked, 'toolCallId'>,
  answer: DecisionAnswer,
  { waitingCallIds = [], finishedCallIds = [] }: Partial<Record<'waitingCallIds' | 'finishedCallIds', string[]>> = {},
) {
  const handed: string[] = [];
  const kept: string[] = [];
  const session = await openSession(harness, {
    ...spec,
    continues: {
      toolCallId: toolCallId!,
      answer,
      waitingCallIds,
      finishedCallIds,
      onAsked: async (rules = []) => void (handed.push(readMarker()), kept.push(...rules)),
    },
  });
  expect(session.unprompted).toHaveLength(1);
  const events: AgentEvent[] = [];
  for await (const event of session.unprompted[0]!) events.push(event);
  return { session, events, handed, kept, end: events.at(-1) as AgentEventOf<'turn_finished'> };
}

const readMarker = (): string => (existsSync(marker()) ? readFileSync(marker(), 'utf8') : '');
const resultOf = (events: readonly AgentEvent[], { toolCallId }: Asked) =>
  events.find((event) => event.type === 'tool_call_update' && event.toolCallId === toolCallId);

const ways = ['killed', 'suspended', 'killed, and the machine has no file', 'of another version'] as const;
describe.each(ways)('DECIDE-14: a process that is %s', (how) => {
  async function endProcess(session: OpenedSession): Promise<void> {
    if (how === 'suspended') await session.handle.suspend!();
    else await kill(session);
    if (how !== 'killed' && how !== 'suspended')
      await rm(join(harness.agent.configDir, 'projects'), { recursive: true });
  }

  /** As another version of the program has stored it. */
  async function ofAnotherVersion(spec: Spec): Promise<void> {
    const key = { projectKey, sessionId: spec.sessionId };
    const entries = (await spec.sessionStore.load(key))!;
    spec.sessionStore = new InMemorySessionStore();
    await spec.sessionStore.append(
      key,
      entries.map((entry) => ('version' in entry ? { ...entry, version: '2.0.14' } : entry)),
    );
  }

  test('leaves its question, and an answer runs the very call, once, without another request to the model', async () => {
    const spec = newSpec();
    const session = await openSession(harness, spec);
    const { asked, over, end } = await askIn(session, `run: printf x >> ${marker()}`);
    await endProcess(session);
    await over;
    expect(end().keptDecisionIds).toEqual([asked.decisionId]);
    if (how === 'of another version') await ofAnotherVersion(spec);
    expect(await harness.backend.canContinue(spec as never, asked.toolCallId!)).toBe(true);
    const before = harness.model.requests.length;

    const { session: next, events, handed, end: last } = await continueWith(spec, asked, { outcome: 'allow' });
    expect(readMarker()).toBe('x');
    expect(handed[0]).toBe('');
    expect(resultOf(events, asked)).toMatchObject({ status: 'completed' });
    expect(events.filter(({ type }) => type === 'decision_requested')).toEqual([]);
    // What the program tells the model on its own is nobody's message.
    expect(events.filter(({ type }) => type === 'incoming_message')).toEqual([]);
    expect(last).toMatchObject({ outcome: 'completed' });
    // One request, with the call's result.
    expect(harness.model.requests).toHaveLength(before + 1);
    expect(await harness.backend.canContinue({ ...spec, cwd: harness.cwd }, asked.toolCallId!)).toBe(false);
    await next.handle.close();
  });
});

describe('DECIDE-18: what has changed since a person was asked', () => {
  async function left(): Promise<{ spec: Spec; asked: Asked }> {
    const spec = newSpec();
    const session = await openSession(harness, spec);
    const { asked, over } = await askIn(session, `run: printf x >> ${marker()}`);
    await kill(session);
    await over;
    return { spec, asked };
  }

  test.each(['bypassPermissions', 'acceptEdits', 'auto', 'default'] as const)(
    'does not run what was denied: the mode %s, or a rule',
    async (permissionMode) => {
      const { spec, asked } = await left();
      const allow = { permissions: { allow: ['Bash'] } };
      if (permissionMode === 'default')
        await writeFile(join(harness.agent.configDir, 'settings.json'), JSON.stringify(allow));
      const denied = { outcome: 'deny', message: 'Not today.' } as const;
      const { session, events, end } = await continueWith({ ...spec, permissionMode }, asked, denied);
      expect(readMarker()).toBe('');
      expect(resultOf(events, asked)).toMatchObject({ status: 'failed' });
      expect(JSON.stringify(resultOf(events, asked))).toContain('Not today.');
      expect(end.outcome).toBe('completed');
      expect(session.handle.isForOneCall).toBe(true);
      await session.handle.close();
    },
  );

  test.each(['bypassPermissions', 'dontAsk'] as const)(
    'runs what was allowed once, in the mode %s',
    async (permissionMode) => {
      const { spec, asked } = await left();
      const { session, handed, end } = await continueWith({ ...spec, permissionMode }, asked, { outcome: 'allow' });
      expect([readMarker(), end.outcome]).toEqual(['x', 'completed']);
      // Stored before it ran, so that no other process runs it again.
      expect(handed[0]).toBe('');
      await session.handle.close();
    },
  );

  test('runs an edited call as it was edited, even if the original is allowed by now', async () => {
    const { spec, asked } = await left();
    const input = { ...asked.input, command: `printf edited >> ${marker()}` };
    const { session } = await continueWith({ ...spec, permissionMode: 'bypassPermissions' }, asked, {
      outcome: 'allow',
      input,
    });
    expect(readMarker()).toBe('edited');
    await session.handle.close();
  });

  test('AGENT-39: remembers what is allowed for good, and says so', async () => {
    const { spec, asked } = await left();
    const { session, handed, kept } = await continueWith(spec, asked, { outcome: 'allow_always' });
    expect([readMarker(), handed[0]]).toEqual(['x', '']);
    expect(session.handle.isForOneCall).toBe(false);
    await session.handle.close();
    const written = await readFile(join(harness.cwd, '.claude', 'settings.local.json'), 'utf8');
    expect(JSON.parse(written)).toMatchObject({ permissions: { allow: [...new Set(kept)] } });
    // The program may ask twice.
    expect([...new Set(kept)]).toEqual([expect.stringContaining('printf')]);
  });

  test('refuses a call that the program still knows of, if it is not the one to continue', async () => {
    const { spec, asked } = await left();
    const first = await openSession(harness, {
      ...spec,
      continues: {
        toolCallId: asked.toolCallId!,
        answer: { outcome: 'allow' },
        waitingCallIds: [],
        finishedCallIds: [],
        onAsked: () => new Promise(() => {}),
      },
    });
    const reading = (async () => {
      for await (const event of first.unprompted[0]!) void event;
    })();
    await kill(first);
    await reading;
    const session = await openSession(harness, spec);
    const events: AgentEvent[] = [];
    const turnId = randomUUID();
    for await (const event of session.handle.prompt({ turnId, content: [{ type: 'text', text: 'stream 2 tokens' }] }))
      events.push(event);
    expect(events.filter(({ type }) => type === 'decision_requested')).toEqual([]);
    expect(readMarker()).toBe('');
    expect(events.at(-1)).toMatchObject({ type: 'turn_finished', outcome: 'completed' });
    await session.handle.close();
  });
});

test('DECIDE-15: a process that is being suspended takes no answer any more', async () => {
  const session = await openSession(harness, newSpec());
  const { asked, over } = await askIn(session, `run: printf x >> ${marker()}`);
  const suspended = session.handle.suspend!();
  expect(session.handle.resolve(asked.decisionId, { outcome: 'allow' })).toBe(false);
  expect(await suspended).toBe(true);
  await over;
  expect(readMarker()).toBe('');
});

describe('DECIDE-19: calls of one message', () => {
  /** A chat whose agent is killed while it waits. `asks`: how many of the calls it asks about at once. */
  async function waiting(text: string, asks: number) {
    const spec = newSpec();
    const session = await openSession(harness, spec);
    const calls: Asked[] = [];
    const ids: string[] = [];
    const over = (async () => {
      const content = [{ type: 'text' as const, text }];
      for await (const event of session.handle.prompt({ turnId: randomUUID(), content })) {
        if (event.type === 'tool_call') ids.push(event.toolCallId);
        if (event.type === 'decision_requested') calls.push(event);
      }
    })();
    await until(() => calls.length === asks && ids.length === 2, { what: 'the questions' });
    await kill(session);
    await over;
    const requests = harness.model.requests.length;
    /** The results that the model was given, with how often it was asked. */
    const told = () => {
      const later = harness.model.requests.slice(requests);
      const { messages } = later.at(-1)!.body as { messages: { content: unknown }[] };
      const blocks = messages.flatMap(({ content }) =>
        Array.isArray(content) ? (content as Record<string, unknown>[]) : [],
      );
      const results = blocks.filter(({ type }) => type === 'tool_result');
      return [later.length, ...ids.map((id) => results.find((each) => each['tool_use_id'] === id)?.['content'])];
    };
    return { spec, calls, ids, told, requests };
  }

  const reads = async () => {
    const files = ['one', 'two'].map((name) => join(harness.agent.configDir, '..', `${name}.txt`));
    for (const file of files) await writeFile(file, `secret of ${file}`);
    return files.map((file) => `call Read: ${JSON.stringify({ file_path: file })}`).join('\n');
  };

  test.each([
    [0, 1],
    [1, 0],
  ])(
    'are continued one after another, and the model is asked once, with all results (%i, %i)',
    async (first, second) => {
      const { spec, calls, ids, told, requests } = await waiting(await reads(), 2);
      const held = await continueWith(
        spec,
        calls[first]!,
        { outcome: 'allow' },
        {
          waitingCallIds: [ids[second]!],
        },
      );
      expect(resultOf(held.events, calls[first]!)).toMatchObject({ status: 'completed' });
      expect(held.end).toMatchObject({ outcome: 'completed' });
      expect(held.end.error).toBeUndefined();
      const notices = held.events.filter((event) => event.type === 'notice' && event.level !== 'info');
      expect(notices).toEqual([]);
      expect(harness.model.requests).toHaveLength(requests);
      await held.session.handle.close();

      const { session, events, end } = await continueWith(spec, calls[second]!, {
        outcome: 'deny',
        message: 'Not that.',
      });
      expect(resultOf(events, calls[second]!)).toMatchObject({ status: 'failed' });
      expect(end.outcome).toBe('completed');
      const [count, ...results] = told();
      expect([count, results[first], results[second]]).toEqual([1, expect.stringContaining('secret of'), 'Not that.']);
      await session.handle.close();
    },
  );

  test.each([false, true])(
    'that nobody continues get a result that says so, once (the log has one: %s)',
    async (isFinished) => {
      const commands = ['x', 'y'].map((letter) => ({ command: `printf ${letter} >> ${marker()}`, description: 'd' }));
      const text = commands.map((input) => `call Bash: ${JSON.stringify(input)}`).join('\n');
      const { spec, calls, ids, told } = await waiting(text, 1);
      const finishedCallIds = isFinished ? [ids[1]!] : [];
      const { session, events } = await continueWith(spec, calls[0]!, { outcome: 'allow' }, { finishedCallIds });
      expect(readMarker()).toBe('x');
      const ended = events.filter((event) => event.type === 'tool_call_update' && event.toolCallId === ids[1]);
      expect(ended).toMatchObject(isFinished ? [] : [{ status: 'failed' }]);
      expect(told()).toEqual([1, '(Bash completed with no output)', withoutResult]);
      expect(await harness.backend.canContinue({ ...spec, cwd: harness.cwd }, ids[1]!)).toBe(false);
      await session.handle.close();
    },
  );
});

test('a question that was interrupted ends with its process', async () => {
  const again = newSpec();
  const other = await openSession(harness, again);
  const asking = await askIn(other, `run: printf x >> ${marker()}`);
  await other.handle.interrupt();
  await asking.over;
  expect(asking.end()).toMatchObject({ outcome: 'interrupted' });
  expect(await harness.backend.canContinue({ ...again, cwd: harness.cwd }, asking.asked.toolCallId!)).toBe(false);
  await other.handle.close();
});
