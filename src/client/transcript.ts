import type { TranscriptRecord } from '../protocol/transcript.ts';
import { brokenOff, type LinesOptions, readLines } from './lines.ts';
import type { Wire } from './request.ts';

/** The lines of a chat's transcripts, as they arrive. Throws if they are cut off. */
export async function* readTranscriptRecords(
  wire: Wire,
  path: string,
  options: Pick<LinesOptions, 'silenceMs' | 'signal'>,
): AsyncGenerator<TranscriptRecord, void, undefined> {
  const what = 'transcript';
  let isWhole = false;
  for await (const line of readLines(wire, path, { ...options, what })) {
    const record = JSON.parse(line) as TranscriptRecord;
    isWhole = record.type === 'end';
    yield record;
  }
  if (!isWhole) throw brokenOff(what);
}
