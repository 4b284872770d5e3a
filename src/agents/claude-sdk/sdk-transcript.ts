/** Stores a session's transcript as it is written, and repairs it from the program's own file if a part was lost. */
import type { SessionStore, SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import type { Log } from '../../lib/log.ts';
import { createSerial } from '../../lib/serial.ts';
import type { AgentSessionSpec } from '../agent-backend.ts';
import {
  projectKey,
  type ReconciledTranscript,
  reconcileTranscript,
  storeSurplus,
  type TranscriptPlace,
} from '../claude/files/transcript-file.ts';

export interface SdkTranscriptParts {
  spec: Pick<AgentSessionSpec, 'chatId' | 'sessionStore'>;
  logger: Log;
  limits: { repairMs: number };
  readonly place: () => TranscriptPlace;
  /** Entries of the session's own transcript, as they are written. */
  onEntries(entries: readonly SessionStoreEntry[]): void;
  /** An entry of the session's own transcript that the mirror has lost is being stored. */
  onRepaired(entry: SessionStoreEntry): void;
  /** Entries of any of the session's transcripts, once they are stored. */
  onStored(entries: readonly SessionStoreEntry[]): void;
}

export class SdkTranscript {
  readonly #parts: SdkTranscriptParts;
  /** The mirror's appends and repairs go one at a time. */
  readonly #serial = createSerial();
  #appending = 0;
  /** The store lacks a part of the transcript that the program's file holds. */
  #isDirty = false;
  #nextRepair: NodeJS.Timeout | undefined;
  #isClosed = false;
  #isEnded = false;

  constructor(parts: SdkTranscriptParts) {
    this.#parts = parts;
  }

  get isDirty(): boolean {
    return this.#isDirty;
  }

  /** The store is taking entries. Until it is done, the SDK may not read what the program says. */
  get isAppending(): boolean {
    return this.#appending > 0;
  }

  /** Makes file and store agree. Resolves with what the session continues from, or null if nothing was said in it yet. */
  reconcile(): Promise<ReconciledTranscript | null> {
    return reconcileTranscript(this.#parts.spec.sessionStore, this.#parts.place());
  }

  /**
   * The SDK's own way of resuming from a store loses the user's skills, commands and plugins. So it gets a mirror that has
   * nothing to load, and the program resumes from its own file, which is where it looks for it.
   */
  readonly mirror: SessionStore = {
    // The program derives its project key from the directory; this store belongs to one chat.
    append: async (key, entries) => {
      if (key.subpath === undefined) this.#parts.onEntries(entries);
      await this.#append(() => this.#parts.spec.sessionStore.append({ ...key, projectKey }, entries));
      this.#parts.onStored(entries);
    },
    load: () => Promise.resolve(null),
  };

  async #append(store: () => Promise<void>): Promise<void> {
    this.#appending += 1;
    try {
      await this.#serial(() => (this.#isEnded ? Promise.resolve() : store()));
    } finally {
      this.#appending -= 1;
    }
  }

  /** The mirror lost a part. */
  noteGap(): void {
    this.#isDirty = true;
  }

  /** Stores what the mirror lost, from the program's own file. */
  async repair(): Promise<void> {
    const { spec, logger, limits, place } = this.#parts;
    clearTimeout(this.#nextRepair);
    try {
      await this.#serial(() => storeSurplus(spec.sessionStore, place(), (entry) => this.#parts.onRepaired(entry)));
      this.#isDirty = false;
    } catch (error) {
      logger.warn({ chatId: spec.chatId, err: error }, 'The transcript is not whole in the store yet.');
      if (this.#isClosed) return;
      this.#nextRepair = setTimeout(() => void this.repair(), limits.repairMs);
      this.#nextRepair.unref();
    }
  }

  /**
   * The session is over: what the SDK still tries to store is left to whoever continues from the file, and would be in the
   * store twice. Resolves once nothing is being stored any more.
   */
  async end(): Promise<void> {
    this.#isEnded = true;
    await this.#serial(() => Promise.resolve());
  }

  /** From here on, a failed repair is not tried again. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#nextRepair);
  }
}
