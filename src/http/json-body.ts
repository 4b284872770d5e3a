import { createHash } from 'node:crypto';
import { createJsonScan } from '../lib/json-scan.ts';
import { BooError } from '../protocol/error.ts';
import { type BodyOptions, bodyPieces } from './body-pieces.ts';
import { invalid } from './invalid-request.ts';

/** More than any of our bodies needs, but little enough to read quickly. */
export const jsonBounds = { nodes: 50_000, depth: 100 };

export interface JsonBodyOptions extends BodyOptions {
  /** SHA-256 of the body that the host has vouched for which sent the request on, in base64url. */
  digest?: string | undefined;
}

/**
 * The request's body as JSON; undefined if there is none. Excessive input is detected before anything is parsed. Throws
 * `unsupported_media_type`, `payload_too_large`, `request_timeout`, `invalid_json`, `invalid_request` for JSON that is
 * too large or dangerous to process, or `unauthorized` if it does not have the digest.
 */
export async function readJsonBody(request: Request, options: JsonBodyOptions): Promise<unknown> {
  const declared = request.headers.get('content-type');
  if (declared !== null && !isJson(declared)) throw notJson(declared);
  const scan = createJsonScan(jsonBounds);
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  let text = '';
  let isEmpty = true;
  const hash = options.digest === undefined ? undefined : createHash('sha256');
  try {
    for await (const piece of bodyPieces(request, options)) {
      if (piece.byteLength === 0) continue;
      if (declared === null) throw notJson('none');
      isEmpty = false;
      hash?.update(piece);
      const excess = scan(piece);
      if (excess === 'depth') invalid('body', `must not be nested deeper than ${jsonBounds.depth} levels`);
      if (excess === 'nodes') invalid('body', `must not contain more than ${jsonBounds.nodes} values`);
      text += utf8.decode(piece, { stream: true });
    }
    text += utf8.decode();
  } catch (cause) {
    if (cause instanceof BooError) throw cause;
    throw new BooError('invalid_json', 'The body is not valid UTF-8.', { cause });
  }
  if (hash && hash.digest('base64url') !== options.digest) {
    throw new BooError('unauthorized', 'The body is not the one that the other host has sent.');
  }
  if (isEmpty) return undefined;

  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new BooError('invalid_json', 'The body is not valid JSON.', { cause });
  }
  refusePrototypes(value);
  return value;
}

function isJson(contentType: string): boolean {
  const [type, ...parameters] = contentType.toLowerCase().split(';');
  const charset = parameters.map((parameter) => parameter.trim()).find((parameter) => parameter.startsWith('charset='));
  return type?.trim() === 'application/json' && (charset === undefined || /^charset="?utf-8"?$/.test(charset));
}

function notJson(was: string): BooError {
  return new BooError(
    'unsupported_media_type',
    `content-type: must be application/json, but was ${was.slice(0, 100)}`,
    {
      details: { field: 'content-type' },
    },
  );
}

/** JSON.parse creates `__proto__` as an own key, and copying the object later would set its prototype. */
function refusePrototypes(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  if (Object.hasOwn(value, '__proto__')) invalid('__proto__', 'is not known here');
  // No deeper than the limit.
  for (const child of Object.values(value)) refusePrototypes(child);
}
