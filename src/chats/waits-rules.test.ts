import { beforeEach, describe, expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import type { WaitsFor } from '../protocol/chat.ts';
import type { Event } from '../protocol/event.ts';
import { Waits, type WaitLimits } from './waits.ts';

const limits: WaitLimits = { quietMs: 100, modelSilenceMs: 250 };
let clock: ManualClock;
let changes: number;
let givenUp: number;
let waits: Waits;
beforeEach(() => open());

function open(given: Partial<WaitLimits> = {}): void {
  clock = new ManualClock();
  changes = 0;
  givenUp = 0;
  waits = new Waits({
    ...limits,
    ...given,
    clock,
    onChanged: () => void (changes += 1),
    onSilentModel: () => void (givenUp += 1),
  });
}

const note = (body: object): void => waits.noted(body as Event);
const start = (): void => note({ type: 'turn_started' });
const call = (toolCallId: string, title: string): void => note({ type: 'tool_call', toolCallId, title });
const ask = (decisionId: string, title: string, toolCallId?: string): void =>
  note({ type: 'decision_requested', decisionId, title, toolCallId });
const notice = (code: string, data?: object): void => note({ type: 'notice', code, message: `It says ${code}.`, data });
const tasks = (...descriptions: string[]): void =>
  note({ type: 'background_tasks', tasks: descriptions.map((description) => ({ description })) });
const now = (): string => clock.now().toISOString();
const waiting = (kind: WaitsFor['for'], what: string | null, since: string): WaitsFor => ({
  for: kind,
  since,
  what,
  retry: null,
});

/** How many changes this reports. */
function changesOf(action: () => void): number {
  const before = changes;
  action();
  return changes - before;
}

describe('TURN-9: a quiet turn', () => {
  test('is reported once, as waiting for the model since its last sign', () => {
    expect(changesOf(start)).toBe(0);
    clock.advance(60);
    expect(changesOf(() => waits.sign())).toBe(0);
    const since = now();
    clock.advance(99);
    expect([waits.now, changes]).toEqual([null, 0]);
    clock.advance(1);
    expect([waits.now, changes]).toEqual([waiting('model', null, since), 1]);
    clock.advance(149);
    expect([waits.now, changes]).toEqual([waiting('model', null, since), 1]);
    expect(changesOf(() => waits.sign())).toBe(1);
    expect(waits.now).toBeNull();
  });

  test('waits for the call that began last and still runs', () => {
    start();
    call('a', 'make a');
    const first = now();
    clock.advance(10);
    call('b', 'make b');
    const second = now();
    clock.advance(100);
    expect(waits.now).toEqual(waiting('tool', 'make b', second));
    expect(changesOf(() => note({ type: 'tool_call_update', toolCallId: 'b' }))).toBe(1);
    expect(waits.now).toBeNull();
    clock.advance(100);
    expect(waits.now).toEqual(waiting('tool', 'make a', first));
  });

  test.each(['agent_message', 'agent_thought', 'tool_call', 'tool_call_update'])('has a sign with %s', (type) => {
    start();
    clock.advance(100);
    expect(changesOf(() => note({ type }))).toBe(1);
    expect(waits.now).toBeNull();
  });

  test('has none with what the chat itself records', () => {
    start();
    clock.advance(100);
    expect(changesOf(() => note({ type: 'prompt_accepted' }))).toBe(0);
    expect(changesOf(() => notice('setting_deferred'))).toBe(0);
    expect(waits.now).not.toBeNull();
  });

  test('is looked at only as long as it runs', () => {
    waits.stop();
    note({ type: 'turn_finished' });
    start();
    start();
    expect(clock.nextMs).toBe(100);
    note({ type: 'turn_finished' });
    expect(clock.nextMs).toBeNull();
    start();
    waits.stop();
    expect(clock.nextMs).toBeNull();
  });

  test('leaves nothing to the next turn', () => {
    start();
    call('c', 'make');
    ask('d', 'Bash: make', 'c');
    notice('terminal_waits');
    notice('api_retry');
    clock.advance(100);
    note({ type: 'turn_finished' });
    expect(waits.now).toBeNull();
    expect(changesOf(start)).toBe(0);
    const since = now();
    expect(waits.now).toBeNull();
    clock.advance(100);
    expect(waits.now).toEqual(waiting('model', null, since));
  });

  test('leaves no retry and no screen behind', () => {
    for (const code of ['terminal_waits', 'api_retry']) {
      start();
      notice(code);
      note({ type: 'turn_finished' });
      expect(waits.now).toBeNull();
      expect(changesOf(start)).toBe(0);
      expect(waits.now).toBeNull();
    }
  });
});

describe('TURN-10: a silent model', () => {
  test('is given up after exactly the configured time since its last sign, once', () => {
    start();
    clock.advance(60);
    waits.sign();
    clock.advance(249);
    expect(givenUp).toBe(0);
    clock.advance(1);
    expect([givenUp, clock.nextMs]).toEqual([1, null]);
  });

  test('is given up in time even before the turn counts as quiet', () => {
    open({ modelSilenceMs: 40 });
    start();
    clock.advance(39);
    expect(givenUp).toBe(0);
    clock.advance(1);
    expect([givenUp, changes]).toEqual([1, 0]);
  });

  test('is never given up without a limit', () => {
    open({ modelSilenceMs: 0 });
    start();
    expect(clock.nextMs).toBe(100);
    clock.advance(10_000);
    expect([givenUp, waits.now?.for, clock.nextMs]).toEqual([0, 'model', 100]);
  });

  test.each<[string, () => void]>([
    ['a call runs', () => call('c', 'make')],
    ['a person is asked', () => ask('d', 'Which?')],
    ['the terminal shows a screen', () => notice('terminal_waits')],
    ['a failed request is retried', () => notice('api_retry')],
  ])('is not given up while %s', (_, begin) => {
    start();
    begin();
    clock.advance(1_050);
    expect(givenUp).toBe(0);
    // Looked at again and again: it may become the model's turn.
    expect(clock.nextMs).toBe(100);
  });
});

describe('TURN-9: a person who is asked', () => {
  test('is reported at once, the first question first', () => {
    start();
    ask('d', 'Which?');
    const first = now();
    clock.advance(10);
    ask('e', 'Why?');
    const second = now();
    expect(waits.now).toEqual(waiting('person', 'Which?', first));
    note({ type: 'decision_resolved', decisionId: 'd' });
    expect(waits.now).toEqual(waiting('person', 'Why?', second));
    note({ type: 'decision_resolved', decisionId: 'e' });
    expect(waits.now).toBeNull();
  });

  test('starts the clock of the call with the answer', () => {
    start();
    call('c', 'make');
    ask('d', 'Bash: make', 'c');
    clock.advance(1_000);
    expect(changesOf(() => note({ type: 'decision_resolved', decisionId: 'd' }))).toBe(1);
    const since = now();
    // One that nobody asked.
    note({ type: 'decision_resolved', decisionId: 'x' });
    clock.advance(100);
    expect(waits.now).toEqual(waiting('tool', 'make', since));
  });

  test('comes before a screen, a screen before a retry, and a retry before a quiet turn', () => {
    start();
    notice('api_retry');
    clock.advance(100);
    expect(waits.now?.retry).not.toBeNull();
    notice('terminal_waits');
    expect(waits.now?.what).toBe('It says terminal_waits.');
    const { now: outside } = waits;
    ask('d', 'Which?');
    expect(waits.now?.what).toBe('Which?');
    // The question was a sign, so the program went on.
    expect(outside?.for).toBe('person');
    note({ type: 'decision_resolved', decisionId: 'd' });
    expect(waits.now).toBeNull();
  });
});

describe('TURN-9: a screen of the terminal', () => {
  test.each<[string, object | undefined, WaitsFor['for']]>([
    ['terminal_waits', { screen: 'start' }, 'sign_in'],
    ['terminal_waits', { screen: 'other' }, 'person'],
    ['terminal_waits', undefined, 'person'],
    ['signing_in', undefined, 'sign_in'],
  ])('%s with %j waits for %s until there is a sign', (code, data, kind) => {
    expect(changesOf(() => notice(code, data))).toBe(1);
    expect(waits.now).toEqual(waiting(kind, `It says ${code}.`, now()));
    expect(changesOf(() => waits.sign())).toBe(1);
    expect(waits.now).toBeNull();
    expect(changesOf(() => waits.sign())).toBe(0);
  });

  test('is over once someone has signed in, or the process is gone', () => {
    notice('signing_in');
    expect(changesOf(() => notice('signed_in'))).toBe(1);
    expect(waits.now).toBeNull();
    notice('signing_in');
    waits.forget();
    expect(waits.now).toBeNull();
  });
});

describe('TURN-9: a retried request', () => {
  const retryOf = (data?: object): WaitsFor | null => {
    notice('api_retry', data);
    return waits.now;
  };

  test('is reported at once, since the first failure, until there is a sign', () => {
    start();
    const since = now();
    const data = { attempt: 1, maxAttempts: 10, delayMs: 500, status: 529, error: 'overloaded', reason: 'HTTP 529' };
    expect(changesOf(() => notice('api_retry', data))).toBe(1);
    const at = new Date(clock.now().getTime() + 500).toISOString();
    const retry = { attempt: 1, maxAttempts: 10, at, reason: 'HTTP 529' };
    expect(waits.now).toEqual({ for: 'model', since, what: null, retry });
    clock.advance(90);
    expect(retryOf({ attempt: 2 })).toMatchObject({ since, retry: { attempt: 2, maxAttempts: null } });
    // A failed request is a sign too, so the turn is not quiet yet.
    clock.advance(50);
    expect(changesOf(() => waits.sign())).toBe(1);
    expect(waits.now).toBeNull();
    const again = now();
    expect(retryOf()).toMatchObject({ since: again });
  });

  test('is a limit of the account only if the answer says so', () => {
    start();
    expect(retryOf({ status: 429 })?.for).toBe('rate_limit');
    expect(retryOf({ error: 'rate_limit' })?.for).toBe('rate_limit');
    expect(retryOf({ status: 500, error: 'server_error' })?.for).toBe('model');
  });

  test('is reported even if the agent gave no details, or odd ones', () => {
    start();
    const unknown = { attempt: null, maxAttempts: null, at: null, reason: 'no answer' };
    expect(retryOf()).toEqual({ for: 'model', since: now(), what: null, retry: unknown });
    expect(retryOf({ attempt: 1.5, maxAttempts: '10', delayMs: '5', reason: 5 })?.retry).toEqual(unknown);
  });
});

describe('TURN-9: background work', () => {
  test('is reported between turns, since the first of it began', () => {
    expect(waits.hasBackground).toBe(false);
    tasks('serve');
    const since = now();
    expect(waits.hasBackground).toBe(true);
    expect(waits.now).toEqual(waiting('background', 'serve', since));
    clock.advance(10);
    tasks('serve', 'watch');
    expect(waits.now).toEqual(waiting('background', 'serve · watch', since));
    start();
    expect(waits.now).toBeNull();
    note({ type: 'turn_finished' });
    expect(waits.now?.for).toBe('background');
    tasks();
    expect([waits.hasBackground, waits.now]).toEqual([false, null]);
    clock.advance(10);
    tasks('again');
    expect(waits.now).toEqual(waiting('background', 'again', now()));
  });

  test('ends with the process', () => {
    tasks('serve');
    waits.forget();
    expect([waits.hasBackground, waits.now]).toEqual([false, null]);
  });
});
