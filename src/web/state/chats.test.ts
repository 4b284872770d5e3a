import { describe, expect, it } from 'vitest';
import { type Chat, type ChatPage, initialSettings } from '../../protocol/chat.ts';
import { createChats, sorted } from './chats.ts';

const chat = (id: string, part: Partial<Chat> = {}): Chat => ({
  ...initialSettings,
  id,
  title: id,
  cwd: '/',
  workspace: null,
  holder: null,
  currentDirectory: '/',
  agent: 'claude',
  backend: 'claude_sdk',
  state: 'cold',
  waitsFor: null,
  mcpServers: null,
  waiting: 0,
  hold: null,
  costUsd: 0,
  tokensIn: 0,
  tokensOut: 0,
  head: 0,
  forkedFrom: null,
  worktree: null,
  group: null,
  createdAt: '2026-01-01T00:00:00.000Z',
  updatedAt: '2026-01-01T00:00:00.000Z',
  ...part,
});

/** A chat list whose requests the test answers by number, from 0. */
function open() {
  const requests: { answer(page: ChatPage): void; fail(error: Error): void; after: string | undefined }[] = [];
  const chats = createChats({
    listChats: ({ after } = {}) =>
      new Promise((answer, fail) => {
        requests.push({ answer, fail, after });
      }),
  });
  const answer = (number: number, items: Chat[], next: string | null = null): void =>
    requests[number]?.answer({ items, next });
  return {
    chats,
    requests,
    answer,
    byTitle: () => new Map([...chats.store.get().byId.values()].map((each) => [each.title, each])),
    titles: () => [...chats.store.get().byId.values()].map(({ title }) => title).toSorted((a, b) => a.localeCompare(b)),
    reload: async (items: Chat[], meanwhile: () => void = () => undefined, next: string | null = null) => {
      const done = chats.reload();
      meanwhile();
      answer(requests.length - 1, items, next);
      await done;
    },
  };
}
const made = (minute: number) => ({ createdAt: `2026-01-01T00:${String(minute).padStart(2, '0')}:00.000Z` });

describe('the chat list', () => {
  it('drops chats missing from a complete list, but not archived ones', async () => {
    const { chats, reload, titles } = open();
    for (const each of [chat('gone'), chat('away', { archived: true })]) chats.receive(each);
    await reload([chat('a'), chat('b')]);
    expect(titles()).toEqual(['a', 'away', 'b']);
    await reload([chat('a')], undefined, 'more');
    expect(titles()).toEqual(['a', 'away', 'b']);
  });

  it('WEB-21: keeps updates that arrive while a list is loading', async () => {
    const { chats, reload, titles } = open();
    chats.receive(chat('a'));
    await reload([chat('a'), chat('deleted')], () => {
      chats.receive(chat('made'));
      chats.receive(chat('a', { title: 'a renamed' }));
      chats.remove('deleted');
    });
    expect(titles()).toEqual(['a renamed', 'made']);
  });

  it('WEB-21: keeps updates that arrive while an older page or search results are loading', async () => {
    const { chats, requests, answer, reload, titles, byTitle } = open();
    await reload([chat('first')], undefined, 'page 2');
    const stale = [chat('a', { state: 'running' }), chat('deleted')];
    for (const read of [() => chats.loadMore(), () => chats.find({ q: 'a' })]) {
      const done = read();
      chats.receive(chat('a', { state: 'ready' }));
      chats.remove('deleted');
      answer(requests.length - 1, stale);
      await done;
      expect(titles()).toEqual(['a', 'first']);
      expect(byTitle().get('a')?.state).toBe('ready');
    }
  });

  it('WEB-21: keeps updates that arrive while two lists are loading, and the later of the two', async () => {
    const { chats, answer, titles } = open();
    const [one, two] = [chats.reload(), chats.reload()];
    chats.receive(chat('a', { title: 'a renamed' }));
    answer(1, [chat('a'), chat('b', { title: 'b of the later' })]);
    await two;
    chats.receive(chat('made'));
    answer(0, [chat('a'), chat('b')]);
    await one;
    expect(titles()).toEqual(['a renamed', 'b of the later', 'made']);
  });

  it('WEB-21: accepts a newer chat from a page, but no older or deleted chat from a response', async () => {
    const { chats, reload, byTitle, titles } = open();
    await reload([chat('a', { head: 3, state: 'ready' })], () =>
      chats.receive(chat('a', { head: 2, state: 'running' })),
    );
    expect(byTitle().get('a')?.state).toBe('ready');
    chats.put(chat('a', { head: 2, state: 'running' }));
    expect(byTitle().get('a')?.state).toBe('ready');
    chats.put(chat('a', { head: 3, state: 'failed' }));
    expect(byTitle().get('a')?.state).toBe('failed');
    chats.remove('a');
    chats.put(chat('a', { head: 4 }));
    expect(titles()).toEqual([]);
    // It is back after a database restore.
    await reload([chat('a', { head: 1 })]);
    expect(titles()).toEqual(['a']);
  });

  it('WEB-28: reloads as many pages as were loaded, and drops chats deleted meanwhile', async () => {
    const { chats, requests, answer, reload, titles } = open();
    await reload([chat('a', made(9)), chat('b', made(8))], undefined, 'page 2');
    const more = chats.loadMore();
    answer(1, [chat('c', made(7)), chat('d', made(6))], 'page 3');
    await more;
    chats.receive(chat('far', made(1)));
    const done = chats.reload();
    answer(2, [chat('new', made(10)), chat('a', made(9))], 'another page 2');
    await expect.poll(() => requests.length).toBe(4);
    answer(3, [chat('d', made(6)), chat('e', made(5))], 'another page 3');
    await done;
    expect(requests.map(({ after }) => after)).toEqual([undefined, 'page 2', undefined, 'another page 2']);
    expect(titles()).toEqual(['a', 'd', 'e', 'far', 'new']);
    expect(chats.store.get().next).toBe('another page 3');
  });

  it('reports that it could not be loaded, and keeps what it has', async () => {
    const { chats, requests, titles } = open();
    chats.receive(chat('a'));
    const done = chats.reload();
    requests[0]?.fail(new Error('The server is away.'));
    expect(await done).toBe(false);
    expect([titles(), chats.store.get().error]).toEqual([['a'], 'The server is away.']);
  });

  it('starts with the most recently updated chat', () => {
    const at = (hour: string) => ({ updatedAt: `2026-01-01T${hour}:00:00.000Z` });
    expect(sorted([chat('a', at('01')), chat('b', at('03')), chat('c', at('02'))]).map(({ id }) => id)).toEqual([
      'b',
      'c',
      'a',
    ]);
  });
});
