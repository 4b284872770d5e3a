/** Compares a transcript's file with its stored copy. Both are read in pieces, never held as a whole. */
import type { SessionKey, SessionStore, SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { isRecordOfRequest } from '../native-sessions/read-lines.ts';
import { storedEntries } from './stored-entries.ts';
import { sizeOf, transcriptLines } from './transcript-lines.ts';

export interface TranscriptComparison {
  file: string;
  /** Size in bytes when the comparison started; anything written later is ignored. 0 without a file. */
  size: number;
  /** The file contains everything that is stored. */
  holdsStored: boolean;
  /** Line numbers that the store lacks. */
  surplus: ReadonlySet<number>;
  /** False if the file ends with an incomplete line or contains a line that is not an entry. */
  isWhole: boolean;
}

/** Calls `onStored` with all stored entries, in order. */
export async function compareTranscript(
  store: SessionStore,
  key: SessionKey,
  file: string,
  onStored: (entry: SessionStoreEntry) => void = () => {},
): Promise<TranscriptComparison> {
  // The file first, so that what the program writes and the mirror stores meanwhile does not count as surplus.
  const size = (await sizeOf(file)) ?? 0;
  const missing = new Missing();
  for await (const entry of storedEntries(store, key)) {
    missing.add(entry);
    onStored(entry);
  }
  const surplus = new Set<number>();
  let isWhole = true;
  for await (const { entry, number, isEnded } of transcriptLines(file, size)) {
    if (entry && missing.isSurplus(entry)) surplus.add(number);
    isWhole &&= isEnded && entry !== null;
  }
  return { file, size, holdsStored: missing.isEmpty, surplus, isWhole };
}

/** What the store lacks, in file order. */
export async function* surplusOf(
  { file, size, surplus }: TranscriptComparison,
  onEntry: (entry: SessionStoreEntry) => void = () => {},
): AsyncGenerator<SessionStoreEntry, void, undefined> {
  if (surplus.size === 0) return;
  for await (const { entry, number } of transcriptLines(file, size)) {
    if (!entry || !surplus.has(number)) continue;
    onEntry(entry);
    yield entry;
  }
}

/** Stored entries that have not been found in the file yet. */
class Missing {
  readonly #counts = new Map<string, number>();

  get isEmpty(): boolean {
    return this.#counts.size === 0;
  }

  add(stored: SessionStoreEntry): void {
    const identity = identityOf(stored);
    this.#counts.set(identity, (this.#counts.get(identity) ?? 0) + 1);
  }

  /**
   * Removes an entry that the file contains; true if the store lacks it, except for the program's records of its own
   * requests.
   */
  isSurplus(local: SessionStoreEntry): boolean {
    const identity = identityOf(local);
    const count = this.#counts.get(identity) ?? 0;
    if (count > 1) this.#counts.set(identity, count - 1);
    else this.#counts.delete(identity);
    return count === 0 && !isRecordOfRequest(local);
  }
}

const identityOf = (entry: SessionStoreEntry): string => entry.uuid ?? JSON.stringify(entry);
