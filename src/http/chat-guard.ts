/**
 * Who may do what with which chat, for every route that is about one: read from its path, so that a new route is guarded by
 * having a chat in it. Owners of the server pass; for everybody else the database is asked, and again while something stays
 * open: at once when it is shared differently on this host, and every few seconds for what happens on others.
 */
import type { Subject } from '../chats/chats.ts';
import type { Sharing } from '../chats/sharing.ts';
import type { Clock } from '../lib/clock.ts';
import { BooError, toBooError } from '../protocol/error.ts';
import type { Principal } from '../protocol/principal.ts';
import type { OpenFeeds } from './open-feeds.ts';
import type { Route } from './route.ts';

/** How soon what is open ends when another host has taken the chat from its reader. */
export const recheckMs = 5_000;

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

type Guarded = Pick<Route, 'path' | 'role' | 'forOwnerOfChat'>;

export interface ChatGuard {
  /** Throws `not_found` and `forbidden`. */
  assert(): Promise<void>;
  /** What is opened through this ends when it would not be opened any more. */
  recheck(feeds: OpenFeeds, clock: Clock): OpenFeeds;
}

/** Undefined where there is nothing to guard: for owners of the server, and for a route that is about no chat. */
export function guardedBy(sharing: Sharing, person: Principal, route: Guarded, path: string): ChatGuard | undefined {
  if (person.role === 'owner') return undefined;
  const subject = subjectOf(route, path);
  if (!subject) return undefined;
  const assert = async (): Promise<void> => assertMay(route, subject, await accessTo(sharing, subject, person));
  const isAllowed = async (): Promise<boolean> => {
    try {
      await assert();
      return true;
    } catch (error) {
      // A database that is away decides nothing.
      return !['not_found', 'forbidden'].includes(toBooError(error).code);
    }
  };
  return { assert, recheck: (feeds, clock) => recheckedFeeds(feeds, clock, sharing, isAllowed) };
}

type Found = { what: 'chat' | 'decision'; of: Subject | undefined };

/** `of` is undefined for what is no id, in whatever way it is written. */
function subjectOf(route: Guarded, path: string): Found | undefined {
  const given = path.split('/');
  for (const [at, part] of route.path.split('/').entries()) {
    if (part !== '{chatId}' && part !== '{decisionId}') continue;
    const id = uuid.test(given[at] ?? '') ? given[at]!.toLowerCase() : undefined;
    if (part === '{chatId}') return { what: 'chat', of: id === undefined ? undefined : { chatId: id } };
    return { what: 'decision', of: id === undefined ? undefined : { decisionId: id } };
  }
  return undefined;
}

const accessTo = async (sharing: Sharing, { of }: Found, person: Principal) =>
  of === undefined ? null : sharing.accessOf(of, person);

function assertMay(route: Guarded, { what }: Found, access: Awaited<ReturnType<Sharing['accessOf']>>): void {
  if (access === null) throw new BooError('not_found', `This ${what} does not exist.`);
  if (access === 'reader' && route.role !== 'viewer') {
    throw new BooError('forbidden', 'This chat is shared with you for reading only.', { details: { access } });
  }
  if (route.forOwnerOfChat && access !== 'own') {
    throw new BooError('forbidden', 'Only whoever owns this chat may do that, or an owner of the server.', {
      details: { access },
    });
  }
}

/** What is opened through these ends when it is not allowed any more. */
export function recheckedFeeds(
  feeds: OpenFeeds,
  clock: Clock,
  sharing: Pick<Sharing, 'observe'>,
  isAllowed: () => Promise<boolean>,
): OpenFeeds {
  return {
    add(close) {
      let isOver = false;
      const forget = feeds.add(close);
      const stop = recheckEvery(clock, sharing, async () => {
        if ((await isAllowed()) || isOver) return;
        end();
        close();
      });
      const end = (): void => {
        isOver = true;
        stop();
        forget();
      };
      return end;
    },
    closeAll: () => feeds.closeAll(),
    get size() {
      return feeds.size;
    },
  };
}

/** Runs every few seconds, and whenever a chat is shared differently. */
export function recheckEvery(
  clock: Clock,
  sharing: Pick<Sharing, 'observe'>,
  check: (chatId?: string) => Promise<void>,
): () => void {
  let isOver = false;
  let cancel = (): void => {};
  const arm = (): void => {
    cancel = clock.after(recheckMs, () => void check().finally(() => !isOver && arm()));
  };
  const forget = sharing.observe((chatId) => void check(chatId));
  arm();
  return () => {
    isOver = true;
    cancel();
    forget();
  };
}
