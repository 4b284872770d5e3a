/**
 * Writes transcripts as the program lays them out. A file is in its place only once all are written, and never takes
 * the place of one that holds more: somebody may have gone on in that session with the program itself.
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
  /** False for a file that was there and held all that is in the transcript. */
  isNew: boolean;
}

export class SessionWriter {
  readonly #folder: string;
  readonly #files: { file: FreshFile; entries: number }[] = [];

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** `line` is the entry's JSON. Those of one transcript come one after the other. */
  async add(sessionId: string, subpath: string, line: string): Promise<void> {
    const path = transcriptFile(this.#folder, sessionId, subpath);
    if (path === null)
      throw new BooError('internal', `The server names a transcript that can have no file: ${subpath}.`);
    let last = this.#files.at(-1);
    if (last?.file.path !== path) {
      await last?.file.end();
      last = { file: await FreshFile.create(path), entries: 0 };
      this.#files.push(last);
    }
    last.entries += 1;
    await last.file.addLine(line);
  }

  /** Puts every file in its place. Throws, and changes none, when one that is there holds what the fresh one lacks. */
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

  /** Removes what was not put in its place. */
  async discard(): Promise<void> {
    for (const { file } of this.#files) await file.discard();
  }
}

/** False where the file that is there holds all of the fresh one. */
async function takesPlace({ path, freshPath }: FreshFile): Promise<boolean> {
  if ((await stat(path).catch(() => null)) === null) return true;
  const there = await identitiesIn(path);
  const ours = await identitiesIn(freshPath);
  if (isWithin(ours, there)) return false;
  if (isWithin(there, ours)) return true;
  throw new BooError('invalid_request', `${path} holds lines that the chat does not: it is left as it is.`);
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
