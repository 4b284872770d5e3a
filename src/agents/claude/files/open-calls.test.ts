import { expect, test } from 'vitest';
import { type Entry, OpenCalls } from './open-calls.ts';

const assistant = (message: string, ...content: object[]): Entry => ({
  type: 'assistant',
  message: { id: message, content },
});
const call = (id: string) => ({ type: 'tool_use', id, name: 'Read', input: {} });
const result = (id: string): Entry => ({
  type: 'user',
  message: { content: [{ type: 'tool_result', tool_use_id: id }] },
});
const deferred = (id: string): Entry => ({
  type: 'attachment',
  attachment: { type: 'hook_deferred_tool', toolUseID: id },
});

function read(...entries: Entry[]): OpenCalls {
  const calls = new OpenCalls();
  for (const entry of entries) calls.add(entry);
  return calls;
}

const asked = [assistant('m1', call('a')), assistant('m1', call('b'))];

test('DECIDE-19: each call of a message is open until it has a result', () => {
  expect(read(...asked).ids).toEqual(['a', 'b']);
  expect(read(...asked, result('b')).ids).toEqual(['a']);
});

test('DECIDE-15: a call is not open any more once the agent has gone on without it', () => {
  expect(read(...asked, result('b'), assistant('m2', { type: 'text', text: 'Done.' })).ids).toEqual([]);
  expect(read(...asked, assistant('m2', call('c'))).ids).toEqual(['c']);
});

test('DECIDE-19: the program asks by itself about the call that was deferred last', () => {
  const calls = read(...asked, deferred('b'), deferred('a'));
  expect(calls.deferredId).toBe('a');
  expect(calls.find('b')?.isDeferred).toBe(false);
  expect(read(...asked, deferred('b'), deferred('a'), result('a')).deferredId).toBeUndefined();
});
