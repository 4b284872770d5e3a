/** What is told outside the page, once by all tabs of this browser together, and not of a chat that is in front in one. */
import { isActiveInAnyTab } from './active-chat.ts';

const wishKey = 'boocode.notifications';

export type NotificationWish = 'on' | 'off' | 'unanswered' | 'blocked' | 'unsupported' | 'impossible';

export function notificationWish(): NotificationWish {
  // Browsers have them only on pages that came over TLS or from this machine.
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
  // Only one that was shown proves that there will be any.
  if (isWanted && notificationWish() === 'on') show({ id: wishKey, title: 'You will be notified like this' });
  return notificationWish();
}

export interface AppNotification {
  /** The same in every tab that hears of it. */
  id: string;
  chatId?: string;
  title: string;
  body?: string;
}

/** How much later than the first another tab may hear of it. One later still replaces the notification, without a sound. */
const othersMs = 30_000;

/** How often somebody has gone: what was on its way to them is not shown any more. */
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

/** It is over: nobody need look at it any more. */
export function withdraw(id: string): void {
  shown.get(id)?.close();
  shown.delete(id);
}

/** Whoever it was for has gone. */
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
    // Some browsers on phones have the name, and show notifications only from a service worker.
    localStorage.setItem(wishKey, 'unsupported');
    return false;
  }
}
