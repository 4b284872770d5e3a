/** The transcript of a session on its way into the store, and from the program's own file where a part was lost. */
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

  constructor(parts: SdkTranscriptParts) {
    this.#parts = parts;
  }

  get isDirty(): boolean {
    return this.#isDirty;
  }

  /** The store is taking entries: meanwhile the SDK may read nothing of what the program says. */
  get isAppending(): boolean {
    return this.#appending > 0;
  }

  /** Makes file and store agree. Resolves with what the session goes on from, null where nothing was said in it yet. */
  reconcile(): Promise<ReconciledTranscript | null> {
    return reconcileTranscript(this.#parts.spec.sessionStore, this.#parts.place());
  }

  /**
   * The SDK's own way to resume from a store leaves the user's skills, commands and plugins behind: it gets a mirror that
   * knows of nothing, and the program resumes from its own file, which stands where it looks for it.
   */
  readonly mirror: SessionStore = {
    // The program's own project key is made of the directory; the store is this chat's alone.
    append: (key, entries) => {
      if (key.subpath === undefined) this.#parts.onEntries(entries);
      return this.#append(() => this.#parts.spec.sessionStore.append({ ...key, projectKey }, entries));
    },
    load: () => Promise.resolve(null),
  };

  async #append(store: () => Promise<void>): Promise<void> {
    this.#appending += 1;
    try {
      await this.#serial(store);
    } finally {
      this.#appending -= 1;
    }
  }

  /** The mirror has lost a part. */
  noteGap(): void {
    this.#isDirty = true;
  }

  /** Stores what the mirror lost, from the program's own file. */
  async repair(): Promise<void> {
    const { spec, logger, limits, place } = this.#parts;
    clearTimeout(this.#nextRepair);
    try {
      await this.#serial(() => storeSurplus(spec.sessionStore, place()));
      this.#isDirty = false;
    } catch (error) {
      logger.warn({ chatId: spec.chatId, err: error }, 'The transcript is not whole in the store yet.');
      if (this.#isClosed) return;
      this.#nextRepair = setTimeout(() => void this.repair(), limits.repairMs);
      this.#nextRepair.unref();
    }
  }

  /** Nothing is tried again by itself from here on. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#nextRepair);
  }
}
