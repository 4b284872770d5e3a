/**
 * The file with the keys of secrets, one per line: the first one encrypts, all of them decrypt. It is made with the first
 * secret, and read each time, so that a copied or edited file needs no restart.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, linkSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BooError } from '../../protocol/error.ts';
import { keyBytes, keyIdOf } from './seal.ts';

export interface SecretKey {
  readonly id: string;
  readonly key: Buffer;
}

export const defaultKeyFile = (dataDir: string): string => join(dataDir, 'secrets.key');

export class SecretKeys {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  get exist(): boolean {
    return existsSync(this.path);
  }

  /** None if there is no file. Throws `config_invalid`. */
  read(): SecretKey[] {
    let text: string;
    try {
      text = readFileSync(this.path, 'utf8');
      if ((statSync(this.path).mode & 0o077) !== 0) chmodSync(this.path, 0o600);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw this.#unusable(`cannot be read: ${(cause as Error).message}`, cause);
    }
    const lines = text.split('\n').map((line) => line.trim());
    const keys = lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => keyIn(line));
    if (keys.length === 0 || keys.includes(null)) {
      throw this.#unusable('is damaged: it must have a key of 32 bytes in base64 per line. Restore it from a copy');
    }
    return keys.filter((key) => key !== null);
  }

  /** The first key, made if there is none. */
  first(): SecretKey {
    const [known] = this.read();
    if (known) return known;
    this.#write([fresh()], (aside) => {
      try {
        // Atomic: fails if another process was first.
        linkSync(aside, this.path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    });
    return this.read()[0] as SecretKey;
  }

  /** Puts a fresh key before all others. */
  add(): SecretKey {
    const key = fresh();
    const others = this.read().map((each) => each.key);
    this.#write([key, ...others], (aside) => renameSync(aside, this.path));
    return { id: keyIdOf(key), key };
  }

  #write(keys: readonly Buffer[], put: (aside: string) => void): void {
    const aside = `${this.path}.${process.pid}`;
    try {
      writeFileSync(aside, keys.map((key) => `${key.toString('base64url')}\n`).join(''), { mode: 0o600 });
      put(aside);
    } catch (cause) {
      throw this.#unusable(`cannot be written: ${(cause as Error).message}`, cause);
    } finally {
      rmSync(aside, { force: true });
    }
  }

  #unusable(why: string, cause?: unknown): BooError {
    return new BooError('config_invalid', `The key file of secrets, ${this.path}, ${why}.`, { cause });
  }
}

const fresh = (): Buffer => randomBytes(keyBytes);

function keyIn(line: string): SecretKey | null {
  if (!/^[A-Za-z0-9_+/-]{43}=?$/.test(line)) return null;
  const key = Buffer.from(line, 'base64');
  return key.length === keyBytes ? { id: keyIdOf(key), key } : null;
}
