import { createReadStream } from 'node:fs';
import { type Line, LineSplitter } from './line-splitter.ts';

export interface TextLine {
  text: string;
  /** From 1. */
  number: number;
}

/** The non-empty lines of a file, in order; an incomplete last line is skipped. */
export async function* readLines(file: string): AsyncGenerator<TextLine, void, undefined> {
  const splitter = new LineSplitter();
  for await (const chunk of createReadStream(file, { highWaterMark: 256 * 1024 })) {
    for (const line of splitter.push(chunk as Buffer)) {
      const text = textOf(line);
      if (text !== '') yield { text, number: line.number };
    }
  }
}

function textOf({ bytes }: Line): string {
  return bytes === null ? '(too long)' : bytes.toString('utf8').trim();
}

/** Parses a line of a transcript; null if it is not one. */
export function parseEntry(text: string): ({ type: string } & Record<string, unknown>) | null {
  try {
    const entry: unknown = JSON.parse(text);
    const isEntry = typeof entry === 'object' && entry !== null && 'type' in entry && typeof entry.type === 'string';
    return isEntry ? (entry as { type: string } & Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** The program's records of its own requests: large, useless for resuming, and never stored. */
export function isRecordOfRequest(entry: { type: string }): boolean {
  return entry.type.startsWith('api-request');
}
