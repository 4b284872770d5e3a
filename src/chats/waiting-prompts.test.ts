import { beforeEach, expect, test } from 'vitest';
import type { PromptRow } from '../store/prompts.ts';
import { WaitingPrompts } from './waiting-prompts.ts';

// What the table would hold; questions and writes take effect when the test lets them.
let stored: PromptRow[];
let questions: (() => void)[];
let asked: number;
let prompts: WaitingPrompts;

beforeEach(() => {
  stored = [];
  questions = [];
  asked = 0;
  prompts = new WaitingPrompts(() => {
    asked += 1;
    return new Promise((resolve) => questions.push(() => resolve(stored[0] ?? null)));
  });
});

const content = [{ type: 'text' as const, text: 'hello' }];

/** A prompt on its way: `commit` stores it, `tell` lets its writer know, `fail` that it is not known. */
function send(id: string, seq: number) {
  let tell = (): void => {};
  let fail = (_error: Error): void => {};
  const told = new Promise<number>((resolve, reject) => {
    tell = () => resolve(seq);
    fail = reject;
  });
  const done = prompts.add({ id, content }, () => told);
  const commit = (): void => void stored.push({ id, seq, content });
  return { done, commit, tell, fail };
}

async function store(id: string, seq: number): Promise<void> {
  const sent = send(id, seq);
  sent.commit();
  sent.tell();
  expect(await sent.done).toBe(seq);
}

/** The id of the next prompt, which is then taken. */
async function take(): Promise<string | null> {
  const next = prompts.next();
  questions.shift()?.();
  const prompt = await next;
  if (prompt) stored = stored.filter(({ id }) => id !== prompt.id);
  return prompt?.id ?? null;
}

test('a prompt that is stored while none waits is next without a question', async () => {
  expect(await take()).toBeNull();
  await store('a', 1);
  expect(asked).toBe(1);
  expect(await prompts.next()).toEqual({ id: 'a', seq: 1, content });
  expect(asked).toBe(1);
});

test('PROMPT-3: the ones that were stored behind it follow in order', async () => {
  await take();
  await store('a', 1);
  await store('b', 2);
  await store('c', 3);
  expect([await take(), await take(), await take(), await take()]).toEqual(['a', 'b', 'c', null]);
});

test('PROMPT-3 PROMPT-4: nothing overtakes what an earlier host left', async () => {
  stored.push({ id: 'left', seq: 1, content });
  await store('a', 2);
  expect([await take(), await take(), await take()]).toEqual(['left', 'a', null]);
});

test('PROMPT-3: an answer from before a prompt was stored lets no later one overtake it', async () => {
  const early = prompts.next();
  const a = send('a', 1);
  questions.shift()?.();
  expect(await early).toBeNull();
  a.commit();
  a.tell();
  await a.done;
  await store('b', 2);
  expect([await take(), await take()]).toEqual(['a', 'b']);
});

test('PROMPT-3: a prompt that was on its way when the question was asked is not overtaken either', async () => {
  const a = send('a', 1);
  expect(await take()).toBeNull();
  a.commit();
  a.tell();
  await a.done;
  await store('b', 2);
  expect([await take(), await take()]).toEqual(['a', 'b']);
});

test('TURN-1: a prompt that was the answer to a question is not passed on a second time', async () => {
  await take();
  const a = send('a', 1);
  a.commit();
  expect(await take()).toBe('a');
  a.tell();
  await a.done;
  expect(await take()).toBeNull();
});

test('LOG-8: after a write whose answer was lost the table is asked', async () => {
  await take();
  const a = send('a', 1);
  a.commit();
  a.fail(new Error('lost'));
  await expect(a.done).rejects.toThrow('lost');
  await store('b', 2);
  expect([await take(), await take(), await take()]).toEqual(['a', 'b', null]);
});
