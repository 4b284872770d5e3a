/**
 * From signing in to signing out, for all tabs of a browser. What a tab has kept of what was written belongs to the visit
 * it was written in: a tab that slept while somebody signed out hears nothing of it, and must not send that for the next.
 */
import { draftPrefix } from './drafts.ts';
import { outboxPrefix } from './outbox.ts';

/** In the storage of all tabs the visit that is, in that of a tab the one that it takes part in. */
const visitKey = 'boocode.visit';

export interface VisitStorages {
  all: Storage;
  tab: Storage;
}

export function beginVisit(all: Storage): void {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  all.setItem(visitKey, Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(''));
}

export const endVisit = (all: Storage): void => all.removeItem(visitKey);

/** Whoever this tab was of has signed out. */
export const isVisitOver = ({ all, tab }: VisitStorages): boolean => all.getItem(visitKey) !== tab.getItem(visitKey);

/** The tab forgets what was written in another visit. Returns the visit; an empty one is that of nobody. */
export function joinVisit({ all, tab }: VisitStorages, isSignedOut: boolean): string {
  if (isSignedOut || isVisitOver({ all, tab })) {
    for (const key of Array.from({ length: tab.length }, (_, index) => tab.key(index) ?? '')) {
      if ([draftPrefix, outboxPrefix].some((prefix) => key.startsWith(prefix))) tab.removeItem(key);
    }
  }
  const visit = all.getItem(visitKey);
  if (visit === null) tab.removeItem(visitKey);
  else tab.setItem(visitKey, visit);
  return visit ?? '';
}
