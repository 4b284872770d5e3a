import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { identifyProcess } from '../../../lib/process-identity.ts';
import { configDirOf } from '../files/transcript-file.ts';

/** The running program that uses this session, according to the programs' own files; null if there is none. */
export async function programIn(
  env: Readonly<Record<string, string | undefined>>,
  sessionId: string,
): Promise<{ pid: number } | null> {
  const folder = join(configDirOf(env), 'sessions');
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  for (const name of names) {
    const pid = Number(/^(\d+)\.json$/.exec(name)?.[1]);
    if (!Number.isSafeInteger(pid)) continue;
    const said = await readStatus(join(folder, name));
    if (said?.['sessionId'] === sessionId && isSameProcess(pid, said['procStart'])) return { pid };
  }
  return null;
}

/** A killed program leaves its file behind, and its pid may have been reused. */
function isSameProcess(pid: number, started: unknown): boolean {
  const process = identifyProcess(pid);
  if (!process) return false;
  // On Linux both count the same ticks; elsewhere the pid has to be enough.
  const [, ticks] = process.startedAt.split('/');
  return ticks === undefined || typeof started !== 'string' || started === ticks;
}

/** Null if the file is gone or is being written. */
async function readStatus(file: string): Promise<Record<string, unknown> | null> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
  } catch {
    return null;
  }
}
