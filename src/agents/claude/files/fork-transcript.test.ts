import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { describe, expect, test } from 'vitest';
import type { EntryFate, EntryTime, ForkedTurn } from '../../agent.ts';
import { createForkReader } from './fork-transcript.ts';

const typed = (uuid: string, content: unknown = 'hello'): SessionStoreEntry => ({
  type: 'user',
  uuid,
  message: { role: 'user', content },
});
const answered = (text: string): SessionStoreEntry => ({
  type: 'assistant',
  uuid: text,
  message: { role: 'assistant', content: [{ type: 'text', text }] },
});
const result = typed('result', [{ type: 'tool_result', tool_use_id: 't', content: 'x' }]);
const entered = (worktreePath: string | null): SessionStoreEntry => ({
  type: 'worktree-state',
  worktreeSession: worktreePath === null ? null : { worktreePath },
});

const readerOf = (turn: Partial<ForkedTurn> = {}) =>
  createForkReader({
    turnId: 'turn',
    laterIds: new Set(['later']),
    answer: { messageId: 'm/0', text: 'Hi.' },
    ...turn,
  });

describe('FORK-2: of a transcript', () => {
  test.each<[string, SessionStoreEntry, EntryTime, EntryFate]>([
    ['what was stored before and during the turn is copied', typed('a'), 'before', 'copied'],
    ['a result is copied', result, 'during', 'copied'],
    ['a prompt during the turn is copied', typed('b'), 'during', 'copied'],
    ['the late rest of the turn is copied', answered('late'), 'between', 'copied'],
    [
      'a message from elsewhere after the turn is its end',
      { ...typed('d'), origin: { kind: 'task-notification' }, turnOrigin: 'task_notification', isMeta: true },
      'between',
      'beyond',
    ],
    ['a prompt after the turn is its end', typed('c'), 'between', 'beyond'],
    ['a prompt after the next one began is its end', typed('c'), 'later', 'beyond'],
    ['its answer is copied, whenever it was stored', answered('x'), 'later', 'copied'],
    ['a prompt of a later turn is its end, whenever it was stored', typed('later'), 'during', 'beyond'],
    ['notes after the turn are left out', { type: 'last-prompt', lastPrompt: 'x' }, 'between', 'left'],
    ['notes before its end are copied', { type: 'last-prompt', lastPrompt: 'x' }, 'during', 'copied'],
    ['the program’s count is left out', { type: 'cost-state' }, 'before', 'left'],
    ['the program’s queue is left out', { type: 'queue-operation' }, 'during', 'left'],
    ['a worktree that was left after the turn is left', entered(null), 'between', 'copied'],
  ])('%s', (_, entry, when, fate) => {
    const reader = readerOf();
    reader.take(typed('turn'), 'before');
    expect(reader.take(entry, when)).toBe(fate);
  });

  test('nothing follows its answer that was stored after the next turn began', () => {
    const reader = readerOf();
    reader.take(typed('a'), 'during');
    expect(reader.take(answered('Hi.'), 'later')).toBe('copied');
    expect(reader.take(answered('x'), 'later')).toBe('beyond');
  });

  test('the last worktree counts', () => {
    const reader = readerOf();
    expect(reader.worktree).toBeNull();
    reader.take(entered('/a'), 'before');
    reader.take(entered('/b'), 'during');
    reader.take(entered('/c'), 'later');
    expect(reader.worktree).toBe('/b');
    expect(reader.typesBefore).toContain('worktree-state');
  });
});

describe('FORK-8: the turn is there', () => {
  const isWhole = (entries: [SessionStoreEntry, EntryTime][], turn: Partial<ForkedTurn> = {}): boolean => {
    const reader = readerOf(turn);
    for (const [entry, when] of entries) if (reader.take(entry, when) === 'beyond') break;
    return reader.isWhole;
  };
  test('with its answer, also if that was stored late', () => {
    expect(isWhole([[typed('a'), 'during']])).toBe(false);
    expect(isWhole([[typed('turn'), 'before']])).toBe(false);
    expect(
      isWhole([
        [typed('a'), 'during'],
        [answered('Hi.'), 'between'],
      ]),
    ).toBe(true);
    expect(
      isWhole([
        [typed('a'), 'between'],
        [answered('Hi.'), 'later'],
      ]),
    ).toBe(true);
    // A message that the log has after the turn was given to the agent before it.
    expect(
      isWhole([
        [typed('later'), 'during'],
        [answered('Noted.'), 'during'],
        [typed('a'), 'during'],
        [answered('Hi.'), 'during'],
      ]),
    ).toBe(true);
    // Of the next turn.
    expect(
      isWhole([
        [typed('a'), 'during'],
        [typed('b'), 'later'],
        [answered('Hi.'), 'later'],
      ]),
    ).toBe(false);
    // The same words of an earlier turn are another answer.
    expect(
      isWhole([
        [answered('Hi.'), 'before'],
        [typed('a'), 'during'],
      ]),
    ).toBe(false);
  });
  test('if it has no answer of the model’s own', () => {
    expect(isWhole([[typed('a'), 'during']], { answer: null })).toBe(true);
    expect(isWhole([[typed('turn'), 'before']], { answer: null })).toBe(true);
    expect(isWhole([[typed('a'), 'during']], { answer: { messageId: 'local/1', text: 'Hi.' } })).toBe(true);
    expect(isWhole([[typed('a'), 'before']], { answer: null })).toBe(false);
  });
});
