import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BooError } from './protocol/error.ts';

/** Tells client commands on this machine where the server is. */
export async function leaveNote(dataDir: string, note: object, closers: (() => Promise<unknown>)[]): Promise<void> {
  const path = join(dataDir, 'server.json');
  const text = `${JSON.stringify(note)}\n`;
  try {
    await writeFile(path, text, { mode: 0o600 });
  } catch (cause) {
    throw new BooError('config_invalid', `The data directory ${dataDir} is not writable.`, { cause });
  }
  // With separate databases two servers may share a directory; each removes only its own note.
  closers.push(async () => {
    if ((await readFile(path, 'utf8').catch(() => '')) === text) await rm(path, { force: true });
  });
}
