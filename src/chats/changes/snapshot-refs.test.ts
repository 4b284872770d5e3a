import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { momentIn } from './snapshot-refs.ts';

const workingTree = createHash('sha256').update('/top').digest('hex').slice(0, 16);
const line = (facts: string): string => ['refs/boocode/chat/turn', 'tree', '', facts].join('\0');

test('FUZZ-1: a state that somebody else has put among those of chats is left out', () => {
  const ours = JSON.stringify({ at: 7, workingTree });
  expect(momentIn(line(ours), '/top')).toEqual({
    chatId: 'chat',
    turnId: 'turn',
    isEnd: false,
    at: 7,
    tree: 'tree',
    head: null,
  });
  for (const facts of [
    '{',
    '{"at":',
    'null',
    '[]',
    JSON.stringify({ at: '7', workingTree }),
    JSON.stringify({ at: 7 }),
  ])
    expect(momentIn(line(facts), '/top')).toBeUndefined();
  expect(momentIn(line(ours), '/elsewhere')).toBeUndefined();
});
