import { expect, test } from 'vitest';
import type { DeltaBody } from '../../protocol/event.ts';
import { DisplayedMessages } from './displayed-messages.ts';

function openDisplayed({ hasTurn = true } = {}) {
  const shown: DeltaBody[] = [];
  const state = { hasTurn };
  const displayed = new DisplayedMessages((delta) => {
    if (state.hasTurn) shown.push(delta);
    return state.hasTurn;
  });
  const chunks = (): string[] =>
    shown.flatMap((each) => (each.type === 'agent_message_chunk' ? [`${each.messageId}:${each.content.text}`] : []));
  return { displayed, chunks, state };
}

const message = (messageId: string, text: string) => ({
  type: 'agent_message' as const,
  messageId,
  content: [{ type: 'text' as const, text }],
});

test('PTY-14: the stored message takes the id of its preview, and what the program shows later is dropped', () => {
  const { displayed, chunks } = openDisplayed();
  displayed.take({ messageId: 'p', index: 0, text: 'one\n' });
  expect(displayed.stored(message('m', 'one\ntwo'))).toEqual(message('p', 'one\ntwo'));
  displayed.take({ messageId: 'p', index: 1, text: 'two' });
  expect(chunks()).toEqual(['p:one\n']);
  expect(displayed.stored(message('n', 'more'))).toEqual(message('n', 'more'));
});

test('PTY-14: pieces that overtake each other are shown in their order', () => {
  const { displayed, chunks } = openDisplayed();
  displayed.take({ messageId: 'p', index: 2, text: 'c' });
  displayed.take({ messageId: 'p', index: 0, text: 'a' });
  displayed.take({ messageId: 'p', index: 0, text: 'a' });
  displayed.take({ messageId: 'p', index: 1, text: 'b' });
  expect(chunks()).toEqual(['p:a', 'p:bc']);
});

test('PTY-15: a preview that comes after its message is not shown', () => {
  const { displayed, chunks } = openDisplayed();
  expect(displayed.stored(message('m', 'a  text\nof two lines'))).toEqual(message('m', 'a  text\nof two lines'));
  displayed.take({ messageId: 'p', index: 0, text: 'a text\n' });
  displayed.take({ messageId: 'p', index: 1, text: 'of two lines' });
  expect(chunks()).toEqual([]);
  displayed.take({ messageId: 'q', index: 0, text: 'a text\n' });
  expect(chunks()).toEqual(['q:a text\n']);
});

test('PTY-15: a preview whose text the program has changed is replaced all the same', () => {
  const { displayed } = openDisplayed();
  displayed.take({ messageId: 'p', index: 0, text: 'shown otherwise' });
  expect(displayed.stored(message('m', 'said'))).toEqual(message('p', 'said'));
});

test('PTY-15: of two previews, the one with the message’s text is replaced', () => {
  const { displayed } = openDisplayed();
  displayed.take({ messageId: 'given up', index: 0, text: 'a first try' });
  displayed.take({ messageId: 'p', index: 0, text: 'again' });
  expect(displayed.stored(message('m', 'again'))).toEqual(message('p', 'again'));
});

test('PTY-14: what is shown without a turn is a preview once there is one, and none after its end', () => {
  const { displayed, chunks, state } = openDisplayed({ hasTurn: false });
  displayed.take({ messageId: 'p', index: 0, text: 'a\n' });
  state.hasTurn = true;
  displayed.take({ messageId: 'p', index: 1, text: 'b\n' });
  displayed.noteTurnEnd();
  displayed.take({ messageId: 'p', index: 2, text: 'c' });
  expect(chunks()).toEqual(['p:a\nb\n']);
});
