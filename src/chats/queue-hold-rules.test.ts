/** When a queue is held and what resumes it, without a database. `queue-hold.test.ts` covers whole chats. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { ownerVia } from '../../test/support/owners-chats.ts';
import { BooError, type ErrorCode } from '../protocol/error.ts';
import type { HoldReason } from '../protocol/hold.ts';
import { doneByActor } from '../protocol/principal.ts';
import type { Write } from '../store/events.ts';
import { FencedError } from '../store/storage-error.ts';
import type { ChatContext } from './chat-context.ts';
import { afterCrashes, obstacleOf, QueueHold, triesOf } from './queue-hold.ts';

const statement = (strings: TemplateStringsArray, ...values: unknown[]) => ({ text: strings.join('?'), values });

let clock: ManualClock;
let row: { hold: Record<string, unknown> | null; resumeAtReset: boolean; waitingPrompts: number };
let writes: Write[];
let woken: number;
let failed: unknown[];
/** The rows that the database returns. */
let found: unknown[];
let broken: Error | undefined;
let hold: QueueHold;

beforeEach(() => {
  clock = new ManualClock();
  row = { hold: null, resumeAtReset: false, waitingPrompts: 1 };
  [writes, woken, failed, found, broken] = [[], 0, [], [], undefined];
  const log = {
    lease: { chatId: 'chat', epoch: 3 },
    ask: (question: () => unknown) => question(),
    appendIf: async (decide: () => Write | null | Promise<Write | null>) => {
      if (broken) throw broken;
      const write = await decide();
      if (!write) return null;
      writes.push(write);
      if (write.chat && 'hold' in write.chat) row.hold = write.chat.hold as typeof row.hold;
      return [];
    },
  };
  const context = {
    clock,
    log,
    settings: { row },
    queue: { wake: () => (woken += 1) },
    fail: (error: unknown) => void failed.push(error),
    sql: (..._statement: unknown[]) => Promise.resolve(found),
  };
  hold = new QueueHold(context as unknown as ChatContext);
});
afterEach(() => hold.stop());

const ticks = (): Promise<void> => new Promise((done) => setImmediate(done));
const inMs = (ms: number): string => new Date(clock.now().getTime() + ms).toISOString();
const now = (): string => inMs(0);
const held = (facts: object = {}) => {
  row.hold = { reason: 'usage_limit', promptId: null, sendsAgain: false, resetsAt: null, ...facts };
};

describe('holding', () => {
  const message = 'The limit is reached.';

  test('PROMPT-6: records the reason, the time, and the prompt that may be sent again', () => {
    const facts = { reason: 'usage_limit' as const, message, resetsAt: null, promptId: null, sendsAgain: false };
    expect(hold.isHeld).toBe(false);
    expect(hold.holding({ reason: 'usage_limit', message })).toEqual({
      event: { body: { type: 'queue_held', ...facts, resumesAt: null } },
      chat: { hold: { ...facts, since: now() } },
    });
    const more = { promptId: 'p1', sendsAgain: true, resetsAt: inMs(1) };
    row.resumeAtReset = true;
    expect(hold.holding({ reason: 'usage_limit', message, ...more })).toEqual({
      event: { body: { type: 'queue_held', ...facts, ...more, resumesAt: inMs(1) } },
      chat: { hold: { ...facts, ...more, since: now() } },
    });
  });

  test('PROMPT-8: postpones a reset that is already due by a minute', () => {
    const resets = (ms: number) =>
      hold.holding({ reason: 'usage_limit', message, resetsAt: inMs(ms) })?.chat.hold.resetsAt;
    expect([-1, 0, 1].map(resets)).toEqual([inMs(60_000), inMs(60_000), inMs(1)]);
  });

  test('PROMPT-6: happens once, and between turns only for a prompt that is still the next', async () => {
    await hold.hold({ reason: 'agent', message }, () => false);
    expect(writes).toEqual([]);
    await hold.hold({ reason: 'agent', message }, () => true);
    expect(writes).toMatchObject([{ events: [{ body: { reason: 'agent' } }], chat: { hold: { reason: 'agent' } } }]);
    expect(hold.isHeld).toBe(true);
    await hold.hold({ reason: 'agent', message }, () => true);
    expect([writes.length, hold.holding({ reason: 'agent', message })]).toEqual([1, null]);
  });

  test.each([
    { waitingPrompts: 0, reason: 'billing', resets: false, holds: false },
    { waitingPrompts: 0, reason: 'billing', resets: true, holds: false },
    { waitingPrompts: 1, reason: 'billing', resets: false, holds: true },
    { waitingPrompts: 0, reason: 'usage_limit', resets: false, holds: false },
    { waitingPrompts: 1, reason: 'usage_limit', resets: false, holds: true },
    { waitingPrompts: 0, reason: 'usage_limit', resets: true, holds: true },
  ] as const)(
    'PROMPT-6 USAGE-20: happens after a failed turn if a prompt waits, or a limit says when it resets: %o',
    (at) => {
      row.waitingPrompts = at.waitingPrompts;
      const obstacle = { reason: at.reason, ...(at.resets && { resetsAt: inMs(5) }) };
      const done = hold.afterTurn(obstacle, message, { promptId: 'p1', isBegun: false });
      expect(done !== null).toBe(at.holds);
    },
  );

  test('USAGE-21: remembers that a limit stopped a turn that had begun, or that no prompt had started', () => {
    const after = (reason: HoldReason, failed: Parameters<typeof hold.afterTurn>[2]) =>
      hold.afterTurn({ reason }, message, failed)?.chat.hold.continues;
    expect(after('usage_limit', { promptId: 'p1', isBegun: true })).toBe(true);
    expect(after('usage_limit', { promptId: null, isBegun: false })).toBe(true);
    expect(after('usage_limit', { promptId: 'p1', isBegun: false })).toBeUndefined();
    expect(after('billing', { promptId: 'p1', isBegun: true })).toBeUndefined();
  });

  test('PROMPT-6: does not send a prompt again that was too long or that its agent had started on', () => {
    const again = (reason: HoldReason, sendsAgain: boolean) =>
      hold.afterTurn({ reason }, message, { promptId: 'p1', isBegun: !sendsAgain })?.chat.hold;
    expect(again('usage_limit', true)).toMatchObject({
      reason: 'usage_limit',
      promptId: 'p1',
      sendsAgain: true,
      message,
    });
    expect(again('usage_limit', false)).toMatchObject({ promptId: 'p1', sendsAgain: false });
    expect(again('context', true)).toMatchObject({ promptId: 'p1', sendsAgain: false });
    const unprompted = { promptId: null, isBegun: true };
    expect(hold.afterTurn({ reason: 'context' }, message, unprompted)?.chat.hold).toMatchObject({
      promptId: null,
      sendsAgain: false,
    });
  });
});

describe('resuming', () => {
  const by = doneByActor(ownerVia('anna'));

  test.each([
    { promptId: 'p1', sendsAgain: true, sendAgain: undefined, again: ['p1'] },
    { promptId: 'p1', sendsAgain: false, sendAgain: undefined, again: undefined },
    { promptId: 'p1', sendsAgain: false, sendAgain: true, again: ['p1'] },
    { promptId: 'p1', sendsAgain: true, sendAgain: false, again: undefined },
    { promptId: null, sendsAgain: true, sendAgain: true, again: undefined },
  ])('PROMPT-6: sends the failed prompt again if the client says so, else if the hold says so: %o', async (at) => {
    held(at);
    await hold.resume(at.sendAgain === undefined ? {} : { sendAgain: at.sendAgain }, by);
    expect(writes).toHaveLength(1);
    const [write] = writes;
    expect(write?.chat).toEqual({ hold: null });
    const requeued = at.again && { requeuedPromptIds: at.again };
    expect(write?.events).toStrictEqual([{ body: { type: 'queue_resumed', ...by, ...requeued } }]);
    const side = write?.side?.(statement as never) as unknown as ReturnType<typeof statement>[];
    const sets = side.map(({ text, values }) => [/set (\w+)/.exec(text)?.[1], values.slice(0, 3)]);
    expect(sets).toEqual([['starts', ['chat']], ...(at.again ? [['turn_id', [0, 'chat', at.again]]] : [])]);
    expect(woken).toBe(1);
  });

  test('USAGE-21: asks the agent to continue a turn that a limit has stopped, unless something else is wanted', async () => {
    const events = () => writes.at(-1)!.events.map(({ body }) => body);
    held({ promptId: 'p1', continues: true });
    await hold.resume({}, by);
    const content = [{ type: 'text', text: expect.stringContaining('Continue with what you were doing.') as string }];
    const promptId = expect.any(String) as string;
    expect(events()).toEqual([
      { type: 'prompt_accepted', promptId, content, by: 'host' },
      { type: 'queue_resumed', ...by },
    ]);
    expect(writes[0]?.side?.(statement as never)).toMatchObject([
      {},
      { text: expect.stringMatching(/insert into boocode.prompts/) as string },
    ]);
    for (const [sendAgain, again] of [
      [true, { requeuedPromptIds: ['p1'] }],
      [false, {}],
    ] as const) {
      held({ promptId: 'p1', continues: true });
      await hold.resume({ sendAgain }, by);
      expect(events()).toEqual([{ type: 'queue_resumed', ...by, ...again }]);
    }
  });

  test.each([
    ['is over', {}, { waitingPrompts: 0 }, true],
    ['is not over yet', { resetsAt: 1 }, { waitingPrompts: 0 }, false],
    ['is over, but prompts wait', {}, { waitingPrompts: 1 }, false],
    ['is no usage limit', { reason: 'billing' }, { waitingPrompts: 0 }, false],
    ['does not say when it resets', { resetsAt: null }, { waitingPrompts: 0 }, false],
  ])('USAGE-20: happens by itself before a prompt is stored if the limit %s: %#', async (_, facts, of, resumes) => {
    const { resetsAt = 0 } = facts as { resetsAt?: number | null };
    held({ promptId: 'p1', sendsAgain: true, ...facts, resetsAt: resetsAt === null ? null : inMs(resetsAt) });
    Object.assign(row, of);
    await hold.releaseIfReset();
    expect(writes.map(({ events }) => events)).toEqual(
      resumes ? [[{ body: { type: 'queue_resumed', by: 'host' } }]] : [],
    );
  });

  test('USAGE-21: goes on first, before a prompt that comes between the reset and the timer, if the chat is set to', async () => {
    Object.assign(row, { waitingPrompts: 0, resumeAtReset: true });
    const events = () => writes.at(-1)!.events.map(({ body }) => body);
    held({ promptId: 'p1', continues: true, resetsAt: now() });
    await hold.releaseIfReset();
    expect(events()).toMatchObject([
      { type: 'prompt_accepted', by: 'host' },
      { type: 'queue_resumed', by: 'host' },
    ]);
    held({ promptId: 'p1', sendsAgain: true, resetsAt: now() });
    await hold.releaseIfReset();
    expect(events()).toEqual([{ type: 'queue_resumed', by: 'host', requeuedPromptIds: ['p1'] }]);
  });

  test('does nothing if the queue is not held', async () => {
    await hold.resume({ sendAgain: true }, by);
    expect([writes, woken]).toEqual([[], 0]);
  });

  test('PROMPT-6: happens when the setting that caused the hold changes, and with no other change', async () => {
    const changes = { backend: 'claude_pty', cwd: '/', model: 'other', title: 'other' } as const;
    const resumedBy: Record<string, string[]> = {};
    for (const reason of ['agent', 'directory', 'model_not_found', 'usage_limit', 'crashes']) {
      resumedBy[reason] = [];
      for (const [field, value] of Object.entries(changes)) {
        held({ reason });
        await hold.noteChanges({ [field]: value });
        if (!hold.isHeld) resumedBy[reason].push(field);
      }
    }
    expect(resumedBy).toEqual({
      agent: ['backend'],
      directory: ['cwd'],
      model_not_found: ['model'],
      usage_limit: ['model'],
      crashes: [],
    });
    expect(writes[0]?.events).toEqual([{ body: { type: 'queue_resumed', by: 'host' } }]);
    await hold.noteChanges({ model: 'third' });
  });

  test('USAGE-22: does not happen with another model if a limit has stopped a turn: a person continues it', async () => {
    held({ promptId: 'p1', continues: true, resetsAt: inMs(5_000) });
    await hold.noteChanges({ model: 'other' });
    expect([writes, hold.isHeld]).toEqual([[], true]);
  });

  test('happens on a rewind if the context was full, without the prompt that was too long', async () => {
    await hold.noteRewind(['p1']);
    held({ reason: 'usage_limit' });
    await hold.noteRewind(['p1']);
    held({ reason: 'usage_limit', promptId: 'p0', sendsAgain: true });
    await hold.noteRewind(['p1']);
    expect(writes).toEqual([]);
    held({ reason: 'context', promptId: 'p1', sendsAgain: true });
    await hold.noteRewind(['p1']);
    expect(writes.map(({ events }) => events)).toEqual([[{ body: { type: 'queue_resumed', by: 'host' } }]]);
  });

  test.each([
    { promptId: 'p1', sendsAgain: true },
    { promptId: 'p1', continues: true },
    { promptId: null, continues: true },
  ])('USAGE-21: leaves out what a rewind has taken back; the chat stays parked: %o', async (facts) => {
    row.resumeAtReset = true;
    held({ ...facts, message: 'Five hours.', resetsAt: inMs(5_000), since: now() });
    await hold.noteRewind(['p1', 'p2']);
    const left = {
      reason: 'usage_limit',
      message: 'Five hours.',
      promptId: null,
      sendsAgain: false,
      resetsAt: inMs(5_000),
    };
    expect(writes).toStrictEqual([
      {
        events: [{ body: { type: 'queue_held', ...left, resumesAt: inMs(5_000) } }],
        chat: { hold: { ...left, since: now() } },
      },
    ]);
    await hold.resume({}, by);
    expect(writes.at(-1)?.events).toEqual([{ body: { type: 'queue_resumed', ...by } }]);
  });
});

describe('an edit of the queue', () => {
  const cancelled = (count: number): Write => ({
    events: Array.from({ length: count }, (_, at) => ({
      body: { type: 'prompt_cancelled', promptId: `p${at}`, by: 'host' },
    })),
    chat: { title: 'kept' } as never,
  });
  const moved: Write = { events: [{ body: { type: 'prompt_moved', promptId: 'p', by: 'host', place: 1 } as never }] };

  test('PROMPT-6: ends the hold when it cancels the last waiting prompt', () => {
    held({ reason: 'agent' });
    row.waitingPrompts = 2;
    const write = cancelled(2);
    expect(hold.withEdit(write)).toEqual({
      events: [...write.events, { body: { type: 'queue_resumed', by: 'host' } }],
      chat: { title: 'kept', hold: null },
    });
  });

  test.each([
    ['one still waits', 2, 1, {}, false],
    ['nothing was cancelled', 0, 0, {}, false],
    ['the reset is waited for', 1, 1, { reason: 'budget_spent', resetsAt: '2030-01-01T00:00:00.000Z' }, true],
    ['the chat is parked', 1, 1, { resetsAt: '2030-01-01T00:00:00.000Z' }, false],
  ])('PROMPT-6 USAGE-20: keeps the hold otherwise: %s', (_, waitingPrompts, count, facts, resumeAtReset) => {
    held(facts);
    Object.assign(row, { waitingPrompts, resumeAtReset });
    const write = count > 0 ? cancelled(count) : moved;
    expect(hold.withEdit(write)).toBe(write);
  });

  test.each([
    [{}, true],
    [{ reason: 'budget_spent', resetsAt: '2030-01-01T00:00:00.000Z' }, false],
  ])('PROMPT-8: ends the hold if the queue would not resume at a reset: %o, %s', (facts, resumeAtReset) => {
    held(facts);
    row.resumeAtReset = resumeAtReset;
    expect(hold.withEdit(cancelled(1))?.chat).toMatchObject({ hold: null });
  });

  test('is left unchanged if the queue is not held', () => {
    const write = cancelled(1);
    expect([hold.withEdit(write), hold.withEdit(null)]).toEqual([write, null]);
    held();
    expect(hold.withEdit(null)).toBeNull();
  });
});

describe('PROMPT-8: the reset', () => {
  test('resumes the queue at its time, if the chat is set to do so', async () => {
    held({ resetsAt: inMs(5_000) });
    hold.arm();
    expect(clock.nextMs).toBeNull();
    row.resumeAtReset = true;
    await hold.noteChanges({ title: 'other' });
    expect(clock.nextMs).toBeNull();
    await hold.noteChanges({ resumeAtReset: true });
    expect(clock.nextMs).toBe(5_000);
    hold.arm();
    clock.advance(4_999);
    await ticks();
    expect(writes).toEqual([]);
    clock.advance(1);
    await ticks();
    expect(writes.map(({ events }) => events)).toEqual([[{ body: { type: 'queue_resumed', by: 'host' } }]]);
    expect([woken, clock.nextMs]).toEqual([1, null]);
  });

  test('resumes the queue at once if it is past; a hold without a reset waits for a person', () => {
    row.resumeAtReset = true;
    held();
    hold.arm();
    expect(clock.nextMs).toBeNull();
    held({ resetsAt: inMs(-1) });
    hold.arm();
    expect(clock.nextMs).toBe(0);
    hold.stop();
    expect(clock.nextMs).toBeNull();
    hold.arm();
    row.hold = null;
    hold.arm();
    expect(clock.nextMs).toBeNull();
  });

  test('does not fire at once when it is weeks away, as a timer that long would', async () => {
    const day = 24 * 3_600_000;
    row.resumeAtReset = true;
    held({ resetsAt: inMs(30 * day) });
    hold.arm();
    for (let days = 0; days < 30; days += 1) {
      expect(clock.nextMs).toBe(day);
      clock.advance(day - 1);
      await ticks();
      expect(writes).toEqual([]);
      clock.advance(1);
    }
    await ticks();
    expect(writes).toHaveLength(1);
  });

  test('drops the chat if the resumption cannot be stored', async () => {
    row.resumeAtReset = true;
    held({ resetsAt: inMs(1) });
    hold.arm();
    broken = new Error('down');
    clock.advance(1);
    await ticks();
    expect([failed, woken]).toEqual([[broken], 0]);
  });
});

test('PROMPT-9: counting a start fails once another host has the chat', async () => {
  found = [{ id: 'p1' }];
  await hold.countStart('p1', 1);
  found = [];
  await expect(hold.countStart('p1', 2)).rejects.toThrow(FencedError);
});

describe('what keeps a turn from starting', () => {
  const error = (code: ErrorCode, cause?: unknown) => new BooError(code, 'It failed.', { cause });
  const system = (code: string) => Object.assign(new Error('full'), { code });

  test('PROMPT-7: is named by the error or by its cause', () => {
    expect(obstacleOf(error('cwd_invalid'))).toBe('directory');
    expect(obstacleOf(error('agent_login_required'))).toBe('sign_in');
    expect(obstacleOf(error('storage_unavailable'))).toBe('storage');
    for (const code of ['ENOSPC', 'EDQUOT', 'EROFS'])
      expect([code, obstacleOf(error('agent_failed', system(code)))]).toEqual([code, 'storage']);
    for (const cause of [undefined, 'ENOSPC', new Error('plain'), system('ENOENT'), { code: 'EROFS' }])
      expect(obstacleOf(error('agent_failed', cause))).toBe('agent');
  });

  test('PROMPT-7: allows two tries for a process that died, three for storage, and one for anything else', () => {
    expect(
      (['storage_unavailable', 'agent_failed', 'cwd_invalid'] as const).map((code) => triesOf(error(code))),
    ).toEqual([3, 2, 1]);
  });

  test('PROMPT-9: names crashes, if hosts do not survive the prompt', () => {
    expect(afterCrashes(3)).toEqual({
      reason: 'crashes',
      message: 'The host ended 3 times while the next prompt was begun. Cancel that prompt, or resume to try again.',
    });
  });
});
