/**
 * Tells other hosts at once that something has changed, so that they look before their next second is over. A ring carries
 * nothing but the ids of chats. It is no part of any write: it follows up to a twentieth of a second later, for everything
 * that has changed until then, and may get lost. While no other host is up, nothing rings.
 */
import { z } from 'zod';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Sql } from '../store/database.ts';
import { inTime } from '../store/in-time.ts';
import { notify, type OpenListener } from '../store/notifications.ts';
import type { OwnChange } from './chat-notifier.ts';
import { DoorbellListener } from './doorbell-listener.ts';

/** At most twenty a second. */
export const ringEveryMs = 50;
/** How long a stop may wait for a database that is away. */
const ringLimitMs = 3_000;
/** A notification holds 8,000 bytes. */
const maxChats = 100;

export interface Ring {
  /** The chats whose logs have grown, or that have changed; null for any. */
  chatIds: ReadonlySet<string> | null;
  /** Something that lists of chats and decisions show has changed. */
  inList: boolean;
}

const ringText = z.object({
  from: z.string(),
  chats: z.array(z.string()).nullable().default(null),
  list: z.boolean().default(true),
  /** A host's question whether it hears itself. */
  test: z.string().optional(),
});
type RingText = z.input<typeof ringText>;

export interface DoorbellParts {
  sql: Sql;
  hostId: string;
  clock: Clock;
  logger: Log;
  /** Null if there is no connection for it: then this host only rings. */
  openListener: OpenListener | null;
}

export class Doorbell {
  readonly #parts: DoorbellParts;
  readonly #listeners = new Set<(ring: Ring) => void>();
  readonly #listener: DoorbellListener | null;
  /** What the next ring says; null if there is nothing to say. */
  #next: { chatIds: Set<string> | null; inList: boolean } | null = null;
  #hasOthers = false;
  #lastMs = -Infinity;
  #cancel: (() => void) | undefined;
  #ringing: Promise<void> | undefined;
  #isFailing = false;
  #isStopped = false;

  constructor(parts: DoorbellParts) {
    this.#parts = parts;
    const { openListener, hostId } = parts;
    const ringSelf = (test: string): Promise<void> => this.#notify({ from: hostId, test });
    const onHeard = (text: string): void => this.#heard(text);
    this.#listener = openListener && new DoorbellListener({ ...parts, openListener, ringSelf, onHeard });
  }

  /** Calls the listener when another host rings. */
  onRing(listener: (ring: Ring) => void): void {
    this.#listeners.add(listener);
  }

  start(): void {
    this.#listener?.start();
  }

  /** Whether another host is up. It learns at once that this one is. */
  noteOthers(areUp: boolean): void {
    const isNew = areUp && !this.#hasOthers;
    this.#hasOthers = areUp;
    this.#listener?.noteOthers(areUp);
    if (isNew) this.#add(null, true);
  }

  /** This host has done something with a chat. */
  ring({ type, chatId }: OwnChange): void {
    this.#add(chatId, type !== 'logged');
  }

  /** What has changed until now is still rung for. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#listener?.stop();
    await this.#ringing;
    this.#cancel?.();
    if (this.#next) await this.#send();
  }

  #add(chatId: string | null, inList: boolean): void {
    if (!this.#hasOthers || this.#isStopped) return;
    this.#next ??= { chatIds: new Set(), inList };
    this.#next.inList ||= inList;
    if (chatId === null || (this.#next.chatIds?.size ?? 0) >= maxChats) this.#next.chatIds = null;
    else this.#next.chatIds?.add(chatId);
    this.#arm();
  }

  #arm(): void {
    if (this.#isStopped || this.#cancel || this.#ringing || !this.#next) return;
    const { clock } = this.#parts;
    const delayMs = Math.max(this.#lastMs + ringEveryMs - clock.monotonicMs(), 0);
    this.#cancel = clock.after(delayMs, () => {
      this.#cancel = undefined;
      this.#ringing = this.#send().finally(() => {
        this.#ringing = undefined;
        this.#arm();
      });
    });
  }

  async #send(): Promise<void> {
    const { clock, hostId, logger } = this.#parts;
    const { chatIds, inList } = this.#next!;
    this.#next = null;
    this.#lastMs = clock.monotonicMs();
    try {
      await this.#notify({ from: hostId, chats: chatIds && [...chatIds], list: inList });
      this.#isFailing = false;
    } catch (err) {
      // Others look by themselves.
      if (!this.#isFailing) logger.warn({ err }, 'Other hosts could not be told at once of what has changed.');
      this.#isFailing = true;
    }
  }

  #notify(ring: RingText): Promise<void> {
    return inTime(notify(this.#parts.sql, JSON.stringify(ring)), ringLimitMs);
  }

  #heard(text: string): void {
    const { from, chats, list, test } = readRing(text);
    if (from === this.#parts.hostId) {
      if (test !== undefined) this.#listener?.heardSelf(test);
      return;
    }
    if (test !== undefined) return;
    this.noteOthers(true);
    const ring = { chatIds: chats && new Set(chats), inList: list };
    for (const listener of this.#listeners) listener(ring);
  }
}

/** What cannot be read, such as another version's, may mean anything. */
function readRing(text: string): z.output<typeof ringText> {
  try {
    return ringText.parse(JSON.parse(text));
  } catch {
    return { from: '', chats: null, list: true };
  }
}
