import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

const bufferChars = 256 * 1024;

/** A file that is written next to its final path, readable by its owner only, and moved there once it is complete. */
export class FreshFile {
  readonly path: string;
  readonly freshPath: string;
  readonly #handle: FileHandle;
  #waiting: string[] = [];
  #waitingChars = 0;
  #isOpen = true;

  private constructor(path: string, freshPath: string, handle: FileHandle) {
    this.path = path;
    this.freshPath = freshPath;
    this.#handle = handle;
  }

  static async create(path: string): Promise<FreshFile> {
    const freshPath = `${path}.${process.pid}.tmp`;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    return new FreshFile(path, freshPath, await open(freshPath, 'w', 0o600));
  }

  async addLine(line: string): Promise<void> {
    this.#waiting.push(line, '\n');
    this.#waitingChars += line.length + 1;
    if (this.#waitingChars >= bufferChars) await this.#flush();
  }

  /** Makes everything written so far readable. Idempotent. */
  async end(): Promise<void> {
    if (!this.#isOpen) return;
    await this.#flush();
    await this.#close();
  }

  async putInPlace(): Promise<void> {
    await this.end();
    await rename(this.freshPath, this.path);
  }

  /** Removes the temporary file. Idempotent. */
  async discard(): Promise<void> {
    await this.#close();
    await rm(this.freshPath, { force: true });
  }

  async #flush(): Promise<void> {
    const text = this.#waiting.join('');
    this.#waiting = [];
    this.#waitingChars = 0;
    await this.#handle.appendFile(text);
  }

  async #close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#handle.close();
  }
}
