/**
 * Writes transcripts in the program's layout. Files are moved into place only once all are written, and never replace
 * one that contains more: someone may have continued that session with the program itself.
 */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { BooError } from '../../../protocol/error.ts';
import { FreshFile } from './fresh-file.ts';
import { transcriptFile } from './native-layout.ts';
import { isRecordOfRequest, parseEntry, readLines } from './read-lines.ts';

export interface WrittenFile {
  path: string;
  entries: number;
  /** False if the existing file already contained the whole transcript. */
  isNew: boolean;
}

export class SessionWriter {
  readonly #folder: string;
  readonly #files: { file: FreshFile; entries: number }[] = [];

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** `line` is the entry's JSON. Lines of one transcript come consecutively. */
  async add(sessionId: string, subpath: string, line: string): Promise<void> {
    const path = transcriptFile(this.#folder, sessionId, subpath);
    if (path === null)
      throw new BooError('internal', `The server sent a transcript path that is not valid: ${subpath}.`);
    let last = this.#files.at(-1);
    if (last?.file.path !== path) {
      await last?.file.end();
      last = { file: await FreshFile.create(path), entries: 0 };
      this.#files.push(last);
    }
    last.entries += 1;
    await last.file.addLine(line);
  }

  /**
   * Moves every file into place. Throws, and changes none, if an existing file contains lines that the new one lacks.
   */
  async finish(): Promise<WrittenFile[]> {
    const written: WrittenFile[] = [];
    for (const { file, entries } of this.#files) {
      await file.end();
      written.push({ path: file.path, entries, isNew: await takesPlace(file) });
    }
    for (const [index, { file }] of this.#files.entries()) {
      if (written[index]?.isNew === true) await file.putInPlace();
    }
    await this.discard();
    return written;
  }

  /** Removes files that were not moved into place. */
  async discard(): Promise<void> {
    for (const { file } of this.#files) await file.discard();
  }
}

/** False if the existing file contains all of the new one. */
async function takesPlace({ path, freshPath }: FreshFile): Promise<boolean> {
  if ((await stat(path).catch(() => null)) === null) return true;
  const there = await identitiesIn(path);
  const ours = await identitiesIn(freshPath);
  if (isWithin(ours, there)) return false;
  if (isWithin(there, ours)) return true;
  throw new BooError('invalid_request', `${path} contains lines that the chat does not have, so it was not replaced.`);
}

function isWithin(part: ReadonlySet<string>, whole: ReadonlySet<string>): boolean {
  for (const identity of part) if (!whole.has(identity)) return false;
  return true;
}

async function identitiesIn(file: string): Promise<Set<string>> {
  const identities = new Set<string>();
  for await (const { text } of readLines(file)) {
    const entry = parseEntry(text);
    if (entry && isRecordOfRequest(entry)) continue;
    const uuid = entry?.['uuid'];
    identities.add(typeof uuid === 'string' ? uuid : createHash('sha1').update(text).digest('base64'));
  }
  return identities;
}
