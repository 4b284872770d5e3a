const wishKey = 'boocode.notifications';

export type NotificationWish = 'on' | 'off' | 'blocked' | 'impossible';

export function notificationWish(): NotificationWish {
  // Browsers have them only on pages that came over TLS or from this machine.
  if (!('Notification' in globalThis) || !isSecureContext) return 'impossible';
  if (Notification.permission === 'denied') return 'blocked';
  return Notification.permission === 'granted' && localStorage.getItem(wishKey) === 'on' ? 'on' : 'off';
}

export async function wishNotifications(isWanted: boolean): Promise<NotificationWish> {
  localStorage.setItem(wishKey, isWanted ? 'on' : 'off');
  if (isWanted && notificationWish() !== 'impossible') await Notification.requestPermission();
  return notificationWish();
}

export function notify(title: string, body: string, open: () => void): void {
  if (notificationWish() !== 'on') return;
  try {
    const notification = new Notification(title, { body, tag: title });
    notification.addEventListener('click', () => {
      window.focus();
      open();
      notification.close();
    });
  } catch {
    // Some browsers on phones have the name, and show notifications only from a service worker.
  }
}
