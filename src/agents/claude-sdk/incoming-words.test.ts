import type { HookInput, SDKMessage } from '@anthropic-ai/claude-agent-sdk';
import { expect, test } from 'vitest';
import { textOf } from '../../protocol/text-of.ts';
import { IncomingWords } from './incoming-words.ts';

function open(isScheduled?: (words: string) => Promise<boolean>) {
  let told = 0;
  const words = new IncomingWords(() => (told += 1), isScheduled && { isScheduled });
  const [hook] = words.hooks.UserPromptSubmit![0]!.hooks;
  const base = { session_id: 's', transcript_path: '', cwd: '/', hook_event_name: 'UserPromptSubmit' as const };
  return {
    words,
    told: () => told,
    say: (prompt: string) =>
      hook!({ ...base, prompt } as HookInput, undefined, { signal: new AbortController().signal }),
    frame: (frame: object) => words.noteFrame(frame as SDKMessage),
    taken: () => words.take().map(({ origin, content }) => [origin.kind, textOf(content)]),
  };
}
const text = (words: string) => [{ type: 'text' as const, text: words }];
const envelope = '<cross-session-message from="a">\nHello.\n</cross-session-message>';

test('TURN-6: our prompt is not an incoming message, whatever the hook receives', async () => {
  const { words, say, taken } = open();
  words.expect(text(' one\n'));
  await say('one');
  words.expect([...text('two'), ...text('three')]);
  await say('two three');
  words.expect(text(envelope));
  await say(envelope);
  expect(taken()).toEqual([]);
});

test('TURN-6: another agent’s message is reported while our prompt waits', async () => {
  const { words, say, taken, told } = open();
  words.expect(text('one'));
  await say(envelope);
  await say('one');
  expect(taken()).toEqual([['teammate', 'Hello.']]);
  expect(taken()).toEqual([]);
  expect(told()).toBe(1);
});

test('TURN-6: once our prompt has started, everything else is reported', async () => {
  const { words, say, taken } = open();
  words.expect(text('/compact'));
  words.noteBegun();
  await say('Not delivered.');
  expect(taken()).toEqual([['other', 'Not delivered.']]);
});

test('TURN-6: only a prompt that the agent scheduled is recognized by the frame before it', async () => {
  const { say, frame, taken } = open();
  frame({ type: 'command_lifecycle', state: 'started', wakeup_source: 'schedule_wakeup' });
  await say(envelope);
  await say(envelope);
  frame({ type: 'command_lifecycle', state: 'started', wakeup_source: 'loop_wakeup' });
  frame({ type: 'command_lifecycle', state: 'started' });
  await say(envelope);
  expect(taken()).toEqual([
    ['wake_up', envelope],
    ['teammate', 'Hello.'],
    ['teammate', 'Hello.'],
  ]);
});

test('TURN-6: a frame that arrives together with the hook is read before it', async () => {
  const { say, frame, taken } = open();
  const asked = say('Look again.');
  await Promise.resolve();
  frame({ type: 'command_lifecycle', state: 'started', wakeup_source: 'schedule_wakeup' });
  await asked;
  expect(taken()).toEqual([['wake_up', 'Look again.']]);
});

const blocked = { decision: 'block' };

test('SCHEDULE-12: what the chat gives the program does not tell, even while the same words of ours wait', async () => {
  const { words, say, frame, taken } = open((text) => Promise.resolve(text === 'Look.'));
  const announce = (): void => frame({ type: 'command_lifecycle', state: 'started', wakeup_source: 'schedule_wakeup' });
  words.expect(text('Look.'));
  announce();
  expect(await say('Look.')).toMatchObject(blocked);
  expect(await say('Look.')).toEqual({});
  announce();
  expect(await say('Other.')).toEqual({});
  expect(taken()).toEqual([['wake_up', 'Other.']]);
});

test('TURN-27: a prompt waits until it is stored, and is blocked if it is not; the next one is not held', async () => {
  const { words, say } = open();
  let store = (_isStored: boolean): void => {};
  words.expect(text('one'), new Promise((resolve) => (store = resolve)));
  const asked = say('one');
  expect(words.isHolding).toBe(true);
  store(true);
  expect(await asked).toEqual({});
  expect(words.isHolding).toBe(false);
  words.expect(text('two'), Promise.resolve(false));
  expect(await say('two')).toMatchObject(blocked);
  words.expect(text('three'), Promise.reject(new Error('Not now.')));
  expect(await say('three')).toMatchObject(blocked);
  expect(words.isHolding).toBe(false);
  words.expect(text('four'));
  expect(await say('four')).toEqual({});
});

test('TURN-27: a prompt that is not stored when the session ends goes no further', async () => {
  const { words, say } = open();
  words.expect(text('one'), new Promise(() => {}));
  const asked = say('one');
  words.close();
  expect(await asked).toMatchObject(blocked);
  expect(words.isHolding).toBe(false);
  words.expect(text('two'), new Promise(() => {}));
  expect(words.isHolding).toBe(true);
  expect(await say('two')).toMatchObject(blocked);
});

test('TURN-27: a prompt is held even if other words were taken for it', async () => {
  const { words, say } = open();
  words.expect(text('one'), Promise.resolve(false));
  expect(await say('Other words.')).toMatchObject(blocked);
  expect(await say('one')).toMatchObject(blocked);
});

test('TURN-27: only a program that asks is given a prompt ahead, and none that may be its own command', async () => {
  const { words, say } = open();
  expect(words.canHold(text('one'))).toBe(false);
  words.expect(text('one'));
  await say('one');
  words.noteBegun();
  expect(words.canHold(text('one /compact'))).toBe(true);
  for (const command of ['/compact', ' \n/clear', '\u200b/clear', '\u001b/clear']) {
    expect(words.canHold(text(command))).toBe(false);
    expect(words.canHold([...text('one'), ...text(command)])).toBe(false);
  }
  words.expect(text('two'));
  words.noteBegun();
  expect(words.canHold(text('one'))).toBe(false);
});
