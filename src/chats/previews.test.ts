import { expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import type { DeltaBody } from '../protocol/event.ts';
import { previewText } from './preview-text.ts';
import { Previews } from './previews.ts';

function open() {
  const clock = new ManualClock();
  const shown: string[] = [];
  const previews = new Previews(clock, (turnId, body) => shown.push(`${turnId} ${body.type} ${previewText(body)}`));
  return { clock, previews, shown: () => shown.splice(0) };
}

const message = (text: string, messageId = 'm'): DeltaBody => ({
  type: 'agent_message_chunk',
  messageId,
  content: { type: 'text', text },
});
const call = (partialInput: string): DeltaBody => ({
  type: 'tool_call_chunk',
  toolCallId: 'm',
  title: 'T',
  partialInput,
});

test('LOG-19: the first piece is shown at once, and those of the next 10 ms as one, all of them once and in order', () => {
  const { clock, previews, shown } = open();
  previews.add('t', message('a'));
  expect(shown()).toEqual(['t agent_message_chunk a']);
  for (const text of ['b', 'c', 'd']) previews.add('t', message(text));
  clock.advance(9);
  expect(shown()).toEqual([]);
  previews.add('t', message('e'));
  clock.advance(1);
  expect(shown()).toEqual(['t agent_message_chunk bcde']);
  // That was shown just now.
  previews.add('t', message('f'));
  expect(shown()).toEqual([]);
  clock.advance(10);
  expect(shown()).toEqual(['t agent_message_chunk f']);
  clock.advance(10);
  previews.add('t', message('g'));
  expect(shown()).toEqual(['t agent_message_chunk g']);
  expect(clock.pending).toBe(0);
});

test('LOG-19: pieces of different texts stay apart, also where their ids are the same', () => {
  const { clock, previews, shown } = open();
  previews.add('t', message('0'));
  shown();
  previews.add('t', message('a'));
  previews.add('t', message('x', 'n'));
  previews.add('t', call('{"'));
  previews.add('t', { type: 'agent_thought_chunk', messageId: 'm', content: { type: 'text', text: 'Hm' } });
  previews.add('t', message('b'));
  previews.add('t', message('y', 'n'));
  previews.add('t', call('a"}'));
  previews.add('u', message('c'));
  clock.advance(10);
  expect(shown()).toEqual([
    't agent_message_chunk ab',
    't agent_message_chunk xy',
    't tool_call_chunk {"a"}',
    't agent_thought_chunk Hm',
    'u agent_message_chunk c',
  ]);
});

test('LOG-19: what waits is shown before what is shown behind it, and not again', () => {
  const { clock, previews, shown } = open();
  for (const text of ['a', 'b', 'c']) previews.add('t', message(text));
  shown();
  previews.flush();
  expect(shown()).toEqual(['t agent_message_chunk bc']);
  clock.advance(1_000);
  previews.flush();
  expect([shown(), clock.pending]).toEqual([[], 0]);
});
