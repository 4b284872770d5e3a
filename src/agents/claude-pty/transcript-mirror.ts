/** Stores the transcript: entry by entry, in file order, and again after a failure. */
import type { SessionStore, SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import type { Log } from '../../lib/log.ts';
import { createSerial } from '../../lib/serial.ts';
import { projectKey, storeSurplus, type TranscriptPlace } from '../claude/files/transcript-file.ts';
import type { FollowedLines } from './transcript-follower.ts';

export interface TranscriptMirrorParts {
  store: SessionStore;
  logger: Log;
  chatId: string;
  place(): TranscriptPlace;
  /** Entries of the session's own transcript, once they are stored. */
  onStored(entries: readonly SessionStoreEntry[]): void;
  /** The delay before storing is tried again. */
  repairMs: number;
}

export class TranscriptMirror {
  readonly #parts: TranscriptMirrorParts;
  readonly #serial = createSerial();
  /** Sessions whose files contain entries that the store lacks. After `/clear` it may be an earlier one. */
  readonly #dirty = new Set<string>();
  #nextRepair: NodeJS.Timeout | undefined;
  #isClosed = false;
  #waiting = 0;

  constructor(parts: TranscriptMirrorParts) {
    this.#parts = parts;
  }

  /** The store lacks entries that the files contain. */
  get isDirty(): boolean {
    return this.#dirty.size > 0;
  }

  /** Storing everything that was added has succeeded or failed. */
  get isIdle(): boolean {
    return this.#waiting === 0;
  }

  add({ sessionId, subpath, entries }: FollowedLines): void {
    const key = { projectKey, sessionId, ...(subpath === '' ? {} : { subpath }) };
    this.#waiting += 1;
    void this.#serial(async () => {
      // Entries after a gap wait for the repair, which reads them from the file: this keeps the file's order.
      if (this.#dirty.has(sessionId)) return;
      try {
        await this.#parts.store.append(key, entries);
        if (subpath === '') this.#parts.onStored(entries);
      } catch (error) {
        this.#warn(error);
        this.#dirty.add(sessionId);
        this.#repairLater();
      }
    }).finally(() => (this.#waiting -= 1));
  }

  /** Resolves once storing everything added has succeeded or failed. */
  stored(): Promise<void> {
    return this.#serial(() => Promise.resolve());
  }

  /**
   * Resolves once everything added is stored or was tried once more. What could not be stored stays in the files, for
   * the next time the session is opened. Nothing is tried again afterwards.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#nextRepair);
    await this.stored();
    await this.#repair();
  }

  async #repair(): Promise<void> {
    for (const sessionId of this.#dirty) {
      try {
        await this.#serial(async () => {
          await storeSurplus(this.#parts.store, { ...this.#parts.place(), sessionId });
          this.#dirty.delete(sessionId);
        });
      } catch (error) {
        this.#warn(error);
        this.#repairLater();
      }
    }
  }

  #repairLater(): void {
    if (this.#isClosed) return;
    clearTimeout(this.#nextRepair);
    this.#nextRepair = setTimeout(() => void this.#repair(), this.#parts.repairMs);
    this.#nextRepair.unref();
  }

  #warn(error: unknown): void {
    this.#parts.logger.warn(
      { chatId: this.#parts.chatId, err: error },
      'The transcript is not whole in the store yet.',
    );
  }
}
