import { createReadStream } from 'node:fs';
import { type Line, LineSplitter } from './line-splitter.ts';

export interface TextLine {
  text: string;
  /** From 1. */
  number: number;
}

/** The lines of a file that hold anything, one after the other; a last one without its end is left out. */
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

/** A line of a transcript; null for what is none. */
export function parseEntry(text: string): ({ type: string } & Record<string, unknown>) | null {
  try {
    const entry: unknown = JSON.parse(text);
    const isEntry = typeof entry === 'object' && entry !== null && 'type' in entry && typeof entry.type === 'string';
    return isEntry ? (entry as { type: string } & Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** The program's records of its own requests: large, of no use to a resume, and never stored. */
export function isRecordOfRequest(entry: { type: string }): boolean {
  return entry.type.startsWith('api-request');
}
