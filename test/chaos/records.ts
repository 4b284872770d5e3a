/**
 * What clients and the runner saw of a chaos run: one JSON object per line, written before whoever writes it goes on, so
 * that nothing is known that is not recorded.
 */
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

export interface Records {
  readonly client: string;
  /** Adds the time, and who writes. */
  write(record: { kind: string; [field: string]: unknown }): void;
}

/** `client` is also the name of the file in the run's directory. */
export function openRecords(runDirectory: string, client: string): Records {
  const folder = join(runDirectory, 'records');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${client}.jsonl`);
  return {
    client,
    write: (record) => appendFileSync(file, `${JSON.stringify({ atMs: Date.now(), client, ...record })}\n`),
  };
}
