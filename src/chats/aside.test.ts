// Side questions that a copy of the session answers, on a host with a scripted backend.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type ChatsHost, openChatsHost } from '../../test/support/chats-host.ts';
import { createGate, type Gate } from '../../test/support/gate.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { finished, ScriptedBackend } from '../../test/support/scripted-backend.ts';
import { until } from '../../test/support/until.ts';
import type { AsideSpec } from '../agents/agent-backend.ts';
import { noUsage } from '../protocol/usage.ts';

class AnsweringBackend extends ScriptedBackend {
  readonly asked: AsideSpec[] = [];
  gate: Gate | undefined;

  async answerAside(spec: AsideSpec, signal: AbortSignal): Promise<string> {
    this.asked.push(spec);
    const withdrawn = new Promise<never>((_, reject) =>
      signal.addEventListener('abort', () => reject(new Error('withdrawn')), { once: true }),
    );
    try {
      await Promise.race([this.gate?.pass(), withdrawn]);
    } finally {
      await spec.onCost({ costUsd: 0.5, models: { demo: { ...noUsage, outputTokens: 7, costUsd: 0.5 } } });
    }
    return `About ${spec.question}`;
  }
}

const never = { signal: new AbortController().signal };
const idleTimeoutMs = 3_000;
let database: TestDatabase;
let here: ChatsHost;
let backend: AnsweringBackend;
let clock: ManualClock;
beforeAll(async () => void (database = await createTestDatabase()));
afterAll(() => database.drop());
beforeEach(async () => {
  clock = new ManualClock();
  backend = new AnsweringBackend();
  backend.script = async function* () {
    yield finished();
  };
  here = await openChatsHost(database.url, { backend, clock, idleTimeoutMs });
});
afterEach(() => here.close());

test('ASIDE-5: an engine that answers none says so', async () => {
  const plain = await openChatsHost(database.url);
  const { id } = await plain.createChat();
  await expect(plain.chats.askAside(id, 'why?', never)).rejects.toMatchObject({
    code: 'aside_unavailable',
    details: { backend: 'claude_sdk' },
  });
  await plain.close();
});

test('ASIDE-9: what it costs is counted at once, and apart from the agent’s own count', async () => {
  const { id } = await here.createChat();
  await here.chats.submitPrompt(id, { content: 'go' });
  await here.events(id, 'turn_finished');
  const counted = async () =>
    (await here.sql`select counted_usage from boocode.agent_sessions where chat_id = ${id}`)[0]!['counted_usage'];
  const [before, { costUsd }] = [await counted(), await here.chats.getChat(id)];
  expect(await here.chats.askAside(id, 'why?', never)).toBe('About why?');
  const [notice] = await here.events(id, 'notice');
  expect(notice).toMatchObject({ code: 'session_cost', message: 'A side question cost $0.5000.' });
  expect(JSON.stringify(await here.log(id))).not.toContain('why?');
  expect((await here.chats.getChat(id)).costUsd).toBeCloseTo(costUsd + 0.5, 9);
  expect(await counted()).toEqual(before);
});

test('ASIDE-10: questions of a chat are answered one at a time, and the chat is kept until then', async () => {
  const { id } = await here.createChat();
  const gate = (backend.gate = createGate());
  const first = here.chats.askAside(id, 'one', never);
  await gate.reached;
  const second = here.chats.askAside(id, 'two', never);
  clock.advance(2 * idleTimeoutMs);
  expect(here.host.find(id)?.state).toBe('cold');
  expect(backend.asked.map(({ question }) => question)).toEqual(['one']);
  gate.open();
  backend.gate = undefined;
  expect(await Promise.all([first, second])).toEqual(['About one', 'About two']);
  await until(() => clock.nextMs !== undefined);
  await until(() => {
    clock.advance(idleTimeoutMs);
    return here.host.find(id) === undefined;
  });
});

test('ASIDE-10: its process waits for a place, and takes one while it starts', async () => {
  const limits = { startsAtOnce: 1, agentBytes: 1, reserveBytes: null };
  const narrow = await openChatsHost(database.url, { backend, startLimits: limits });
  const [one, other] = [await narrow.createChat(), await narrow.createChat()];
  const gate = (backend.gate = createGate());
  const first = narrow.chats.askAside(one.id, 'one', never);
  await gate.reached;
  const ask = (question: string) => {
    const abort = new AbortController();
    const answer = narrow.chats.askAside(other.id, question, { signal: abort.signal });
    return { answer, withdraw: () => abort.abort(new Error('withdrawn')) };
  };
  const waiting = ask('withdrawn');
  await until(() => narrow.host.admission.waitingCount === 1);
  waiting.withdraw();
  await expect(waiting.answer).rejects.toThrow('withdrawn');
  const second = ask('two');
  await until(() => narrow.host.admission.waitingCount === 1);
  // It does not wait for the one before it.
  const behind = ask('withdrawn');
  behind.withdraw();
  await expect(behind.answer).rejects.toThrow('withdrawn');
  expect(backend.asked.map(({ question }) => question)).toEqual(['one']);
  // The first one's request has left.
  backend.asked[0]!.onRequest();
  await until(() => backend.asked.length === 2);
  gate.open();
  expect(await Promise.all([first, second.answer])).toEqual(['About one', 'About two']);
  await narrow.close();
});

test('ASIDE-10: it ends with the host, which counts it', async () => {
  const other = await openChatsHost(database.url, { backend });
  const { id } = await other.createChat();
  const gate = (backend.gate = createGate());
  const asked = other.chats.askAside(id, 'why?', never);
  asked.catch(() => undefined);
  await gate.reached;
  await other.close();
  await expect(asked).rejects.toMatchObject({ code: 'shutting_down' });
  expect((await here.chats.getChat(id)).costUsd).toBe(0.5);
});
