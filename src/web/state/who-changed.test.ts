import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { ChangedBy, ChangeList, Since } from '../../client/client.ts';
import { BooError } from '../../protocol/error.ts';
import { openWhoChanged, whoChanged, type WhoChanged } from './who-changed.ts';

const chatId = '00000000-0000-4000-8000-000000000001';
const mine: ChangedBy = { chats: [chatId], either: [], people: false, unknown: false };
const unknown: ChangedBy = { chats: [], either: [], people: false, unknown: true };

function listOf(tree: string, by?: ChangedBy, since: Since = 'start'): ChangeList {
  const file = { path: 'a', status: 'modified', added: 1, removed: 1, isBinary: false, isSubmodule: false } as const;
  return {
    chatId,
    since,
    root: '/',
    base: { commit: 'c', takenAt: null, turnId: null },
    tree,
    files: tree === '' ? [] : [{ ...file, content: tree, ...(by && { by }) }],
    count: 1,
    isTruncated: false,
    leftOut: [],
  };
}

let asked: { since: Since | undefined; signal: AbortSignal | undefined }[];
let answer: () => Promise<ChangeList>;
let isVisible: boolean;
let reader: WhoChanged;

beforeEach(() => {
  vi.useFakeTimers();
  [asked, isVisible] = [[], true];
  answer = () => Promise.resolve(listOf('1', mine));
  reader = openWhoChanged({
    chatId,
    api: {
      changes(_, query, { signal } = {}) {
        asked.push({ since: query?.by ? query.since : undefined, signal });
        return answer();
      },
    },
    isVisible: () => isVisible,
    onUnauthorized: () => undefined,
  });
});
afterEach(() => {
  reader.close();
  vi.useRealTimers();
});

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);
const known = (list: ChangeList): ChangedBy | undefined => whoChanged(reader.store.get(), list).get('=a');

it('WEB-98: who changed files is asked for after the list, once for each state of the files and each turn', async () => {
  reader.noteList(listOf('1'), undefined);
  expect([asked.length, known(listOf('1'))]).toEqual([0, undefined]);
  await pass(500);
  expect([asked.map(({ since }) => since), known(listOf('1'))]).toEqual([['start'], mine]);
  reader.noteList(listOf('1'), undefined);
  await pass(5_000);
  expect(asked.length).toBe(1);
  reader.noteList(listOf('2'), undefined);
  // What is known stays meanwhile, but not beside another comparison.
  expect([known(listOf('2')), known(listOf('2', undefined, 'head'))]).toEqual([mine, undefined]);
  await pass(500);
  reader.noteList(listOf('2'), 'turn');
  await pass(500);
  expect(asked.length).toBe(3);
  reader.noteList(listOf(''), 'turn');
  await pass(5_000);
  expect(asked.length).toBe(3);
});

it('WEB-98: it takes the server a quarter of the time at most, and nothing while nobody looks', async () => {
  answer = async () => {
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    return listOf('1', mine);
  };
  reader.noteList(listOf('1'), undefined);
  await pass(600);
  for (const tree of ['2', '3']) reader.noteList(listOf(tree), undefined);
  await pass(1_900);
  expect([asked.length, known(listOf('3'))]).toEqual([1, mine]);
  await pass(5_900);
  expect(asked.length).toBe(1);
  await pass(200);
  expect(asked.length).toBe(2);
  await pass(2_000);
  isVisible = false;
  reader.noteList(listOf('4'), undefined);
  await pass(60_000);
  expect(asked.length).toBe(2);
  isVisible = true;
  reader.noteVisibility();
  await pass(500);
  expect(asked.length).toBe(3);
  reader.close();
  expect(asked[2]!.signal!.aborted).toBe(true);
});

it('WEB-98: it asks once more about what is unknown or failed', async () => {
  answer = () => Promise.resolve(listOf('1', unknown));
  reader.noteList(listOf('1'), undefined);
  await pass(60_000);
  expect([asked.length, known(listOf('1'))]).toEqual([2, unknown]);
  answer = () => Promise.reject(new BooError('changes_unavailable', 'Slow.'));
  reader.noteList(listOf('2'), undefined);
  await pass(60_000);
  expect([asked.length, reader.store.get().problem?.message, known(listOf('2'))]).toEqual([3, 'Slow.', unknown]);
  answer = () => Promise.resolve(listOf('2', mine));
  reader.noteList(listOf('2'), undefined);
  await pass(60_000);
  expect([asked.length, reader.store.get().problem, known(listOf('2'))]).toEqual([4, undefined, mine]);
});
