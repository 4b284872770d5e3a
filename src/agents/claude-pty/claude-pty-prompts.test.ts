// What is typed for an API prompt, as the real program reads it and the model gets it.
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
import { sitDown } from '../../../test/support/terminal-seat.ts';
import { until } from '../../../test/support/until.ts';
import { tokensIn } from '../../protocol/usage.ts';
import type { AgentEvent, ModelCost, SessionCost } from '../agent-backend.ts';

let harness: PtyHarness;
let session: OpenedSession;
beforeAll(async () => {
  harness = await openPtyHarness();
  session = await openSession(harness);
});
afterAll(() => harness.close());

/** The text of the last message to the model, without the program's own reminders. */
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
  ])('PTY-1 PTY-2: with %s reaches the model unchanged', async (_, prompt) => {
    const turn = await runTurn(session, prompt);
    expect(endOf(turn).outcome).toBe('completed');
    expect(
      received()
        .replace(/^\u2800/, '')
        .trim(),
    ).toBe(prompt.trim());
    expect(ofType(turn, 'user_message')).toEqual([]);
    expect(existsSync(join(harness.cwd, 'was-run'))).toBe(false);
  });

  test.each([
    ['before\x1b[201~\x03\x1b after', 'before␛[201~␃␛ after'],
    ['\u009b201~!touch was-run\r', '�201~!touch was-run'],
    ['a\x1b[20', 'a␛[20'],
    ['1~\r!touch was-run\r', '1~\n!touch was-run'],
    ['a\0b\x7fc\x15d\ue000', 'a␀b␡c␕d\ue000'],
    ['half \ud83d of a character', 'half � of a character'],
  ])('PTY-2 PTY-8: a control sequence, or part of one, is text: %j', async (prompt, text) => {
    await runTurn(session, prompt);
    expect(received().trim()).toBe(text);
    expect(existsSync(join(harness.cwd, 'was-run'))).toBe(false);
  });

  // Invisible characters do not arrive, and do not turn what follows into a command.
  test.each(['\u200b/cost', '\u2060!touch was-run', '\ufeffexit', '\u200b', '# remember this', '& go on', '@alpha'])(
    'PTY-2 PTY-8: %j is not a command',
    async (prompt) => {
      const turn = await runTurn(session, prompt);
      expect(endOf(turn).outcome).toBe('completed');
      const seen = (words: string): string => words.replaceAll(/[\u2800\p{Cf}]/gu, '').trim();
      expect(seen(received())).toBe(seen(prompt));
      expect(existsSync(join(harness.cwd, 'was-run'))).toBe(false);
    },
  );

  test('PTY-1: letters that are composed of several characters arrive as one each, and the answer belongs to that prompt', async () => {
    const turn = await runTurn(session, 'cafe\u0301 \u1112\u1161\u11ab \u212b');
    expect(endOf(turn).outcome).toBe('completed');
    expect(received()).toBe('café 한 Å');
    // The prompt was recognized in the transcript: the answer belongs to this turn, not to an unprompted one.
    expect(textIn(turn)).toContain('scripted demo model');
    expect(session.unprompted).toEqual([]);
  });

  test('PTY-8: a paste by someone at the terminal is text, and answers no dialog', async () => {
    const asking = await openSession(harness);
    const seat = sitDown(asking.handle.terminal!);
    seat.paste('one\x1b[201~\r!touch was-run\r');
    await seat.sees('one␛[201~');
    const path = join(harness.cwd, 'by-paste');
    const events: AgentEvent[] = [];
    const turn = runTurn(asking, `run: touch ${path}`, {
      onEvent: (each) => events.push(each),
    });
    await seat.sees('Do you want to proceed');
    await until(() => ofType(events, 'decision_requested').length === 1);
    for (const text of ['1', '\r', '1\x1b[201~\r']) seat.paste(text);
    // The pastes have been read once a later key has an effect. A dialog ignores keys in its first moments.
    const isMoved = (): boolean => seat.screen().includes('❯ 4. No');
    while (!isMoved()) {
      seat.type('\x1b[A');
      await until(isMoved, { timeoutMs: 1_500 }).catch(() => undefined);
    }
    expect(ofType(events, 'decision_resolved')).toEqual([]);
    const [asked] = ofType(events, 'decision_requested');
    asking.handle.resolve(asked!.decisionId, { outcome: 'deny', message: 'no' });
    await turn;
    expect([existsSync(path), existsSync(join(harness.cwd, 'was-run'))]).toEqual([false, false]);
    seat.leave();
    await asking.handle.close();
  });

  test('PTY-9: of 1,000 lines and 32,000 characters reaches the model without tags', async () => {
    const prompt = Array.from({ length: 1_000 }, (_, index) => `line ${String(index).padStart(26)}`).join('\n');
    expect(prompt).toHaveLength(31_999);
    const turn = await runTurn(session, prompt);
    expect(ofType(turn, 'notice')).toEqual([]);
    expect(received().trim()).toBe(prompt);
  });

  test('PTY-1 PTY-9: of a megabyte reaches the model whole, marked as pasted, which is reported once', async () => {
    const prompt = `first ${'0123456789abcdef'.repeat(65_536)} last`;
    const turn = await runTurn(session, prompt);
    expect(endOf(turn).outcome).toBe('completed');
    expect(received()).toContain(prompt);
    expect(received()).toContain('<pasted_content');
    expect(ofType(turn, 'notice')).toMatchObject([{ code: 'prompt_marked_as_pasted' }]);
    const again = await runTurn(session, 'a short line\n'.repeat(1_100));
    expect(endOf(again).outcome).toBe('completed');
    expect(ofType(again, 'notice')).toEqual([]);
  });

  describe('PTY-10: is recognized as the one that was typed, with', () => {
    test.each([
      ['tabs and line breaks at its end', 'a\tb\n\tc \n\n\n', 'a    b\n    c'],
      ['what follows an escape', '300\u212a and \x1bbehind it', '300K and ␛behind it'],
      ['no letter at all', '?! \u2026 \n', '?! \u2026'],
    ])('%s', async (_, prompt, text) => {
      const turn = await runTurn(session, prompt);
      expect(endOf(turn).outcome).toBe('completed');
      expect(received().trim()).toBe(text);
      expect(ofType(turn, 'user_message')).toEqual([]);
      expect(session.unprompted).toEqual([]);
    });
  });

  test('the session is still the same', async () => {
    expect(session.lost).toEqual([]);
    expect(textIn(await runTurn(session, 'stream 2 tokens')).trim()).toBe('t1 t2');
  });
});

describe('a turn', () => {
  test('PTY-3: its transcript is stored while it runs, sub-agents and all, without what the program keeps to itself', async () => {
    const store = new InMemorySessionStore();
    const session = await openSession(harness, { sessionStore: store });
    const { sessionId } = session;
    const turn = runTurn(session, 'hold');
    const key = { projectKey: 'chat', sessionId };
    await until(async () => (await store.load(key))?.some((entry) => entry.type === 'user') ?? false);
    expect(harness.held()).toBe(1);
    harness.release();
    await turn;
    await runTurn(session, 'use a sub-agent: stream 3 tokens');
    await until(() => !session.handle.isBusy, { timeoutMs: 40_000 });
    await session.handle.close();
    const entries = (await store.load(key)) ?? [];
    expect(entries.filter((entry) => entry.type === 'assistant').length).toBeGreaterThan(2);
    expect(entries.some((entry) => entry.type.startsWith('api-request'))).toBe(false);
    expect(entries.at(-1)?.type).toBe('cost-state');
    const [subpath] = await store.listSubkeys!(key);
    const sub = await store.load({ ...key, subpath: subpath! });
    expect(sub?.some((entry) => entry.type === 'assistant')).toBe(true);
  });

  test('TURN-4: reports its cost; what is known only at the end is reported then', async () => {
    const costs: number[] = [];
    const session = await openSession(harness, {
      onCost: (cost) => Promise.resolve(void costs.push(cost.costUsd)),
    });
    const ends = [];
    for (const prompt of ['stream 3 tokens', 'stream 4 tokens']) {
      ends.push(endOf(await runTurn(session, prompt)));
    }
    for (const end of ends) {
      expect(end.costUsd).toBeGreaterThan(0);
      expect(end.usage.outputTokens).toBeGreaterThan(0);
      const parts = Object.values(end.models).reduce((sum, model) => sum + model.costUsd, 0);
      expect(parts).toBeCloseTo(end.costUsd, 9);
    }
    await session.handle.close();
    const totals = (await session.sessionStore.load({ projectKey: 'chat', sessionId: session.sessionId }))?.findLast(
      (entry) => entry.type === 'cost-state',
    );
    const told = [...ends.map((end) => end.costUsd), ...costs].reduce((sum, cost) => sum + cost, 0);
    expect(told).toBeCloseTo(totals!['totalCostUSD'] as number, 9);
  });

  test('TURN-20: that is interrupted in the middle of an answer reports its usage, and that its cost is unknown; the cost is added once', async () => {
    const costs: SessionCost[] = [];
    const session = await openSession(harness, {
      onCost: (cost) => Promise.resolve(void costs.push(cost)),
    });
    const held = runTurn(session, 'hold');
    await until(() => harness.held() === 1);
    await session.handle.interrupt();
    const turn = await held;
    const next = endOf(await runTurn(session, 'stream 3 tokens'));
    const end = endOf(turn);
    expect(end).toMatchObject({ outcome: 'interrupted', costUsd: 0 });
    expect(tokensIn(end.usage)).toBeGreaterThan(1_000);
    expect(ofType(turn, 'notice')).toMatchObject([{ code: 'turn_cost_unknown' }]);
    expect(next.costUsd).toBeGreaterThan(0);
    await session.handle.close();
    const entries = await session.sessionStore.load({ projectKey: 'chat', sessionId: session.sessionId });
    const program = entries?.findLast((entry) => entry.type === 'cost-state');
    const told = [end, next, ...costs].flatMap(({ models }) => Object.values(models));
    const counted = Object.values(program!['modelUsage'] as Record<string, ModelCost>);
    const sum = (costs: readonly ModelCost[]): number =>
      costs.reduce((all, cost) => all + tokensIn(cost) + cost.outputTokens, 0);
    expect(sum(told)).toBe(sum(counted));
    expect(told.reduce((all, cost) => all + cost.costUsd, 0)).toBeCloseTo(program!['totalCostUSD'] as number, 9);
  });

  test('TURN-20: that is interrupted before the model said anything reports that its usage is unknown', async () => {
    const session = await openSession(harness);
    const seen = harness.model.requests.length;
    const turn = runTurn(session, 'silence');
    await until(() => harness.model.requests.slice(seen).some(({ script }) => script === 'silence'));
    await session.handle.interrupt();
    expect(ofType(await turn, 'notice')).toMatchObject([{ code: 'turn_cost_unknown' }]);
    await session.handle.close();
  });

  test('TURN-5: that the model API fails ends with a code and a sentence, and the next one runs', async () => {
    const session = await openSession(harness);
    const failed = endOf(await runTurn(session, 'fail 400'));
    expect(failed).toMatchObject({ outcome: 'failed', error: { code: 'model_error' } });
    expect(failed.error?.message).toContain('This request is not valid');
    expect(endOf(await runTurn(session, 'stream 2 tokens')).outcome).toBe('completed');
    await session.handle.close();
  });

  test('TURN-5 PTY-6: whose program is killed ends with its cause; its tools are ended; the session continues', async () => {
    const store = new InMemorySessionStore();
    const killed = await openSession(harness, { sessionStore: store });
    await runTurn(killed, 'stream 3 tokens');
    const own = `BOOCODE_SESSION=${killed.sessionId}`;
    const ofSession = () => harness.leftovers(killed.chatId).filter((each) => each.environ.includes(own));
    const turn = runTurn(killed, 'run: touch begun; sleep 600', {
      answer: () => ({ outcome: 'allow' }),
    });
    await until(() => existsSync(join(harness.cwd, 'begun')));
    const [program] = ofSession().filter((each) => each.command.includes('--session-id'));
    process.kill(program!.pid, 'SIGKILL');
    const end = endOf(await turn);
    expect(end).toMatchObject({ outcome: 'failed', error: { code: 'agent_failed' } });
    expect(end.error?.message).toContain('signal 9');
    await until(() => killed.lost.length === 1);
    expect(ofSession()).toEqual([]);
    const again = await openSession(harness, { sessionStore: store, sessionId: killed.sessionId });
    expect(textIn(await runTurn(again, 'what did I say'))).toContain('stream 3 tokens');
    await again.handle.close();
  });

  test('AGENT-3: background work keeps the session busy, and its end starts a turn', async () => {
    const session = await openSession(harness);
    const turn = await runTurn(session, 'start a background task: sleep 1; echo done', {
      answer: () => ({ outcome: 'allow' }),
    });
    expect(ofType(turn, 'background_tasks')[0]?.tasks).toMatchObject([{ kind: 'local_bash' }]);
    expect(session.handle.isBusy).toBe(true);
    await until(() => session.unprompted.length === 1, { timeoutMs: 40_000 });
    const events = [];
    for await (const event of session.unprompted[0]!) events.push(event);
    expect(textIn(events)).toContain('background task reports');
    expect(endOf(events).outcome).toBe('completed');
    expect(ofType([...events, ...session.between], 'background_tasks').at(-1)?.tasks).toEqual([]);
    await until(() => !session.handle.isBusy);
    await session.handle.close();
  });
});

test('AGENT-3: background work that ends in the middle of a turn no longer keeps the session busy', async () => {
  const session = await openSession(harness);
  const answer = () => ({ outcome: 'allow' as const });
  const [go, on] = ['go', 'on'].map((name) => join(harness.cwd, name));
  await runTurn(session, `start a background task: until [ -e ${go} ]; do env sleep 0.1; done`, {
    answer,
  });
  expect(session.handle.isBusy).toBe(true);
  const turn = await runTurn(session, `run: touch ${go}; until [ -e ${on} ]; do env sleep 0.1; done`, {
    answer,
    onEvent(event) {
      if (event.type === 'background_tasks' && event.tasks.length === 0) writeFileSync(on!, '');
    },
  });
  expect(endOf(turn).outcome).toBe('completed');
  // The program reports that it is idle shortly after its last line.
  await until(() => !session.handle.isBusy);
  await session.handle.close();
});
