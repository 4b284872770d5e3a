/** Compares a transcript's file with its stored copy. Both are read in pieces, never held as a whole. */
import type { SessionKey, SessionStore, SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { isUuidV7 } from '../../../lib/uuid.ts';
import { isRecordOfRequest } from '../native-sessions/read-lines.ts';
import { knowsTurns, storedEntries, storedFormIn } from './stored-entries.ts';
import { sizeOf, transcriptLines } from './transcript-lines.ts';

export interface TranscriptComparison {
  file: string;
  /** Size in bytes when the comparison started; anything written later is ignored. 0 without a file. */
  size: number;
  /** The file contains everything that is stored. */
  holdsStored: boolean;
  /** Numbers of the lines that the store lacks, except for the program's records of its own requests. */
  surplus: ReadonlySet<number>;
  /** False if the file ends with an incomplete line, contains a line that is not an entry, or is cut. */
  isWhole: boolean;
  /**
   * The line of a prompt that the log does not know: its host was killed before it was stored, and the program may have
   * gone on. Nothing from there on counts. Infinity if there is none.
   */
  cutAt: number;
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
  const missing = new Missing(await storedFormIn(store));
  for await (const entry of storedEntries(store, key)) {
    missing.add(entry);
    onStored(entry);
  }
  const surplus = new Set<number>();
  let isWhole = true;
  // Prompts behind the last stored entry, by the turns that they were sent for.
  let prompts: { turnId: string; number: number }[] = [];
  for await (const { entry, number, isEnded } of transcriptLines(file, size)) {
    isWhole &&= isEnded && entry !== null;
    if (!entry) continue;
    const isStored = missing.take(entry);
    if (isStored && entry.uuid !== undefined) prompts = [];
    if (isStored || isRecordOfRequest(entry)) continue;
    surplus.add(number);
    if (entry.type === 'user' && isUuidV7(entry.uuid)) prompts.push({ turnId: entry.uuid, number });
  }
  const cutAt = await firstUnknown(store, prompts);
  for (const number of surplus) if (number >= cutAt) surplus.delete(number);
  return { file, size, holdsStored: missing.isEmpty, surplus, isWhole: isWhole && cutAt === Infinity, cutAt };
}

async function firstUnknown(store: SessionStore, prompts: readonly { turnId: string; number: number }[]) {
  if (prompts.length === 0 || !knowsTurns(store)) return Infinity;
  const known = await store.turnsAmong(prompts.map(({ turnId }) => turnId));
  return prompts.find(({ turnId }) => !known.has(turnId))?.number ?? Infinity;
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
  readonly #storedForm: (entry: SessionStoreEntry) => SessionStoreEntry;

  constructor(storedForm: (entry: SessionStoreEntry) => SessionStoreEntry) {
    this.#storedForm = storedForm;
  }

  get isEmpty(): boolean {
    return this.#counts.size === 0;
  }

  add(stored: SessionStoreEntry): void {
    const identity = identityOf(stored);
    this.#counts.set(identity, (this.#counts.get(identity) ?? 0) + 1);
  }

  /** Removes an entry that the file contains; false if the store lacks it. */
  take(local: SessionStoreEntry): boolean {
    const identity = local.uuid ?? identityOf(this.#storedForm(local));
    const count = this.#counts.get(identity) ?? 0;
    if (count > 1) this.#counts.set(identity, count - 1);
    else this.#counts.delete(identity);
    return count > 0;
  }
}

const identityOf = (entry: SessionStoreEntry): string => entry.uuid ?? JSON.stringify(entry);
