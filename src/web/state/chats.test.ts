import { describe, expect, it } from 'vitest';
import type { Chat, ChatPage } from '../../protocol/chat.ts';
import { createChats, sorted } from './chats.ts';

const chat = (id: string, part: Partial<Chat> = {}): Chat => ({
  id,
  title: id,
  cwd: '/',
  agent: 'claude',
  backend: 'claude_sdk',
  model: null,
  permissionMode: 'default',
  trusted: false,
  state: 'cold',
  archived: false,
  waiting: 0,
  costUsd: 0,
  tokensIn: 0,
  tokensOut: 0,
  head: 0,
  createdAt: '2026-01-01T00:00:00.000Z',
  updatedAt: '2026-01-01T00:00:00.000Z',
  ...part,
});

/** Chats whose lists arrive when the test says so. */
function open() {
  let answer: (page: ChatPage) => void = () => undefined;
  const chats = createChats({ listChats: () => new Promise((resolve) => (answer = resolve)) });
  return {
    chats,
    titles: () => [...chats.store.get().byId.values()].map(({ title }) => title).toSorted((a, b) => a.localeCompare(b)),
    reload: async (items: Chat[], meanwhile: () => void = () => undefined, next: string | null = null) => {
      const done = chats.reload();
      meanwhile();
      answer({ items, next });
      await done;
    },
  };
}

describe('the list of chats', () => {
  it('is what a whole list says, with those that are put away', async () => {
    const { chats, reload, titles } = open();
    chats.putAll([chat('gone'), chat('away', { archived: true })]);
    await reload([chat('a'), chat('b')]);
    expect(titles()).toEqual(['a', 'away', 'b']);
    await reload([chat('a')], undefined, 'more');
    expect(titles()).toEqual(['a', 'away', 'b']);
  });

  it('WEB-21: keeps what was told while a list was on its way', async () => {
    const { chats, reload, titles } = open();
    chats.put(chat('a'));
    await reload([chat('a'), chat('deleted')], () => {
      chats.put(chat('made'));
      chats.put(chat('a', { title: 'a renamed' }));
      chats.remove('deleted');
    });
    expect(titles()).toEqual(['a renamed', 'made']);
  });

  it('has what happened last first', () => {
    const at = (hour: string) => ({ updatedAt: `2026-01-01T${hour}:00:00.000Z` });
    expect(sorted([chat('a', at('01')), chat('b', at('03')), chat('c', at('02'))]).map(({ id }) => id)).toEqual([
      'b',
      'c',
      'a',
    ]);
  });
});
