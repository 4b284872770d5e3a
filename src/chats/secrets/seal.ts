/**
 * Encryption of secrets: AES-256-GCM with a key that is never in the database. What a ciphertext is for is authenticated with
 * it: its id, name and scope, so that one that is moved to another row, or whose row is changed, cannot be opened.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

/** Whose it is: a person's by their id, or a directory's by its path. */
export type SecretScope = { readonly personId: string } | { readonly directory: string };

/** What a ciphertext belongs to. */
export interface SealedFor {
  readonly id: string;
  readonly name: string;
  readonly scope: SecretScope;
}

const algorithm = 'aes-256-gcm';
export const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;

/** Names a key without telling it. */
export const keyIdOf = (key: Buffer): string =>
  createHash('sha256').update('boocode secrets key\0').update(key).digest('hex').slice(0, 16);

function bound({ id, name, scope }: SealedFor): Buffer {
  const of = 'personId' in scope ? ['person', scope.personId] : ['directory', scope.directory];
  return Buffer.from(JSON.stringify(['boocode secret', 1, id, name, ...of]));
}

export function seal(key: Buffer, what: SealedFor, value: string): string {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagBytes });
  cipher.setAAD(bound(what));
  const text = Buffer.concat([cipher.update(value, 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, text, cipher.getAuthTag()]).toString('base64');
}

/** Null if it was not sealed with this key for exactly this. */
export function open(key: Buffer, what: SealedFor, sealed: string): string | null {
  const bytes = Buffer.from(sealed, 'base64');
  if (bytes.length < nonceBytes + tagBytes) return null;
  const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes });
  decipher.setAAD(bound(what));
  decipher.setAuthTag(bytes.subarray(-tagBytes));
  try {
    const text = decipher.update(bytes.subarray(nonceBytes, -tagBytes));
    return Buffer.concat([text, decipher.final()]).toString('utf8');
  } catch {
    return null;
  }
}
