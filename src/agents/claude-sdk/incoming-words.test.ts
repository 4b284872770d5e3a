import type { HookInput, SDKMessage } from '@anthropic-ai/claude-agent-sdk';
import { expect, test } from 'vitest';
import { textOf } from '../../protocol/text-of.ts';
import { IncomingWords } from './incoming-words.ts';

function open() {
  let told = 0;
  const words = new IncomingWords(() => (told += 1));
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
