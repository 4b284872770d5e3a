/**
 * What every AgentBackend does, whatever runs behind it. The agent understands five phrases: `stream N tokens`; `hold`,
 * which says a piece and waits until `release()`; `run: COMMAND`, which asks and then runs it; `what did I say`, which
 * repeats every text of this session; and `who are you`, which names the model.
 */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { InMemorySessionStore, type SessionStore } from '@anthropic-ai/claude-agent-sdk';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type {
  AgentBackend,
  AgentEvent,
  AgentEventOf,
  AgentSession,
  AgentSessionSpec,
  AnswerCheck,
  DecisionAnswer,
} from '../../src/agents/agent-backend.ts';
import { type BooError, toBooError } from '../../src/protocol/error.ts';
import { until } from '../support/until.ts';

export interface BackendHarness {
  backend: AgentBackend;
  /** A directory for the agent to work in, by its real path. */
  cwd: string;
  /** How many replies are held. */
  held(): number;
  release(): void;
  /** The sessions or processes that still exist for the chat. */
  leftovers(chatId: string): unknown[];
  close(): Promise<void>;
}

export interface OpenedSession extends AgentSessionSpec {
  readonly handle: AgentSession;
  readonly unprompted: AsyncIterable<AgentEvent>[];
  readonly between: AgentEvent[];
  readonly lost: BooError[];
}

/** Opens a session and records what it reports outside turns. */
export async function openSession(
  { backend, cwd }: Pick<BackendHarness, 'backend' | 'cwd'>,
  spec: Partial<AgentSessionSpec> = {},
  signal?: AbortSignal,
): Promise<OpenedSession> {
  const unprompted: OpenedSession['unprompted'] = [];
  const between: AgentEvent[] = [];
  const lost: BooError[] = [];
  const whole = {
    chatId: randomUUID(),
    sessionId: randomUUID(),
    cwd,
    agentDirectory: null,
    model: null,
    effort: null,
    permissionMode: 'default' as const,
    trusted: false,
    acceptsAgentMessages: false,
    sessionStore: new InMemorySessionStore() as SessionStore,
    onUnprompted: (events: AsyncIterable<AgentEvent>) => void unprompted.push(events),
    onEvent: (event: AgentEvent) => void between.push(event),
    onCost: () => Promise.resolve(),
    onLost: (cause: BooError) => void lost.push(cause),
    ...spec,
  };
  const handle = await backend.openSession(whole, signal);
  return { ...whole, handle, unprompted, between, lost };
}

export interface TurnOptions {
  /** Answers what the agent asks; undefined leaves it waiting. */
  answer?: (asked: AgentEventOf<'decision_requested'>) => DecisionAnswer | undefined;
  /** Called with every event as it arrives. */
  onEvent?: (event: AgentEvent) => void;
  turnId?: string;
}

/** One turn, to the end of its stream. */
export async function runTurn(
  session: Pick<OpenedSession, 'handle'>,
  text: string,
  options: TurnOptions = {},
): Promise<AgentEvent[]> {
  const { turnId = randomUUID() } = options;
  return readTurn(session, session.handle.prompt({ turnId, content: [{ type: 'text', text }] }), options);
}

export async function readTurn(
  { handle }: Pick<OpenedSession, 'handle'>,
  stream: AsyncIterable<AgentEvent>,
  { answer, onEvent }: TurnOptions = {},
): Promise<AgentEvent[]> {
  const events: AgentEvent[] = [];
  for await (const event of stream) {
    events.push(event);
    onEvent?.(event);
    const given = event.type === 'decision_requested' ? answer?.(event) : undefined;
    if (event.type === 'decision_requested' && given) {
      expect(handle.resolve(event.decisionId, given)).toBe(true);
    }
  }
  return events;
}

export function ofType<T extends AgentEvent['type']>(events: readonly AgentEvent[], type: T): AgentEventOf<T>[] {
  return events.filter((event): event is AgentEventOf<T> => event.type === type);
}

/** What the agent said, without its sub-agents. */
export function textIn(events: readonly AgentEvent[]): string {
  return ofType(events, 'agent_message')
    .filter((event) => event.parentToolCallId === undefined)
    .flatMap((event) => event.content.map((block) => (block.type === 'text' ? block.text : '')))
    .join('\n');
}

/** The turn's only end, which is its last event. */
export function endOf(events: readonly AgentEvent[]): AgentEventOf<'turn_finished'> {
  const ends = ofType(events, 'turn_finished');
  expect(ends).toHaveLength(1);
  expect(events.at(-1)).toBe(ends[0]);
  return ends[0]!;
}

export function describeAgentBackend(name: string, open: () => Promise<BackendHarness>): void {
  describe(`the contract of a backend: ${name}`, () => {
    let harness: BackendHarness;
    let backend: AgentBackend;

    beforeAll(async () => {
      harness = await open();
      backend = harness.backend;
    });
    afterAll(() => harness.close());

    test('a turn reports the session first, previews before the message, and its one end last; the next turn runs on the same session', async () => {
      const session = await openSession(harness);
      const { sessionId } = session;
      const first = await runTurn(session, 'stream 5 tokens');
      expect(first[0]).toMatchObject({ type: 'session_started', sessionId, backend: backend.name });
      expect(endOf(first)).toMatchObject({ outcome: 'completed' });
      expect(textIn(first)).toMatch(/^t1 t2 t3 t4 t5/);
      const previews = ofType(first, 'agent_message_chunk');
      // A backend without deltas sends none.
      expect(previews.map((event) => event.content.text).join('')).toBe(
        backend.capabilities.deltas ? textIn(first) : '',
      );
      const message = first.findIndex((event) => event.type === 'agent_message');
      expect(message).toBeGreaterThan(first.findLastIndex((event) => event.type === 'agent_message_chunk'));

      const second = await runTurn(session, 'what did I say');
      expect(ofType(second, 'session_started')).toEqual([]);
      expect(endOf(second).outcome).toBe('completed');
      expect(textIn(second)).toContain('stream 5 tokens');
      expect(session.handle.isBusy).toBe(false);
      await session.handle.close();
    });

    test('DECIDE-3: a tool call comes before its question, and its update after the answer: allowed, denied or edited', async () => {
      const session = await openSession(harness);
      const path = join(harness.cwd, randomUUID());
      const asked: AgentEventOf<'decision_requested'>[] = [];
      const answers: DecisionAnswer[] = [
        { outcome: 'allow' },
        { outcome: 'deny', message: 'Not this one.' },
        { outcome: 'allow', input: { command: `touch ${path}-edited` } },
      ];
      const turns: AgentEvent[][] = [];
      const checks: Promise<AnswerCheck>[] = [];
      for (const answer of answers) {
        const command = `touch ${path}-${turns.length}`;
        turns.push(
          await runTurn(session, `run: ${command}`, {
            answer(question) {
              asked.push(question);
              checks.push(session.handle.checkAnswer(question.decisionId, answer));
              expect(question.input).toMatchObject({ command });
              expect(existsSync(`${path}-${turns.length}`)).toBe(false);
              return answer;
            },
          }),
        );
      }
      expect(asked).toHaveLength(3);
      expect(await Promise.all(checks)).toEqual(['fine', 'fine', 'fine']);
      for (const decisionId of [asked[0]!.decisionId, randomUUID()]) {
        expect(await session.handle.checkAnswer(decisionId, { outcome: 'allow' })).toBe('settled');
      }
      for (const turn of turns) {
        const types = turn.map((event) => event.type);
        const question = types.indexOf('decision_requested');
        expect(types.indexOf('tool_call')).toBeLessThan(question);
        expect(types.indexOf('tool_call_update')).toBeGreaterThan(question);
        expect(ofType(turn, 'tool_call_update')[0]?.toolCallId).toBe(ofType(turn, 'tool_call')[0]?.toolCallId);
        expect(endOf(turn).outcome).toBe('completed');
      }
      const made = [`${path}-0`, `${path}-1`, `${path}-2`, `${path}-edited`].map((file) => existsSync(file));
      expect(made).toEqual([true, false, false, true]);
      expect(turns.map((turn) => ofType(turn, 'tool_call_update')[0]?.status)).toEqual([
        'completed',
        'failed',
        'completed',
      ]);
      expect(JSON.stringify(ofType(turns[1]!, 'tool_call_update')[0])).toContain('Not this one.');
      expect(session.handle.resolve(asked[0]!.decisionId, { outcome: 'allow' })).toBe(false);
      expect(session.handle.resolve(randomUUID(), { outcome: 'allow' })).toBe(false);
      await session.handle.close();
    });

    test('TURN-3: an interrupt ends a turn that streams, and the next turn runs', async () => {
      const session = await openSession(harness);
      const turn = runTurn(session, 'hold');
      await until(() => harness.held() > 0);
      await session.handle.interrupt();
      expect(endOf(await turn).outcome).toBe('interrupted');
      await session.handle.interrupt(); // No turn runs: nothing happens.
      const next = await runTurn(session, 'stream 2 tokens');
      expect(endOf(next).outcome).toBe('completed');
      harness.release();
      await session.handle.close();
    });

    test('TURN-3: an interrupt right after the prompt ends that turn too', async () => {
      const session = await openSession(harness);
      const turn = runTurn(session, 'hold');
      await session.handle.interrupt();
      expect(endOf(await turn).outcome).toBe('interrupted');
      expect(endOf(await runTurn(session, 'stream 2 tokens')).outcome).toBe('completed');
      harness.release();
      await session.handle.close();
    });

    test('DECIDE-4: an interrupt cancels the open question, and a late answer has no effect', async () => {
      const session = await openSession(harness);
      const path = join(harness.cwd, randomUUID());
      let asked: string | undefined;
      const turn = runTurn(session, `run: touch ${path}`, {
        answer(question) {
          asked = question.decisionId;
          void session.handle.interrupt();
          return undefined;
        },
      });
      const events = await turn;
      expect(endOf(events).outcome).toBe('interrupted');
      expect(ofType(events, 'decision_resolved')).toMatchObject([{ decisionId: asked, outcome: 'cancelled' }]);
      expect(session.handle.resolve(asked!, { outcome: 'allow' })).toBe(false);
      expect(endOf(await runTurn(session, 'stream 2 tokens')).outcome).toBe('completed');
      expect(existsSync(path)).toBe(false);
      await session.handle.close();
    });

    test('a new model applies to the next turn, and a new permission mode immediately', async () => {
      const session = await openSession(harness, { model: 'claude-haiku-4-5' });
      expect(textIn(await runTurn(session, 'who are you'))).toContain('haiku');
      await session.handle.setModel('claude-sonnet-4-5');
      expect(textIn(await runTurn(session, 'who are you'))).toContain('sonnet');
      expect(await session.handle.setPermissionMode('dontAsk')).toBe('dontAsk');
      const refused = await runTurn(session, 'run: touch never');
      expect(ofType(refused, 'decision_requested')).toEqual([]);
      expect(ofType(refused, 'tool_call_update')).toMatchObject([{ status: 'failed' }]);
      await session.handle.setPermissionMode('default');
      const asking = await runTurn(session, 'run: touch never', { answer: () => ({ outcome: 'deny' }) });
      expect(ofType(asking, 'decision_requested')).toHaveLength(1);
      await session.handle.close();
    });

    test('AGENT-2: a session reopened under its id continues where it was', async () => {
      const store = new InMemorySessionStore();
      const before = await openSession(harness, { sessionStore: store });
      await runTurn(before, 'stream 3 tokens');
      await before.handle.close();
      const after = await openSession(harness, { sessionStore: store, sessionId: before.sessionId });
      const turn = await runTurn(after, 'what did I say');
      expect(turn[0]).toMatchObject({ type: 'session_started', sessionId: before.sessionId });
      expect(textIn(turn)).toContain('stream 3 tokens');
      await after.handle.close();
    });

    test('a session can be closed any number of times, and accepts no prompt after that', async () => {
      const session = await openSession(harness);
      await Promise.all([session.handle.close(), session.handle.close()]);
      await session.handle.close();
      expect(harness.leftovers(session.chatId)).toEqual([]);
      await expect(runTurn(session, 'stream 2 tokens')).rejects.toMatchObject({ code: 'agent_failed' });
      expect(session.handle.resolve(randomUUID(), { outcome: 'allow' })).toBe(false);
      await session.handle.interrupt();
      expect(session.handle.isBusy).toBe(false);
      expect(session.lost).toEqual([]);
      const { chatId, sessionId, sessionStore } = session;
      const again = await openSession(harness, { chatId, sessionId, sessionStore });
      expect(endOf(await runTurn(again, 'stream 2 tokens')).outcome).toBe('completed');
      await again.handle.close();
    });

    test.each(['before', 'while'])('a session that is aborted %s it opens leaves nothing behind', async (when) => {
      const chatId = randomUUID();
      const abort = new AbortController();
      const sessionStore = new InMemorySessionStore();
      const load = sessionStore.load.bind(sessionStore);
      sessionStore.load = (key) => {
        abort.abort();
        return load(key);
      };
      if (when === 'before') abort.abort();
      const opening = openSession(harness, { chatId, sessionStore }, abort.signal).catch(
        (error: unknown) => toBooError(error).code,
      );
      expect(await opening).toBe('agent_failed');
      // Already now, because the next session of the chat must find no other.
      expect(harness.leftovers(chatId)).toEqual([]);
      const session = await openSession(harness, { chatId });
      await session.handle.close();
      expect(harness.leftovers(chatId)).toEqual([]);
    });

    test('one turn at a time: a second prompt is refused, and the first continues', async () => {
      const session = await openSession(harness);
      const first = runTurn(session, 'hold');
      await until(() => harness.held() > 0);
      expect(session.handle.isBusy).toBe(true);
      await expect(runTurn(session, 'stream 2 tokens')).rejects.toMatchObject({ code: 'chat_busy' });
      harness.release();
      expect(endOf(await first).outcome).toBe('completed');
      await session.handle.close();
    });

    test('dispose ends every session, running turns included', async () => {
      const other = await open();
      try {
        const idle = await openSession(other);
        const busy = await openSession(other);
        const turn = runTurn(busy, 'hold');
        await until(() => other.held() > 0);
        await other.backend.dispose();
        expect(endOf(await turn).outcome).toBe('interrupted');
        for (const { chatId } of [idle, busy]) expect(other.leftovers(chatId)).toEqual([]);
        expect([...idle.lost, ...busy.lost]).toEqual([]);
        await other.backend.dispose();
      } finally {
        await other.close();
      }
    });
  });
}
