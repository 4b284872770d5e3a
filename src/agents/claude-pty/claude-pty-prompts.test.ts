// What is typed for a prompt of the API, as the real program takes it and the model gets it.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { InMemorySessionStore } from '@anthropic-ai/claude-agent-sdk';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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

let harness: PtyHarness;
let session: OpenedSession;
beforeAll(async () => {
  harness = await openPtyHarness();
  session = await openSession(harness);
});
afterAll(() => harness.close());

/** The text of the last message that the model was given, without the program's own reminders. */
function received(): string {
  const bodies = harness.model.requests
    .map((request) => request.body as { messages?: { role: string; content: unknown }[]; tools?: unknown[] })
    .filter((body) => (body.tools?.length ?? 0) > 0);
  const users = bodies.at(-1)?.messages?.filter((message) => message.role === 'user') ?? [];
  const content = users.at(-1)?.content;
  const blocks = typeof content === 'string' ? [{ type: 'text', text: content }] : (content as { text?: string }[]);
  return blocks
    .map((block) => block.text ?? '')
    .filter((words) => !words.startsWith('<system-reminder>'))
    .join('\n');
}

describe('a prompt', () => {
  test.each([
    ['several lines', 'first line\n\n  indented\nlast line'],
    ['twenty lines', Array.from({ length: 20 }, (_, index) => `line number ${index}`).join('\n')],
    ['any script', 'Grüße, 漢字, عربى, हिन्दी, 👩‍👩‍👧 and 𝔘𝔫𝔦𝔠𝔬𝔡𝔢'],
    ['long lines', `begin ${'word '.repeat(2_000)}end`],
    ['a slash in front', '/cost'],
    ['an exclamation mark in front', '!touch was-run'],
    ['the word exit', 'exit'],
    ['an at sign', 'mail to someone@example.org about @nothing-here'],
    ['a backslash at its end', 'a path ends with \\'],
    ['quotes and dollars', '`$(touch was-run)` "$HOME" \'x\''],
  ])('PTY-1 PTY-2: with %s reaches the model as it was sent', async (_, prompt) => {
    const turn = await runTurn(harness.backend, session.chatId, prompt);
    expect(endOf(turn).outcome).toBe('completed');
    expect(
      received()
        .replace(/^\u2800/, '')
        .trim(),
    ).toBe(prompt.trim());
    expect(ofType(turn, 'user_message')).toEqual([]);
    expect(existsSync(join(harness.cwd, 'was-run'))).toBe(false);
  });

  test('PTY-2: an escape sequence in it is text', async () => {
    await runTurn(harness.backend, session.chatId, 'before\x1b[201~\x03\x1b after');
    expect(received()).toBe('before␛[201~␃␛ after');
  });

  test('PTY-1: of a megabyte reaches the model whole', async () => {
    const prompt = `first ${'0123456789abcdef'.repeat(65_536)} last`;
    const turn = await runTurn(harness.backend, session.chatId, prompt);
    expect(endOf(turn).outcome).toBe('completed');
    expect(received()).toContain(prompt);
  });

  test('the session is the same one still', async () => {
    expect(session.lost).toEqual([]);
    expect(textIn(await runTurn(harness.backend, session.chatId, 'stream 2 tokens')).trim()).toBe('t1 t2');
  });
});

describe('a turn', () => {
  test('PTY-3: its transcript is stored while it runs, sub-agents and all, without what the program keeps to itself', async () => {
    const store = new InMemorySessionStore();
    const { chatId, sessionId } = await openSession(harness, { sessionStore: store });
    const turn = runTurn(harness.backend, chatId, 'hold');
    const key = { projectKey: 'chat', sessionId };
    await until(async () => (await store.load(key))?.some((entry) => entry.type === 'user') ?? false);
    expect(harness.held()).toBe(1);
    harness.release();
    await turn;
    await runTurn(harness.backend, chatId, 'use a sub-agent: stream 3 tokens');
    await until(() => !harness.backend.isBusy(chatId), { timeoutMs: 15_000 });
    await harness.backend.closeSession(chatId);
    const entries = (await store.load(key)) ?? [];
    expect(entries.filter((entry) => entry.type === 'assistant').length).toBeGreaterThan(2);
    expect(entries.some((entry) => entry.type.startsWith('api-request'))).toBe(false);
    expect(entries.at(-1)?.type).toBe('cost-state');
    const [subpath] = await store.listSubkeys!(key);
    const sub = await store.load({ ...key, subpath: subpath! });
    expect(sub?.some((entry) => entry.type === 'assistant')).toBe(true);
  });

  test('TURN-4: tells what it cost; what is known only at the end is told then', async () => {
    const costs: number[] = [];
    const { chatId, sessionId, sessionStore } = await openSession(harness, {
      onCost: (cost) => Promise.resolve(void costs.push(cost.costUsd)),
    });
    const ends = [];
    for (const prompt of ['stream 3 tokens', 'stream 4 tokens']) {
      ends.push(endOf(await runTurn(harness.backend, chatId, prompt)));
    }
    for (const end of ends) {
      expect(end.costUsd).toBeGreaterThan(0);
      expect(end.usage.outputTokens).toBeGreaterThan(0);
      const parts = Object.values(end.models).reduce((sum, model) => sum + model.costUsd, 0);
      expect(parts).toBeCloseTo(end.costUsd, 9);
    }
    await harness.backend.closeSession(chatId);
    const totals = (await sessionStore.load({ projectKey: 'chat', sessionId }))?.findLast(
      (entry) => entry.type === 'cost-state',
    );
    const told = [...ends.map((end) => end.costUsd), ...costs].reduce((sum, cost) => sum + cost, 0);
    expect(told).toBeCloseTo(totals!['totalCostUSD'] as number, 9);
  });

  test('TURN-5: that the model API fails ends with a code and a sentence, and the next one runs', async () => {
    const { chatId } = await openSession(harness);
    const failed = endOf(await runTurn(harness.backend, chatId, 'fail 400'));
    expect(failed).toMatchObject({ outcome: 'failed', error: { code: 'model_error' } });
    expect(failed.error?.message).toContain('This request is not valid');
    expect(endOf(await runTurn(harness.backend, chatId, 'stream 2 tokens')).outcome).toBe('completed');
    await harness.backend.closeSession(chatId);
  });

  test('TURN-5 PTY-6: whose program is killed ends with its cause; its tools are ended; the session goes on', async () => {
    const store = new InMemorySessionStore();
    const killed = await openSession(harness, { sessionStore: store });
    await runTurn(harness.backend, killed.chatId, 'stream 3 tokens');
    const own = `BOOCODE_SESSION=${killed.sessionId}`;
    const ofSession = () => harness.leftovers(killed.chatId).filter((each) => each.environ.includes(own));
    const turn = runTurn(harness.backend, killed.chatId, 'run: touch begun; sleep 600', {
      answer: () => ({ outcome: 'allow' }),
    });
    await until(() => existsSync(join(harness.cwd, 'begun')), { timeoutMs: 10_000 });
    const [program] = ofSession().filter((each) => each.command.includes('--session-id'));
    process.kill(program!.pid, 'SIGKILL');
    const end = endOf(await turn);
    expect(end).toMatchObject({ outcome: 'failed', error: { code: 'agent_failed' } });
    expect(end.error?.message).toContain('signal 9');
    await until(() => killed.lost.length === 1);
    expect(ofSession()).toEqual([]);
    const again = await openSession(harness, { sessionStore: store, sessionId: killed.sessionId });
    expect(textIn(await runTurn(harness.backend, again.chatId, 'what did I say'))).toContain('stream 3 tokens');
    await harness.backend.closeSession(again.chatId);
  });

  test('AGENT-3: work in the background keeps the session busy, and its end begins a turn', async () => {
    const session = await openSession(harness);
    const turn = await runTurn(harness.backend, session.chatId, 'start a background task: sleep 1; echo done', {
      answer: () => ({ outcome: 'allow' }),
    });
    expect(ofType(turn, 'background_tasks')[0]?.tasks).toMatchObject([{ kind: 'local_bash' }]);
    expect(harness.backend.isBusy(session.chatId)).toBe(true);
    await until(() => session.unprompted.length === 1, { timeoutMs: 15_000 });
    const events = [];
    for await (const event of session.unprompted[0]!) events.push(event);
    expect(textIn(events)).toContain('background task reports');
    expect(endOf(events).outcome).toBe('completed');
    expect(ofType([...events, ...session.between], 'background_tasks').at(-1)?.tasks).toEqual([]);
    await until(() => !harness.backend.isBusy(session.chatId));
    await harness.backend.closeSession(session.chatId);
  });
});

test('AGENT-3: work in the background that ends in the middle of a turn keeps the session busy no longer', async () => {
  const { chatId } = await openSession(harness);
  const answer = () => ({ outcome: 'allow' as const });
  const [go, on] = ['go', 'on'].map((name) => join(harness.cwd, name));
  await runTurn(harness.backend, chatId, `start a background task: until [ -e ${go} ]; do env sleep 0.1; done`, {
    answer,
  });
  expect(harness.backend.isBusy(chatId)).toBe(true);
  const turn = await runTurn(harness.backend, chatId, `run: touch ${go}; until [ -e ${on} ]; do env sleep 0.1; done`, {
    answer,
    onEvent(event) {
      if (event.type === 'background_tasks' && event.tasks.length === 0) writeFileSync(on!, '');
    },
  });
  expect(endOf(turn).outcome).toBe('completed');
  // The program says that it rests a little after its last line.
  await until(() => !harness.backend.isBusy(chatId));
  await harness.backend.closeSession(chatId);
});
