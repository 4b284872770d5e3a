import type { Clock } from '../lib/clock.ts';
import { BooError } from '../protocol/error.ts';

/**
 * The minimum pace of a body: one that trickles cannot hold a connection, but a large one on a slow line still gets
 * through.
 */
const paceMs = 10_000;
const paceBytes = 10 * 1024;

export interface BodyOptions {
  limitBytes: number;
  clock: Clock;
}

/** Bodies that were read whole, which can be read again. */
const whole = new WeakMap<Request, Uint8Array>();

/**
 * Reads a request's body as it arrives: never more than the limit, whatever the length header says or omits. Throws
 * `payload_too_large`, `request_timeout`, and `invalid_request` for a body that breaks off.
 */
export async function* bodyPieces(request: Request, { limitBytes, clock }: BodyOptions): AsyncGenerator<Uint8Array> {
  const assertFits = (bytes: number): void => {
    if (bytes <= limitBytes) return;
    throw new BooError('payload_too_large', `The body must be at most ${limitBytes} bytes.`, {
      details: { limitBytes },
    });
  };
  assertFits(Number(request.headers.get('content-length') ?? 0));
  const read = whole.get(request);
  if (read) {
    assertFits(read.byteLength);
    yield read;
    return;
  }
  if (request.body === null) return;
  const reader = request.body.getReader();
  const pace = watchPace(clock);
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read().catch(brokeOff), pace.tooSlow]);
      if (done) return;
      size += value.byteLength;
      assertFits(size);
      pace.take(value.byteLength);
      yield value;
    }
  } finally {
    // The rest is left to the connection's owner: canceling the reader would destroy the connection, and the response
    // with it.
    pace.stop();
  }
}

/** The whole body, which may be read again. Throws as `bodyPieces` does. */
export async function readBody(request: Request, options: BodyOptions): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of bodyPieces(request, options)) pieces.push(piece);
  const body = Buffer.concat(pieces);
  whole.set(request, body);
  return body;
}

/** The client has disconnected: there is nobody to answer, and nothing is wrong here. */
function brokeOff(cause: unknown): never {
  throw new BooError('invalid_request', 'body: broke off before its end.', { cause, details: { field: 'body' } });
}

function watchPace(clock: Clock): { tooSlow: Promise<never>; take(bytes: number): void; stop(): void } {
  let taken = 0;
  let stop = (): void => {};
  const tooSlow = new Promise<never>((_, reject) => {
    const check = (): void => {
      if (taken < paceBytes) {
        return reject(
          new BooError(
            'request_timeout',
            `The body must arrive at a rate of at least ${paceBytes} bytes every ten seconds.`,
          ),
        );
      }
      taken = 0;
      stop = clock.after(paceMs, check);
    };
    stop = clock.after(paceMs, check);
  });
  // Nobody may be waiting for the body at this moment.
  tooSlow.catch(() => undefined);
  return { tooSlow, take: (bytes) => (taken += bytes), stop: () => stop() };
}
