import { expect, test } from 'vitest';
import type { Cli } from './cli.ts';
import { createImportProgress, type ImportStep } from './import-progress.ts';

/** What is printed for these steps, each at its time in milliseconds. */
function told(json: boolean, steps: readonly [atMs: number, step: ImportStep][]): string[] {
  const lines: string[] = [];
  let now = 0;
  const terminal = { err: (text: string) => void lines.push(text) } as Cli['terminal'];
  const progress = createImportProgress({ terminal }, { json, nowMs: () => now });
  for (const [atMs, step] of steps) {
    now = atMs;
    progress.tell(step);
  }
  return lines;
}

const sending = (bytes: number): ImportStep => ({ phase: 'sending', bytes, of: 45_000_000 });

test('CLI-9: progress is reported every two seconds, in words or as JSON', () => {
  const steps: [number, ImportStep][] = [
    [100, sending(1_000_000)],
    [2_100, sending(20_000_000)],
    [2_200, sending(21_000_000)],
    [4_000, sending(45_000_000)],
    [4_200, { phase: 'writing', events: 12_000 }],
    [6_300, { phase: 'writing', events: 24_000 }],
  ];
  expect(told(false, steps)).toEqual([
    '· Sending the session: 20.0 of 45.0 MB (44 %).\n',
    '· The server writes what was said into the chat: 12000 events so far.\n',
    '· The server writes what was said into the chat: 24000 events so far.\n',
  ]);
  expect(told(true, steps).map((line) => (JSON.parse(line) as { progress: ImportStep }).progress)).toEqual([
    sending(20_000_000),
    sending(45_000_000),
    { phase: 'writing', events: 24_000 },
  ]);
});

test('a short import reports nothing in words, and its only step as JSON', () => {
  expect(told(false, [[900, sending(45_000_000)]])).toEqual([]);
  expect(told(true, [[900, sending(45_000_000)]])).toHaveLength(1);
});
