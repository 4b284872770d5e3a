/**
 * The header that makes a request one of another host: who asks, on whose behalf, and for what exactly. Its form is
 * `<key id>.<payload>.<HMAC-SHA256 of both>`, the latter two in base64url.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { principal } from '../protocol/principal.ts';

export const forwardedHeader = 'boocode-forwarded';
/** The host that answers a request of another one names itself in this header. */
export const hostHeader = 'boocode-host';

const payload = z.object({
  /** Hosts. */
  from: z.uuid(),
  to: z.uuid(),
  /** By the database's clock, in milliseconds since 1970. */
  at: z.number(),
  /** Unique: the same header is accepted only once. */
  nonce: z.string().min(16).max(64),
  method: z.string(),
  /** The path with its query. */
  target: z.string(),
  /** SHA-256 of the body, in base64url. */
  body: z.string(),
  principal,
});
export type SignedRequest = z.infer<typeof payload>;

export interface SigningKey {
  id: string;
  secret: string;
}

export function sign(key: SigningKey, request: SignedRequest): string {
  const text = `${key.id}.${Buffer.from(JSON.stringify(request)).toString('base64url')}`;
  return `${text}.${mac(key, text).toString('base64url')}`;
}

/** The id of the key with which the header claims to be signed. */
export function keyIdOf(header: string): string {
  return header.slice(0, header.indexOf('.'));
}

/** What was signed; undefined if this key did not sign it. */
export function openSigned(key: SigningKey, header: string): SignedRequest | undefined {
  const end = header.lastIndexOf('.');
  const text = header.slice(0, end);
  const given = Buffer.from(header.slice(end + 1), 'base64url');
  const expected = mac(key, text);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
  const opened = payload.safeParse(parseJson(Buffer.from(text.slice(key.id.length + 1), 'base64url').toString()));
  return opened.success ? opened.data : undefined;
}

export function digestOf(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('base64url');
}

function mac(key: SigningKey, text: string): Buffer {
  return createHmac('sha256', Buffer.from(key.secret, 'base64')).update(text).digest();
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
