import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { memoryStorage } from '../../../test/support/memory-storage.ts';
import { until } from '../../../test/support/until.ts';
import { notify, withdraw, withdrawAll, wishNotifications } from './notifications.ts';

/** What a browser shows. */
let shown: string[];
/** Called when a tab asks which chats are in front. */
let onQuery: () => void;

class FakeNotification extends EventTarget {
  static readonly permission = 'granted';
  static readonly requestPermission = (): Promise<string> => Promise.resolve('granted');
  readonly title: string;
  constructor(title: string) {
    super();
    this.title = title;
    shown.push(title);
  }
  close(): void {
    shown = shown.filter((title) => title !== this.title);
  }
}

beforeEach(async () => {
  shown = [];
  onQuery = () => undefined;
  vi.stubGlobal('localStorage', memoryStorage(1_000));
  vi.stubGlobal('isSecureContext', true);
  vi.stubGlobal('Notification', FakeNotification);
  vi.stubGlobal('navigator', {
    locks: {
      query() {
        onQuery();
        return Promise.resolve({ held: [] });
      },
      // Not waited for: what follows holds the lock for the other tabs.
      request: (_name: string, _options: object, work: (lock: object) => Promise<void>) => void work({}),
    },
  });
  await wishNotifications(true);
});
afterEach(() => {
  withdrawAll();
  vi.unstubAllGlobals();
});

const tell = (id: string): Promise<void> => notify({ id, chatId: 'c', title: `${id} happened`, body: '' });

it('WEB-44: what is over is withdrawn', async () => {
  for (const id of ['a', 'b']) await tell(id);
  expect(shown).toEqual(['a happened', 'b happened']);
  withdraw('a');
  expect(shown).toEqual(['b happened']);
});

it('WEB-45: nothing that was told stays when somebody signs out, nor comes after', async () => {
  for (const id of ['a', 'b']) await tell(id);
  let isAsked = false;
  onQuery = () => {
    isAsked = true;
    withdrawAll();
  };
  await tell('late');
  expect(await until(() => isAsked)).toBe(true);
  expect(shown).toEqual([]);
  onQuery = () => undefined;
  await tell('of the next one');
  expect(shown).toEqual(['of the next one happened']);
});
