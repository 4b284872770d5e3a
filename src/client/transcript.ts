import type { Wire } from './request.ts';
import { BooError } from '../protocol/error.ts';
import type { TranscriptRecord } from '../protocol/transcript.ts';

/** The lines of a chat's transcripts, as they arrive. Throws if they are cut off. */
export async function* readTranscriptRecords(
  wire: Wire,
  path: string,
  options: { silenceMs: number; signal?: AbortSignal | undefined },
): AsyncGenerator<TranscriptRecord, void, undefined> {
  const abort = new AbortController();
  const stop = (): void => abort.abort(options.signal?.reason);
  options.signal?.addEventListener('abort', stop);
  let timer = setTimeout(stop, options.silenceMs);
  try {
    const stream = await wire.openStream(path, undefined, abort.signal, 'application/x-ndjson');
    let isWhole = false;
    for await (const line of linesOf(stream, () => {
      clearTimeout(timer);
      timer = setTimeout(stop, options.silenceMs);
    })) {
      const record = JSON.parse(line) as TranscriptRecord;
      isWhole = record.type === 'end';
      yield record;
    }
    if (!isWhole) throw brokenOff();
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', stop);
    // For consumers that stop early.
    abort.abort();
  }
}

async function* linesOf(
  stream: ReadableStream<Uint8Array>,
  onPiece: () => void,
): AsyncGenerator<string, void, undefined> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  // The pieces of the unfinished line. A line of many pieces is joined once.
  let pieces: string[] = [];
  for (;;) {
    const { done, value } = await reader.read().catch((error: unknown) => {
      throw brokenOff(error);
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

function brokenOff(cause?: unknown): BooError {
  const details = { reason: 'unreachable' };
  return new BooError('internal', 'The server ended the transcript before it was complete.', { cause, details });
}
