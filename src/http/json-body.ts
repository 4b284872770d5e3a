import { BooError } from '../protocol/error.ts';
import { invalid } from './invalid-request.ts';

const maxDepth = 100;
const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The request's body as JSON; undefined where there is none. Throws `unsupported_media_type`, `payload_too_large`,
 * `invalid_json`, or `invalid_request` for what parses and is still not fit to be looked at.
 */
export async function readJsonBody(request: Request, limitBytes: number): Promise<unknown> {
  const declared = request.headers.get('content-type');
  if (declared !== null && !isJson(declared)) throw notJson(declared);
  const bytes = await readBytes(request, limitBytes);
  if (bytes.byteLength === 0) return undefined;
  if (declared === null) throw notJson('none');

  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch (cause) {
    throw new BooError('invalid_json', 'The body is not valid UTF-8.', { cause });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new BooError('invalid_json', 'The body is not valid JSON.', { cause });
  }
  checkShape(value);
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
    `content-type: must be application/json, and was ${was.slice(0, 100)}`,
    {
      details: { field: 'content-type' },
    },
  );
}

/** Never holds more than the limit, whatever the length header says or leaves out. */
async function readBytes(request: Request, limitBytes: number): Promise<Uint8Array> {
  const tooLarge = (): BooError =>
    new BooError('payload_too_large', `The body must be at most ${limitBytes} bytes.`, { details: { limitBytes } });
  const length = request.headers.get('content-length');
  if (length !== null) {
    if (Number(length) > limitBytes) throw tooLarge();
    // The HTTP parser holds the sender to this length, so the whole may be read at once.
    const bytes = new Uint8Array(await request.arrayBuffer());
    if (bytes.byteLength > limitBytes) throw tooLarge();
    return bytes;
  }
  if (request.body === null) return new Uint8Array();
  const reader = request.body.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(chunks);
    size += value.byteLength;
    if (size > limitBytes) {
      await reader.cancel();
      throw tooLarge();
    }
    chunks.push(value);
  }
}

/** Refuses what would break code that walks the value later. Goes level by level: a recursion would itself break. */
function checkShape(value: unknown): void {
  let level: object[] = isObject(value) ? [value] : [];
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > maxDepth) invalid('body', `must not be nested deeper than ${maxDepth} levels`);
    const below: object[] = [];
    for (const node of level) {
      // JSON.parse makes this an own key, and a later copy of the object would make it the prototype.
      if (Object.hasOwn(node, '__proto__')) invalid('__proto__', 'is not known here');
      for (const child of Object.values(node)) if (isObject(child)) below.push(child);
    }
    level = below;
  }
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
