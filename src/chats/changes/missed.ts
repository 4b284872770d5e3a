/** Why snapshots are missing, by the name of their reference. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChangesProblem } from '../../protocol/changes.ts';

export interface Missed {
  reason: ChangesProblem;
  message: string;
  at?: number;
}

const maxKept = 200;

export async function readMissed(folder: string): Promise<Record<string, Missed>> {
  const text = await readFile(join(folder, 'missed.json'), 'utf8').catch(() => '{}');
  try {
    return JSON.parse(text) as Record<string, Missed>;
  } catch {
    // Cut off by a full disk, say.
    return {};
  }
}

export async function noteMissed(folder: string, names: readonly string[], missed: Missed): Promise<void> {
  const { start, ...rest } = await readMissed(folder);
  const turns = [...Object.entries(rest), ...names.map((name): [string, Missed] => [name, missed])].slice(-maxKept);
  const first = names.includes('start') ? missed : start;
  await writeFile(
    join(folder, 'missed.json'),
    JSON.stringify({ ...(first && { start: first }), ...Object.fromEntries(turns) }),
  );
}
