import { BooError } from '../protocol/error.ts';
import type { RequestOptions, Wire } from './request.ts';

export interface LinesOptions {
  silenceMs: number;
  signal?: AbortSignal | undefined;
  query?: RequestOptions['query'];
  /** What is cut off if it ends early, for the sentence that says so. */
  what: string;
}

/** The lines of a response of newline-delimited JSON, as they arrive. Throws if the connection breaks. */
export async function* readLines(
  wire: Wire,
  path: string,
  { silenceMs, signal, query, what }: LinesOptions,
): AsyncGenerator<string, void, undefined> {
  const abort = new AbortController();
  const stop = (): void => abort.abort(signal?.reason);
  signal?.addEventListener('abort', stop);
  let timer = setTimeout(stop, silenceMs);
  try {
    const stream = await wire.openStream(path, query, abort.signal, 'application/x-ndjson');
    yield* linesOf(stream, what, () => {
      clearTimeout(timer);
      timer = setTimeout(stop, silenceMs);
    });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
    // For consumers that stop early.
    abort.abort();
  }
}

async function* linesOf(
  stream: ReadableStream<Uint8Array>,
  what: string,
  onPiece: () => void,
): AsyncGenerator<string, void, undefined> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  // The pieces of the unfinished line. A line of many pieces is joined once.
  let pieces: string[] = [];
  for (;;) {
    const { done, value } = await reader.read().catch((error: unknown) => {
      throw brokenOff(what, error);
    });
    if (done) return;
    onPiece();
    const parts = decoder.decode(value, { stream: true }).split('\n');
    for (const part of parts.slice(0, -1)) {
      yield pieces.join('') + part;
      pieces = [];
    }
    pieces.push(parts.at(-1) ?? '');
  }
}

export function brokenOff(what: string, cause?: unknown): BooError {
  const details = { reason: 'unreachable' };
  return new BooError('internal', `The server ended the ${what} before it was complete.`, { cause, details });
}
