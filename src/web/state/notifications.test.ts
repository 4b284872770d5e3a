import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { memoryStorage } from '../../../test/support/memory-storage.ts';
import { until } from '../../../test/support/until.ts';
import { notificationWish, notify, withdraw, withdrawAll, wishNotifications } from './notifications.ts';

/** The notifications on screen. */
let shown: string[];
/** Called when a tab asks which chats are active. */
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
      // Not awaited: the callback holds the lock against the other tabs.
      request: (_name: string, _options: object, work: (lock: object) => Promise<void>) => void work({}),
    },
  });
  await wishNotifications(true);
  shown = [];
});
afterEach(() => {
  withdrawAll();
  vi.unstubAllGlobals();
});

const tell = (id: string): Promise<void> => notify({ id, chatId: 'c', title: `${id} happened`, body: '' });

it('WEB-44: closes a notification that is withdrawn, and no other', async () => {
  for (const id of ['a', 'b']) await tell(id);
  expect(shown).toEqual(['a happened', 'b happened']);
  withdraw('a');
  expect(shown).toEqual(['b happened']);
});

it('WEB-45: signing out closes all notifications, and stops those in progress', async () => {
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

it('WEB-62: notifications are on once one was shown, and unsupported if the browser cannot show any', async () => {
  expect(shown).toEqual([]);
  await wishNotifications(false);
  expect(await wishNotifications(true)).toBe('on');
  expect(shown).toEqual(['Notifications will look like this']);
  class Refusing extends FakeNotification {
    constructor(title: string) {
      super(title);
      throw new TypeError('Illegal constructor. Use ServiceWorkerRegistration.showNotification() instead.');
    }
  }
  vi.stubGlobal('Notification', Refusing);
  expect(await wishNotifications(true)).toBe('unsupported');
  expect(notificationWish()).toBe('unsupported');
});

it('WEB-62: an unanswered permission prompt does not turn notifications on', async () => {
  vi.stubGlobal('Notification', { permission: 'default', requestPermission: () => Promise.resolve('default') });
  expect(await wishNotifications(true)).toBe('unanswered');
  expect(await wishNotifications(false)).toBe('off');
});
