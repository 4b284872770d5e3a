/** Transcripts of real turns in the terminal, recorded by `scripts/record-transcripts.mjs`, one file each. */
import { readdirSync, readFileSync } from 'node:fs';
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';

const directory = new URL('../fixtures/transcripts/', import.meta.url);

export const transcriptNames: readonly string[] = readdirSync(directory)
  .filter((name) => name.endsWith('.jsonl'))
  .map((name) => name.slice(0, -'.jsonl'.length))
  .toSorted();

export function readTranscript(name: string): SessionStoreEntry[] {
  return readFileSync(new URL(`${name}.jsonl`, directory), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as SessionStoreEntry);
}
