/** System notifications: one for all tabs of this browser, and none for a chat that is active in any of them. */
import { isActiveInAnyTab } from './active-chat.ts';

const wishKey = 'boocode.notifications';

export type NotificationWish = 'on' | 'off' | 'unanswered' | 'blocked' | 'unsupported' | 'impossible';

export function notificationWish(): NotificationWish {
  // Browsers offer notifications only on secure pages (HTTPS or localhost).
  if (!('Notification' in globalThis) || !isSecureContext) return 'impossible';
  if (Notification.permission === 'denied') return 'blocked';
  const wish = localStorage.getItem(wishKey);
  if (wish === 'unsupported') return 'unsupported';
  if (wish !== 'on') return 'off';
  return Notification.permission === 'granted' ? 'on' : 'unanswered';
}

export async function wishNotifications(isWanted: boolean): Promise<NotificationWish> {
  localStorage.setItem(wishKey, isWanted ? 'on' : 'off');
  if (isWanted && notificationWish() !== 'impossible') await Notification.requestPermission();
  // Only showing one proves that they work.
  if (isWanted && notificationWish() === 'on') show({ id: wishKey, title: 'Notifications will look like this' });
  return notificationWish();
}

export interface AppNotification {
  /** The same in every tab. */
  id: string;
  chatId?: string;
  title: string;
  body?: string;
}

/** How long the first tab keeps others from showing it too. A later one replaces the notification silently. */
const othersMs = 30_000;

/** Counts sign-outs, so that a notification still in progress is not shown afterwards. */
let departures = 0;
const shown = new Map<string, Notification>();

export async function notify(notification: AppNotification): Promise<void> {
  const before = departures;
  if (notificationWish() !== 'on' || (notification.chatId && (await isActiveInAnyTab(notification.chatId)))) return;
  await navigator.locks.request(`boocode.notified.${notification.id}`, { ifAvailable: true }, async (lock) => {
    if (lock === null || before !== departures || !show(notification)) return;
    await new Promise((resolve) => setTimeout(resolve, othersMs));
  });
}

/** Closes the notification, if it is still shown. */
export function withdraw(id: string): void {
  shown.get(id)?.close();
  shown.delete(id);
}

/** Closes all notifications when their user signs out. */
export function withdrawAll(): void {
  departures += 1;
  for (const id of shown.keys()) withdraw(id);
}

function show({ id, chatId, title, body = '' }: AppNotification): boolean {
  try {
    const notification = new Notification(title, { body, tag: id });
    shown.set(id, notification);
    notification.addEventListener('close', () => shown.delete(id));
    notification.addEventListener('click', () => {
      window.focus();
      if (chatId !== undefined) location.hash = `#/chat/${chatId}`;
      notification.close();
    });
    return true;
  } catch {
    // Some mobile browsers define `Notification` but only show notifications from a service worker.
    localStorage.setItem(wishKey, 'unsupported');
    return false;
  }
}
