import { beforeEach, expect, it } from 'vitest';
import type { Chat } from '../../protocol/chat.ts';
import { createWarmAhead } from './warm-ahead.ts';

let asked: string[];
let nowMs: number;
let chats: Record<string, Partial<Chat>>;
let warmAhead: (chatId: string) => void;
beforeEach(() => {
  asked = [];
  nowMs = 0;
  chats = { cold: { state: 'cold' }, ready: { state: 'ready' }, away: { state: 'cold', archived: true } };
  const api = { warm: (chatId: string) => (asked.push(chatId), Promise.reject(new Error('No.'))) };
  warmAhead = createWarmAhead(
    api,
    (chatId) => chats[chatId] as Chat | undefined,
    () => nowMs,
  );
});

it('WEB-73: asks for cold chats that are not archived, once in a while', () => {
  for (const id of ['cold', 'ready', 'away', 'unknown', 'cold']) warmAhead(id);
  expect(asked).toEqual(['cold']);
  nowMs = 29_999;
  warmAhead('cold');
  expect(asked).toEqual(['cold']);
  nowMs = 30_000;
  warmAhead('cold');
  expect(asked).toEqual(['cold', 'cold']);
});
