import { beforeEach, describe, expect, test } from 'vitest';
import { createGate } from '../../test/support/gate.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import type { AgentSession } from '../agents/agent-backend.ts';
import type { ChatContext } from './chat-context.ts';
import { ChatLoop, type ChatLoopParts } from './chat-loop.ts';
import { ChatStateMachine } from './chat-state-machine.ts';
import { PromptCache } from './prompt-cache.ts';
import { WorkQueue } from './work-queue.ts';

const [idleTimeoutMs, aheadTimeoutMs] = [1_000, 100];
let isAhead: boolean;

let clock: ManualClock;
let queue: WorkQueue;
let state: ChatStateMachine;
let log: { isBusy: boolean };
let loop: ChatLoop;
/** What has happened, in order. */
let seen: string[];
/** Closing the session waits for this. */
let closing: Promise<void>;
/** Prompts that wait in the database. */
let stored: string[];
let hold: { isHeld: boolean };
let asides: { isAnswering: boolean };
/** Set when the host does not have the chat's directory. */
let settings: { missing?: Error; row: { idleSeconds: number | null } };

beforeEach(() => {
  clock = new ManualClock();
  seen = [];
  stored = [];
  queue = new WorkQueue(() => {
    const id = stored.shift();
    return Promise.resolve(id === undefined ? null : { id, seq: 1, content: [], starts: 0 });
  });
  state = new ChatStateMachine(() => {});
  log = { isBusy: false };
  closing = Promise.resolve();
  const fail = (error: unknown): void => void seen.push(String(error));
  hold = { isHeld: false };
  asides = { isAnswering: false };
  const parts = {
    session: {
      use: () => (isAhead = false),
      get isAhead() {
        return isAhead;
      },
      async close() {
        seen.push('close');
        await closing;
        state.moveSession({ is: 'cold' });
      },
      noteBranch: () => Promise.resolve(),
      place: { leave() {}, stopWaiting() {} },
    },
    hold,
    budgetHold: { look: () => undefined, isHolding: false },
    asides,
    decisions: { isWaiting: false },
    turns: {
      runPrompt: ({ id }: { id: string }) => Promise.resolve(void seen.push(id)),
      runUnprompted: (events: unknown) => Promise.resolve(void seen.push(String(events))),
    },
    onRest: () => void seen.push('rest'),
  };
  settings = { row: { idleSeconds: null } };
  const cache = new PromptCache(clock);
  const admission = { look: () => {} };
  isAhead = false;
  const context = { settings, clock, queue, state, log, idleTimeoutMs, aheadTimeoutMs, cache, admission, fail };
  loop = new ChatLoop(context as unknown as ChatContext, parts as unknown as ChatLoopParts);
});

const ticks = async (count = 50): Promise<void> => {
  for (let tick = 0; tick < count; tick += 1) await Promise.resolve();
};
const add = (what: string) => queue.addTask('rewind', () => Promise.resolve(void seen.push(what)));
/** A turn the agent starts by itself; the fake records its name. */
const unprompted = (what: string) => queue.addUnprompted(what as unknown as AsyncIterable<never>);

function open(session = { isBusy: false }): void {
  state.moveSession({ is: 'opening', abort: new AbortController(), done: Promise.resolve(), mcpServers: null });
  const handle = session as AgentSession;
  state.moveSession({ is: 'ready', handle, directory: undefined, mcpServers: null });
}

test('runs one item at a time, in queue order', async () => {
  const gate = createGate();
  void queue.addTask('rewind', async () => {
    seen.push('first begins');
    await gate.pass();
    seen.push('first ends');
  });
  void add('second');
  unprompted('own');
  await gate.reached;
  expect([seen, loop.isRunning]).toEqual([['own', 'first begins'], true]);
  gate.open();
  await ticks();
  expect([seen, loop.isRunning]).toEqual([['own', 'first begins', 'first ends', 'second'], false]);
});

test('runs what it is started with before everything in the queue', async () => {
  loop.startWith(() => Promise.resolve(void seen.push('first')));
  unprompted('own');
  await ticks();
  expect(seen).toEqual(['first', 'own']);
});

test('looks for waiting prompts after what it is started with', async () => {
  stored = ['prompt'];
  loop.startWith(() => Promise.resolve(void seen.push('first')));
  await ticks();
  expect(seen).toEqual(['first', 'prompt']);
});

test('takes no prompt while the queue is held', async () => {
  stored = ['prompt'];
  hold.isHeld = true;
  await add('task');
  await ticks();
  expect(seen).toEqual(['task']);
  hold.isHeld = false;
  queue.wake();
  await ticks();
  expect(seen).toEqual(['task', 'prompt']);
});

test('HOST-18: without the chat’s directory takes no prompt, and rests at once', async () => {
  stored = ['prompt'];
  settings.missing = new Error('It is not here.');
  await add('task');
  await ticks();
  expect([seen, clock.nextMs]).toEqual([['task'], 0]);
  clock.advance(0);
  await ticks();
  expect(seen).toEqual(['task', 'rest']);
});

test('work that arrives at any moment while the loop comes to rest still runs', async () => {
  for (let count = 0; count < 25; count += 1) {
    void add('task');
    await ticks(count);
    unprompted('own');
    await ticks();
    expect(seen.splice(0).toSorted()).toEqual(['own', 'task']);
  }
});

test('an error outside a task drops the chat', async () => {
  loop.startWith(() => Promise.reject(new Error('broken')));
  await ticks();
  expect([seen, loop.isRunning]).toEqual([['Error: broken'], false]);
});

test('once closed, finishes the running task, records turns the agent started by itself, and refuses the rest', async () => {
  const gate = createGate();
  void queue.addTask('rewind', async () => {
    await gate.pass();
    seen.push('task');
  });
  const refused = add('late').catch((error: unknown) => seen.push(String(error)));
  await gate.reached;
  queue.close();
  const ended = loop.ended().then(() => seen.push('ended'));
  unprompted('own');
  await ticks();
  expect(seen).toEqual([]);
  gate.open();
  await Promise.all([ended, refused]);
  expect(seen.slice(0, 2)).toEqual(['task', 'own']);
  expect(seen.slice(2).toSorted()).toEqual([expect.stringContaining('releasing the chat'), 'ended']);
  expect(clock.nextMs).toBeNull();
});

describe('an item that sleeps', () => {
  const sleep = async (signal?: AbortSignal): Promise<void> => {
    void loop.sleep(250, signal).then(() => seen.push('awake'));
    await ticks();
    expect([seen, clock.nextMs]).toEqual([[], 250]);
  };

  test('continues when its time is up', async () => {
    await sleep();
    clock.advance(250);
    await ticks();
    expect(seen).toEqual(['awake']);
  });

  test('is not disturbed by a signal of one before', async () => {
    const controller = new AbortController();
    await sleep(controller.signal);
    clock.advance(250);
    await ticks();
    seen = [];
    await sleep();
    controller.abort();
    queue.wake();
    await ticks();
    expect(seen).toEqual(['awake']);
  });

  test.each(['woken', 'aborted', 'closed'])('continues early when %s', async (how) => {
    queue.addTask('flip', () => createGate().pass()).catch(() => {});
    await ticks();
    const controller = new AbortController();
    await sleep(controller.signal);
    if (how === 'woken') queue.wake();
    else if (how === 'aborted') controller.abort();
    else queue.close();
    await ticks();
    expect([seen, clock.nextMs]).toEqual([['awake'], null]);
  });
});

describe('after the idle limit', () => {
  async function rest(): Promise<void> {
    queue.wake();
    await ticks();
    expect(clock.nextMs).toBe(idleTimeoutMs);
  }

  test('AGENT-3: a chat without a session is released at once', async () => {
    await rest();
    clock.advance(idleTimeoutMs);
    expect(seen).toEqual(['rest']);
  });

  test('AGENT-3: the session is closed first, and the limit counts from the end of the last task', async () => {
    open();
    await rest();
    clock.advance(idleTimeoutMs - 1);
    void add('task');
    await ticks();
    clock.advance(idleTimeoutMs - 1);
    expect(seen).toEqual(['task']);
    clock.advance(1);
    await ticks();
    expect(seen).toEqual(['task', 'close', 'rest']);
  });

  test('AGENT-40: a session that was opened ahead of a prompt is closed sooner, until a turn has used it', async () => {
    open();
    isAhead = true;
    void add('task');
    await ticks();
    expect(clock.nextMs).toBe(aheadTimeoutMs);
    queue.addUnprompted('turn' as never);
    await ticks();
    expect(clock.nextMs).toBe(idleTimeoutMs);
  });

  test('AGENT-3: a busy session is not closed', async () => {
    const session = { isBusy: true };
    open(session);
    await rest();
    clock.advance(3 * idleTimeoutMs);
    await ticks();
    expect(seen).toEqual([]);
    session.isBusy = false;
    clock.advance(idleTimeoutMs);
    await ticks();
    expect(seen).toEqual(['close', 'rest']);
  });

  test.each([
    ['work came', () => void add('task'), ['close', 'task']],
    ['a write is under way', () => void (log.isBusy = true), ['close']],
    ['the chat is let go', () => queue.close(), ['close']],
  ])('AGENT-3: the chat is not released if, while the session closes, %s', async (_, happens, then) => {
    const gate = createGate();
    closing = gate.pass();
    open();
    await rest();
    clock.advance(idleTimeoutMs);
    happens();
    gate.open();
    await ticks();
    expect(seen).toEqual(then);
  });
});
