/** A transcript's file. It may be very long, so it is read in pieces, never held as a whole. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { type Line, LineSplitter } from '../native-sessions/line-splitter.ts';

export interface TranscriptLine {
  /** Null if it is not an entry. */
  entry: SessionStoreEntry | null;
  /** From 1. */
  number: number;
  /** False for an incomplete last line, which a killed program may leave. */
  isEnded: boolean;
}

const chunkBytes = 128 * 1024;

/** The non-empty lines in the first bytes of a file. */
export async function* transcriptLines(file: string, size: number): AsyncGenerator<TranscriptLine, void, undefined> {
  if (size === 0) return;
  const splitter = new LineSplitter();
  const parse = ({ bytes, number }: Line, isEnded: boolean): TranscriptLine[] => {
    const text = bytes?.toString('utf8').trim();
    return text === '' ? [] : [{ entry: text === undefined ? null : parseLine(text), number, isEnded }];
  };
  for await (const chunk of createReadStream(file, { highWaterMark: chunkBytes, end: size - 1 })) {
    for (const line of splitter.push(chunk as Buffer)) yield* parse(line, true);
  }
  if (splitter.openLine) for (const line of splitter.push(Buffer.from('\n'))) yield* parse(line, false);
}

function parseLine(text: string): SessionStoreEntry | null {
  try {
    return JSON.parse(text) as SessionStoreEntry;
  } catch {
    return null;
  }
}

/** In bytes; null if the file does not exist. */
export async function sizeOf(file: string): Promise<number | null> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
