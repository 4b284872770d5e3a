import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { SideFileStore } from '../../../protocol/side-files.ts';
import { findPlainFile } from './plain-files.ts';
import { isSideFile, ownDirectories } from './side-file-places.ts';

/** Removes the program's files of a session outside the folders with its transcripts: its chat is being deleted. */
export async function removeSideFiles(store: SideFileStore, configDir: string, sessionId: string): Promise<void> {
  for (const directory of ownDirectories(configDir, sessionId)) await rm(directory, { recursive: true, force: true });
  for (const file of await store.list()) {
    // The directory of plans is shared by all sessions.
    const isPlan = file.sessionId === sessionId && file.name.startsWith('plans/') && isSideFile(file);
    const path = join(configDir, file.name);
    if (isPlan && (await findPlainFile(configDir, path))) await rm(path, { force: true });
  }
}
