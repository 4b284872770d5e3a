/**
 * One login session, from signing in to signing out, shared by all tabs of a browser. Drafts and unsent prompts belong to the
 * login session they were written in: a tab that slept through a sign-out must not send them for the next person.
 */
import { commentPrefix } from './comments.ts';
import { discardPrefix } from './discards.ts';
import { draftPrefix } from './drafts.ts';
import { outboxPrefix } from './outbox.ts';

/** The current login session in the storage of all tabs, and the one this tab belongs to in its own. */
const loginSessionKey = 'boocode.login-session';

export interface LoginStorages {
  all: Storage;
  tab: Storage;
}

export function startLoginSession(all: Storage): void {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  all.setItem(loginSessionKey, Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(''));
}

export const endLoginSession = (all: Storage): void => all.removeItem(loginSessionKey);

/** True when the person this tab belonged to has signed out. */
export const hasLoginSessionEnded = ({ all, tab }: LoginStorages): boolean =>
  all.getItem(loginSessionKey) !== tab.getItem(loginSessionKey);

/**
 * Moves the tab to the current login session and clears what was written in another one. Returns the session's id, which is
 * empty when nobody is signed in.
 */
export function joinLoginSession({ all, tab }: LoginStorages, isSignedOut: boolean): string {
  if (isSignedOut || hasLoginSessionEnded({ all, tab })) {
    for (const key of Array.from({ length: tab.length }, (_, index) => tab.key(index) ?? '')) {
      if ([draftPrefix, commentPrefix, discardPrefix, outboxPrefix].some((prefix) => key.startsWith(prefix)))
        tab.removeItem(key);
    }
  }
  const id = all.getItem(loginSessionKey);
  if (id === null) tab.removeItem(loginSessionKey);
  else tab.setItem(loginSessionKey, id);
  return id ?? '';
}
