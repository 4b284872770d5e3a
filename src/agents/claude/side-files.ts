/**
 * Keeps the files that the program has beside a session's transcripts in the store, and writes them out where they are
 * missing. They are stored after a turn, when an output was too long for the transcript, and when the session has ended.
 * Only that end waits for it, for a limited time, and it fails nothing: what could not be stored is tried again with the
 * next turn.
 */
import { join } from 'node:path';
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import type { Log } from '../../lib/log.ts';
import { createSerial } from '../../lib/serial.ts';
import { within } from '../../lib/within.ts';
import { type SideFile, sideFileLimits, type SideFileKey, type StoredSideFile } from '../../protocol/side-files.ts';
import type { AgentSessionSpec } from '../agent-backend.ts';
import { findPlainFile, listPlainFiles, type PlainFile, readPlainFile, writePlainFile } from './files/plain-files.ts';
import { isPlanOf, isSideFile, sideFilePath, sideFileRoots, slugOf } from './files/side-file-places.ts';
import { projectDirectory, sessionFolders, type TranscriptPlace } from './files/transcript-file.ts';
import { asRecord, asText } from './mapping/loose-json.ts';
import { notMoved } from './mapping/not-moved.ts';

export interface SideFilesParts {
  spec: Pick<AgentSessionSpec, 'chatId' | 'sideFiles' | 'onEvent'>;
  logger: Log;
  /** How long the end of a session waits. */
  closeMs?: number;
  readonly place: () => TranscriptPlace;
}

/** Ages of the same file may differ by as much: the store learns of it a moment later. */
const sameTimeMs = 250;
/** Read at one time, in bytes: what changed last. Of more, the store would keep nothing. */
const bytesAtOnce = 4 * sideFileLimits.chatBytes;
const defaultCloseMs = 3_000;
/** What ends a turn goes before its files. */
const storeAfterMs = 200;

interface LocalFile extends SideFile {
  path: string;
  /** Changes with every change of the file. */
  state: string;
}

export class SideFiles {
  readonly #parts: SideFilesParts;
  readonly #serial = createSerial();
  /** The state of each file when it was stored or written out. */
  readonly #known = new Map<string, { key: SideFileKey; state: string }>();
  readonly #slugs = new Set<string>();
  #folder: string | undefined;
  /** Changes are to be stored in a moment. */
  #due: NodeJS.Timeout | undefined;
  #isOpen = false;
  #hasFailed = false;

  constructor(parts: SideFilesParts) {
    this.#parts = parts;
  }

  /**
   * Writes out what is stored and missing here, or older here; what was not moved is reported, once. Call it before the
   * program starts.
   */
  async open(): Promise<void> {
    const { spec, logger, place } = this.#parts;
    const { sideFiles: store } = spec;
    if (!store) return;
    const { configDir } = place();
    const folder = await projectDirectory(place());
    const listedAt = Date.now();
    const missing: StoredSideFile[] = [];
    for (const file of await store.list()) {
      const path = sideFilePath(configDir, folder, file);
      if (path === null) {
        logger.warn(
          { chatId: spec.chatId, file: file.name },
          'A stored file of the agent has a name that is not allowed.',
        );
        continue;
      }
      if (file.name.startsWith('plans/')) this.#slugs.add(file.name.slice('plans/'.length, -'.md'.length));
      const local = await findPlainFile(configDir, path);
      if (local) {
        const sinceMs = local.mtimeMs - (listedAt - file.ageMs);
        const isSame = local.size === file.size && Math.abs(sinceMs) <= sameTimeMs;
        if (isSame) this.#note(file, stateIn(local));
        // What is newer here is stored with the next turn.
        if (isSame || sinceMs > 0 || !file.hasContent) continue;
      }
      if (!(await this.#writeOut(configDir, path, file, listedAt))) missing.push(file);
    }
    if (missing.length > 0) {
      spec.onEvent(notMoved(missing));
      // They are named in the log now; a file that could not be written may be the next time.
      await store.remove(missing.filter((file) => !file.hasContent));
    }
    this.#isOpen = true;
  }

  /** False if the file was left out, or cannot be written here. */
  async #writeOut(configDir: string, path: string, file: StoredSideFile, listedAt: number): Promise<boolean> {
    const { spec, logger } = this.#parts;
    const content = file.hasContent ? await spec.sideFiles?.read(file) : null;
    if (!content) return false;
    try {
      await writePlainFile(configDir, path, content, listedAt - file.ageMs);
      const written = await findPlainFile(configDir, path);
      if (written) this.#note(file, stateIn(written));
      return true;
    } catch (error) {
      logger.warn({ chatId: spec.chatId, file: file.name, err: error }, 'A file of the agent could not be written.');
      return false;
    }
  }

  /** Entries of any of the session's transcripts. */
  noteEntries(entries: readonly SessionStoreEntry[]): void {
    let hasLongOutput = false;
    for (const entry of entries) {
      const slug = slugOf(entry);
      if (slug !== undefined) this.#slugs.add(slug);
      hasLongOutput ||= asText(asRecord(entry['toolUseResult'])['persistedOutputPath']) !== undefined;
    }
    // Should the host die in the middle of the turn, the next one needs it.
    if (hasLongOutput) this.store();
  }

  /** Stores what has changed, in a moment and in the background. */
  store(): void {
    if (!this.#isOpen || this.#due) return;
    this.#due = setTimeout(() => {
      this.#due = undefined;
      void this.#serial(() => this.#storeChanges());
    }, storeAfterMs);
  }

  /** Call it when the program has ended. Resolves once what has changed is stored, or that has failed or takes too long. */
  async close(): Promise<void> {
    if (!this.#isOpen) return;
    clearTimeout(this.#due);
    await within(
      this.#parts.closeMs ?? defaultCloseMs,
      this.#serial(() => this.#storeChanges()),
    );
    this.#isOpen = false;
  }

  async #storeChanges(): Promise<void> {
    const { spec, logger } = this.#parts;
    try {
      await this.#storeAll();
      this.#hasFailed = false;
    } catch (error) {
      if (!this.#hasFailed) {
        logger.warn(
          { chatId: spec.chatId, err: error },
          'Files of the agent could not be stored; it is tried again after the next turn.',
        );
      }
      this.#hasFailed = true;
    }
  }

  async #storeAll(): Promise<void> {
    const { sideFiles: store } = this.#parts.spec;
    if (!store) return;
    const { sessionId } = this.#parts.place();
    const files = await this.#listLocal();
    const changed = files.filter((file) => this.#known.get(idOf(file))?.state !== file.state);
    const { fileBytes } = sideFileLimits;
    let bytes = 0;
    for (const file of changed) {
      const isLeftOut = file.size > fileBytes || (bytes += file.size) > bytesAtOnce;
      const content = isLeftOut ? null : await readPlainFile(file.path, fileBytes).catch(ifGone);
      if (content === undefined) continue;
      await store.put({ ...file, size: content?.length ?? file.size }, content);
      this.#note(file, file.state);
    }
    const left = new Set(files.map(idOf));
    const gone = [...this.#known].filter(([id, { key }]) => key.sessionId === sessionId && !left.has(id));
    await store.remove(gone.map(([, { key }]) => key));
    for (const [id] of gone) this.#known.delete(id);
    if (changed.length > 0) await store.trim();
  }

  /** Those that changed last, newest first. */
  async #listLocal(): Promise<LocalFile[]> {
    const place = this.#parts.place();
    const { configDir, sessionId } = place;
    const found: LocalFile[] = [];
    const now = Date.now();
    const folder = (this.#folder = await this.#findFolder(place));
    for (const { kind, directory } of sideFileRoots(configDir, folder, sessionId)) {
      if (kind === 'plans' && this.#slugs.size === 0) continue;
      for (const plain of await listPlainFiles(configDir, directory)) {
        const file = localFile(sessionId, `${kind}/${plain.name}`, plain, now);
        if (this.#isOwn(file)) found.push(file);
      }
    }
    return found.toSorted((one, other) => one.ageMs - other.ageMs).slice(0, sideFileLimits.files);
  }

  /** Of the session's transcripts, which the program moves when it enters a worktree. A search costs more than a look. */
  async #findFolder(place: TranscriptPlace): Promise<string> {
    const last = this.#folder ?? (await projectDirectory(place));
    if (await findPlainFile(place.configDir, join(last, `${place.sessionId}.jsonl`))) return last;
    const [current] = await sessionFolders(place);
    return current ?? last;
  }

  #isOwn(file: SideFile): boolean {
    if (!isSideFile(file)) return false;
    return !file.name.startsWith('plans/') || [...this.#slugs].some((slug) => isPlanOf(slug, file.name));
  }

  #note({ sessionId, name }: SideFileKey, state: string): void {
    const key = { sessionId, name };
    this.#known.set(idOf(key), { key, state });
  }
}

function localFile(sessionId: string, name: string, { path, size, mtimeMs }: PlainFile, now: number): LocalFile {
  return { sessionId, name, path, size, ageMs: now - mtimeMs, state: stateIn({ size, mtimeMs }) };
}

const idOf = ({ sessionId, name }: SideFileKey): string => `${sessionId}/${name}`;
const stateIn = ({ size, mtimeMs }: { size: number; mtimeMs: number }): string => `${size} ${mtimeMs}`;

/** Undefined: the program has removed it in the meantime. */
function ifGone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
