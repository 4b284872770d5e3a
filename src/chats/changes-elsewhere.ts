/**
 * Notifies watchers of what other hosts do with their chats: only while there are watchers, it asks the database once a
 * second, and at once when another host rings. First for a glance at the chats that may have changed, then for those that
 * have.
 *
 * Whatever arrives is dropped if this host has held the chat meanwhile, because then its own notifications are newer.
 */
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Chat, ChatState } from '../protocol/chat.ts';
import {
  findDecisionStatuses,
  findDeleted,
  findGlances,
  findRecentDecisions,
  type Glance,
  readElsewhere,
} from '../store/chats-elsewhere.ts';
import type { Sql } from '../store/database.ts';
import { inTime } from '../store/in-time.ts';
import { atRest, chatView } from './chat-view.ts';
import type { Doorbell } from './doorbell.ts';
import type { ChatNotifier } from './chat-notifier.ts';
import type { ChatNotification } from './chats.ts';

export const lookEveryMs = 1_000;

export interface ChangesElsewhereParts {
  sql: Sql;
  hostId: string;
  clock: Clock;
  logger: Log;
  notifier: ChatNotifier;
  /** Whether this host holds the chat. */
  readonly isHeld: (chatId: string) => boolean;
  /** Other hosts ring it when something has changed. */
  doorbell?: Pick<Doorbell, 'onRing'> | undefined;
}

/** What is known of a chat. Never changed, always replaced: so a look notices that the chat was here meanwhile. */
interface Known {
  /** Undefined for a chat that this host has just left. */
  seen?: { glance: Glance; chat: Chat };
}

export class ChangesElsewhere {
  readonly #parts: ChangesElsewhereParts;
  /** The chats that other hosts hold, or held a moment ago. */
  #known = new Map<string, Known>();
  /** The database's time of the last look; null before the first one. */
  #since: Date | null = null;
  #watchers = 0;
  #stopObserving: (() => void) | undefined;
  #cancel: (() => void) | undefined;
  #looking: Promise<void> | undefined;
  #looksAgain = false;
  #isFailing = false;
  #isStopped = false;

  constructor(parts: ChangesElsewhereParts) {
    this.#parts = parts;
    parts.doorbell?.onRing(({ inList }) => inList && this.lookNow());
  }

  /**
   * Adds a watcher of everything, also of the chats of this host. `held` are the chats that other hosts hold and that
   * are not cold; what the listener was told meanwhile is newer. It rejects if the database fails.
   */
  watch(listener: (notification: ChatNotification) => void): { held(): Promise<Chat[]>; close(): void } {
    const { notifier } = this.#parts;
    const unwatch = notifier.watch(listener);
    this.#watchers += 1;
    this.#stopObserving ??= notifier.observe(({ type, chatId }) => {
      if (type === 'left') this.#left(chatId);
    });
    const first = this.#begin();
    first.catch((error: unknown) => this.#report(error));
    let isClosed = false;
    return {
      held: async () => {
        await first;
        const known = [...this.#known.values()];
        return known.flatMap(({ seen }) =>
          seen && seen.glance.holderId !== null && seen.chat.state !== 'cold' ? [seen.chat] : [],
        );
      },
      close: () => {
        if (isClosed) return;
        isClosed = true;
        unwatch();
        this.#watchers -= 1;
        if (this.#watchers === 0) this.#forgetAll();
      },
    };
  }

  /** Another host has changed something. */
  lookNow(): void {
    if (this.#watchers === 0 || this.#isStopped) return;
    if (this.#looking) this.#looksAgain = true;
    else this.#begin().catch((error: unknown) => this.#report(error));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel?.();
    await this.#looking?.catch(() => undefined);
  }

  /** Looks now, or after the look under way. */
  async #begin(): Promise<void> {
    while (this.#looking) await this.#looking.catch(() => undefined);
    if (this.#isStopped) return;
    this.#cancel?.();
    this.#cancel = undefined;
    this.#looksAgain = false;
    this.#looking = this.#look().finally(() => {
      this.#looking = undefined;
      if (this.#looksAgain) this.lookNow();
      else this.#arm();
    });
    return this.#looking;
  }

  #arm(): void {
    if (this.#watchers === 0 || this.#isStopped || this.#cancel) return;
    this.#cancel = this.#parts.clock.after(lookEveryMs, () => this.lookNow());
  }

  #report(err: unknown): void {
    if (!this.#isFailing) this.#parts.logger.warn({ err }, 'What other hosts do could not be read; trying again.');
    this.#isFailing = true;
  }

  #forgetAll(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#stopObserving?.();
    this.#stopObserving = undefined;
    this.#known = new Map();
    this.#since = null;
  }

  /** From here on, only the database knows about the chat. */
  #left(chatId: string): void {
    this.#known.set(chatId, {});
    this.lookNow();
  }

  async #look(): Promise<void> {
    const { sql, hostId, isHeld, notifier } = this.#parts;
    const [known, since] = [this.#known, this.#since];
    const before = new Map(known);
    const isFirst = since === null;
    const statuses = isFirst ? await inTime(findDecisionStatuses(sql)) : [];
    const { at, chatIds: deleted } = await inTime(findDeleted(sql, since));
    const page = {
      since: since ?? at,
      known: [...before].map(([id, { seen }]) => ({ id, glance: seen?.glance ?? null })),
    };
    const { changed, over } = await inTime(findGlances(sql, hostId, page));
    const ids = changed.map(({ id }) => id).filter((id) => !isHeld(id));
    const rows = ids.length > 0 ? await inTime(readElsewhere(sql, hostId, ids)) : [];
    const decisions = ids.length > 0 && since ? await inTime(findRecentDecisions(sql, ids, since)) : [];
    // Nobody watches any more, or others do since then.
    if (known !== this.#known) return;

    this.#isFailing = false;
    this.#since = at;
    notifier.noteTold(statuses);
    const isOurs = (id: string): boolean => isHeld(id) || known.get(id) !== before.get(id);
    const kept = new Set(changed.filter(({ isRecent }) => isRecent).map(({ id }) => id));
    const told = rows.filter(({ row }) => !isOurs(row.id));
    const mayTell = new Set(ids.filter((id) => !isOurs(id)));
    for (const id of over) if (known.get(id) === before.get(id)) known.delete(id);
    for (const { row, ...glance } of told) {
      const chat = chatView(row, { ...atRest(row), state: stateOf(glance) ?? atRest(row).state });
      if (kept.has(row.id)) known.set(row.id, { seen: { glance, chat } });
      notifier.changedElsewhere(chat, !isFirst);
    }
    for (const decision of decisions) if (mayTell.has(decision.chatId)) notifier.decidedElsewhere(decision);
    for (const id of deleted) notifier.deletedElsewhere(id, !isFirst);
  }
}

/** The state to show; undefined at rest. */
function stateOf({ holderId, isAsking, isRunning, isWarm }: Glance): ChatState | undefined {
  if (holderId === null) return undefined;
  return isAsking ? 'waiting' : isRunning ? 'running' : isWarm ? 'ready' : undefined;
}
