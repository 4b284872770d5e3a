import { beforeEach, describe, expect, test } from 'vitest';
import type { PromptRow } from '../store/prompts.ts';
import { FencedError } from '../store/storage-error.ts';
import { WorkQueue } from './work-queue.ts';

// What the table holds; questions and writes take effect when the test lets them.
let stored: PromptRow[];
let questions: (() => void)[];
let queue: WorkQueue;

beforeEach(() => {
  stored = [];
  questions = [];
  queue = new WorkQueue(() => new Promise((resolve) => questions.push(() => resolve(stored[0] ?? null))));
});

const content = [{ type: 'text' as const, text: 'hello' }];

/** A prompt being stored: `commit` stores it, `tell` confirms it to its writer, `fail` leaves the outcome unknown. */
function send(id: string, seq: number) {
  let tell = (): void => {};
  let fail = (_error: Error): void => {};
  const told = new Promise<number>((resolve, reject) => {
    tell = () => resolve(seq);
    fail = reject;
  });
  const done = queue.addPrompt(() => told);
  const commit = (): void => void stored.push({ id, seq, content, starts: 0 });
  return { done, commit, tell, fail };
}

async function store(id: string, seq: number): Promise<void> {
  const sent = send(id, seq);
  sent.commit();
  sent.tell();
  expect(await sent.done).toBe(seq);
}

/** Takes the next prompt and returns its id. */
async function take(): Promise<string | null> {
  const next = queue.nextPrompt();
  questions.shift()?.();
  const prompt = await next;
  if (prompt) stored = stored.filter(({ id }) => id !== prompt.id);
  return prompt?.id ?? null;
}

test('the queue is known to be empty only after the table has said so', async () => {
  expect([queue.hasNoPrompt, queue.isPromptNext]).toEqual([false, true]);
  expect(await take()).toBeNull();
  expect(queue.hasNoPrompt).toBe(true);
  const a = send('a', 1);
  expect(queue.hasNoPrompt).toBe(false);
  a.commit();
  a.tell();
  await a.done;
  expect(await take()).toBe('a');
  expect(queue.hasNoPrompt).toBe(false);
  expect(await take()).toBeNull();
  expect(queue.hasNoPrompt).toBe(true);
});

test('PROMPT-3: stored prompts follow in order, behind those an earlier host left', async () => {
  stored.push({ id: 'left', seq: 1, content, starts: 0 });
  await store('a', 2);
  await store('b', 3);
  expect([await take(), await take(), await take(), await take()]).toEqual(['left', 'a', 'b', null]);
});

test('PROMPT-3: an answer from before a prompt was stored does not count', async () => {
  const early = queue.nextPrompt();
  const a = send('a', 1);
  questions.shift()?.();
  expect(await early).toBeNull();
  expect(queue.hasNoPrompt).toBe(false);
  a.commit();
  a.tell();
  await a.done;
  expect(queue.hasNoPrompt).toBe(false);
});

test('PROMPT-3: an answer while a prompt was on its way does not count', async () => {
  const a = send('a', 1);
  expect(await take()).toBeNull();
  expect(queue.hasNoPrompt).toBe(false);
  a.commit();
  a.tell();
  await a.done;
  expect(queue.hasNoPrompt).toBe(false);
});

test('LOG-8: after a write whose answer was lost, the queue is not known to be empty', async () => {
  await take();
  const a = send('a', 1);
  a.commit();
  a.fail(new Error('lost'));
  await expect(a.done).rejects.toThrow('lost');
  expect(queue.hasNoPrompt).toBe(false);
  expect(await take()).toBe('a');
});

describe('what is next', () => {
  const free = { isHeld: () => false, isSpent: () => false, isSuspended: () => false, isAway: () => false };
  const held = { isHeld: () => true, isSpent: () => false, isSuspended: () => false, isAway: () => false };
  const turn = async function* () {};
  const row: PromptRow = { id: 'p', seq: 1, content, starts: 0 };

  /** The items that run, in order, until nothing is left. */
  async function drain(pauses = free): Promise<string[]> {
    const done: string[] = [];
    for (;;) {
      const next = queue.next(pauses);
      questions.shift()?.();
      const item = await next;
      if (!item) return done;
      if (item.is === 'task') await item.run();
      if (item.is === 'prompt') stored = stored.filter(({ id }) => id !== item.prompt.id);
      done.push(item.is);
    }
  }

  test('the agent’s own turns go first, then tasks in order, then prompts', async () => {
    const ran: string[] = [];
    stored.push(row);
    const tasks = ['a', 'b'].map((name) => queue.addTask('rewind', () => Promise.resolve(ran.push(name))));
    queue.addUnprompted(turn());
    expect(await drain()).toEqual(['unprompted', 'task', 'task', 'prompt']);
    expect(ran).toEqual(['a', 'b']);
    expect(await Promise.all(tasks)).toEqual([1, 2]);
  });

  test('an urgent task makes the agent’s own turns wait until it is over, but no other task', async () => {
    const ran: string[] = [];
    void queue.addTask('rewind', () => Promise.resolve(ran.push('a')));
    void queue.addTask('flip', () => Promise.resolve(ran.push('b')), { isUrgent: true });
    queue.addUnprompted(turn());
    expect(await drain()).toEqual(['task', 'task', 'unprompted']);
    expect(ran).toEqual(['a', 'b']);
  });

  test('a held queue still runs everything but its prompts', async () => {
    stored.push(row);
    void queue.addTask('terminal', () => Promise.resolve());
    queue.addUnprompted(turn());
    expect(await drain(held)).toEqual(['unprompted', 'task']);
    expect(questions).toEqual([]);
    expect(await drain()).toEqual(['prompt']);
  });

  test('HOST-18: without the chat’s directory only tasks run that need none', async () => {
    const ran: string[] = [];
    stored.push(row);
    for (const kind of ['continuation', 'terminal', 'flip', 'rewind'] as const) {
      void queue.addTask(kind, () => Promise.resolve(ran.push(kind)));
    }
    const away = { ...free, isAway: () => true };
    expect(await drain(away)).toEqual(['task', 'task']);
    expect(await drain({ ...away, isSuspended: () => true })).toEqual([]);
    expect(ran).toEqual(['flip', 'rewind']);
    expect(await drain()).toEqual(['task', 'task', 'prompt']);
  });

  test('a task that arrives while the next prompt is looked up goes first', async () => {
    stored.push(row);
    const next = queue.next(free);
    void queue.addTask('flip', () => Promise.resolve());
    questions.shift()?.();
    expect(await next).toMatchObject({ is: 'task' });
  });

  test('a closed queue lets only the agent’s own turns through, even behind an urgent task, and refuses the tasks', async () => {
    stored.push(row);
    const flip = queue.addTask('flip', () => Promise.resolve(), { isUrgent: true });
    queue.addUnprompted(turn());
    expect(queue.isClosed).toBe(false);
    expect(() => queue.assertOpen()).not.toThrow();
    queue.close();
    expect(queue.isClosed).toBe(true);
    expect(await drain()).toEqual(['unprompted']);
    queue.refuseTasks();
    await expect(flip).rejects.toMatchObject({ code: 'shutting_down' });
    expect(() => queue.assertOpen()).toThrow('releasing the chat');
    expect(questions).toEqual([]);
  });

  test('a task can be withdrawn until it starts, which leaves other tasks alone', async () => {
    const ran: string[] = [];
    const [early, late] = [new AbortController(), new AbortController()];
    void queue.addTask('rewind', () => Promise.resolve());
    expect([queue.has('flip'), queue.hasTask]).toEqual([false, true]);
    expect(await drain()).toEqual(['task']);
    const add = (name: string, { signal }: AbortController) =>
      queue.addTask('flip', () => Promise.resolve(ran.push(name)), { signal });
    const tasks = [
      add('early', early),
      add('late', late),
      queue.addTask('rewind', () => Promise.resolve(ran.push('c'))),
    ];
    early.abort(new Error('nobody waits'));
    await expect(tasks[0]).rejects.toThrow('nobody waits');
    const item = await queue.next(free);
    late.abort(new Error('too late'));
    expect(queue.has('flip')).toBe(true);
    if (item?.is === 'task') await item.run();
    expect(await drain()).toEqual(['task']);
    expect(await Promise.all(tasks.slice(1))).toEqual([1, 2]);
    expect(ran).toEqual(['late', 'c']);
  });

  test.each(['done', 'failed'])('a flip that is %s is over before its caller hears about it', async (how) => {
    const work = (): Promise<void> => (how === 'done' ? Promise.resolve() : Promise.reject(new Error('failed')));
    const seen: boolean[] = [];
    const look = (): void => void seen.push(queue.has('flip'), queue.isUrgent);
    const heard = queue.addTask('flip', work, { isUrgent: true }).then(look, look);
    look();
    await drain();
    await heard;
    expect(seen).toEqual([true, true, false, false]);
  });

  test('a task whose write was fenced ends the loop too; any other failure concerns only its caller', async () => {
    const fail = (error: Error) => queue.addTask('rewind', () => Promise.reject(error));
    const tasks = Promise.allSettled([fail(new Error('wrong')), fail(new FencedError('c'))]);
    await expect(drain()).rejects.toThrow(FencedError);
    expect((await tasks).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });

  test('everything that may be work wakes the consumer', () => {
    let woken = 0;
    queue.consume(() => (woken += 1));
    queue.addUnprompted(turn());
    void queue.addTask('rewind', () => Promise.resolve());
    queue.wake();
    queue.close();
    expect(woken).toBe(4);
  });
});

test('an answer from the table is outdated once prompts are edited or wait again', async () => {
  await take();
  expect([queue.isPromptNext, queue.hasNoPrompt]).toEqual([true, true]);
  queue.promptsEdited();
  expect([queue.isPromptNext, queue.hasNoPrompt]).toEqual([false, true]);
  await take();
  queue.promptsReturned();
  expect([queue.isPromptNext, queue.hasNoPrompt]).toEqual([false, false]);
  const asked = queue.nextPrompt();
  queue.promptsReturned();
  questions.shift()?.();
  expect(await asked).toBeNull();
  expect([queue.isPromptNext, queue.hasNoPrompt]).toEqual([false, false]);
});
