import { beforeEach, expect, test } from 'vitest';
import type { PromptRow } from '../store/prompts.ts';
import { WaitingPrompts } from './waiting-prompts.ts';

// What the table would hold; questions and writes take effect when the test lets them.
let stored: PromptRow[];
let questions: (() => void)[];
let prompts: WaitingPrompts;

beforeEach(() => {
  stored = [];
  questions = [];
  prompts = new WaitingPrompts(() => new Promise((resolve) => questions.push(() => resolve(stored[0] ?? null))));
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
  const done = prompts.add(() => told);
  const commit = (): void => void stored.push({ id, seq, content, starts: 0 });
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

test('is known to be empty only after the table has said so', async () => {
  expect(prompts.isEmpty).toBe(false);
  expect(await take()).toBeNull();
  expect(prompts.isEmpty).toBe(true);
  const a = send('a', 1);
  expect(prompts.isEmpty).toBe(false);
  a.commit();
  a.tell();
  await a.done;
  expect(await take()).toBe('a');
  expect(prompts.isEmpty).toBe(false);
  expect(await take()).toBeNull();
  expect(prompts.isEmpty).toBe(true);
});

test('PROMPT-3: the ones that were stored follow in order, behind what an earlier host left', async () => {
  stored.push({ id: 'left', seq: 1, content, starts: 0 });
  await store('a', 2);
  await store('b', 3);
  expect([await take(), await take(), await take(), await take()]).toEqual(['left', 'a', 'b', null]);
});

test('PROMPT-3: an answer from before a prompt was stored does not count', async () => {
  const early = prompts.next();
  const a = send('a', 1);
  questions.shift()?.();
  expect(await early).toBeNull();
  expect(prompts.isEmpty).toBe(false);
  a.commit();
  a.tell();
  await a.done;
  expect(prompts.isEmpty).toBe(false);
});

test('PROMPT-3: an answer while a prompt was on its way does not count', async () => {
  const a = send('a', 1);
  expect(await take()).toBeNull();
  expect(prompts.isEmpty).toBe(false);
  a.commit();
  a.tell();
  await a.done;
  expect(prompts.isEmpty).toBe(false);
});

test('LOG-8: after a write whose answer was lost it is not known', async () => {
  await take();
  const a = send('a', 1);
  a.commit();
  a.fail(new Error('lost'));
  await expect(a.done).rejects.toThrow('lost');
  expect(prompts.isEmpty).toBe(false);
  expect(await take()).toBe('a');
});
