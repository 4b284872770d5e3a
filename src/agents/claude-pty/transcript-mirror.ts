/** The transcript on its way into the store: entry by entry, in the order of the file, and again where that failed. */
import type { SessionStore } from '@anthropic-ai/claude-agent-sdk';
import type { Log } from '../../lib/log.ts';
import { createSerial } from '../../lib/serial.ts';
import { projectKey, storeSurplus, type TranscriptPlace } from '../claude-sdk/transcript-file.ts';
import type { FollowedLines } from './transcript-follower.ts';

export interface TranscriptMirrorParts {
  store: SessionStore;
  logger: Log;
  chatId: string;
  place(): TranscriptPlace;
  /** Between two attempts to store what could not be stored. */
  repairMs: number;
}

export class TranscriptMirror {
  readonly #parts: TranscriptMirrorParts;
  readonly #serial = createSerial();
  #dirty = false;
  #nextRepair: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(parts: TranscriptMirrorParts) {
    this.#parts = parts;
  }

  /** The store lacks a part of what the files hold. */
  get isDirty(): boolean {
    return this.#dirty;
  }

  add({ sessionId, subpath, entries }: FollowedLines): void {
    const key = { projectKey, sessionId, ...(subpath === '' ? {} : { subpath }) };
    this.#serial(() => this.#parts.store.append(key, entries)).catch((error: unknown) => {
      this.#warn(error);
      this.#dirty = true;
      this.#repairLater();
    });
  }

  /** Resolves when everything added is stored; rejects when it cannot be. Nothing is tried again afterwards. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#nextRepair);
    await this.#serial(() => Promise.resolve());
    if (this.#dirty) await this.#repair();
  }

  async #repair(): Promise<void> {
    try {
      await this.#serial(() => storeSurplus(this.#parts.store, this.#parts.place()));
      this.#dirty = false;
    } catch (error) {
      this.#warn(error);
      if (!this.#isClosed) this.#repairLater();
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
