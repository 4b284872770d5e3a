import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { GitEnvironment } from '../workspaces/git.ts';
import { folderOf, keptOf } from './chat-folder.ts';
import { removeSnapshots } from './snapshot-refs.ts';

/** Removes a chat's snapshots, and what is kept beside them. What cannot be removed now is still found later. */
export async function eraseKept(dataDir: string, env: GitEnvironment, chatId: string): Promise<void> {
  let isDone = true;
  for (const { folder, commonDirectory } of await keptOf(dataDir, chatId)) {
    // A linked working tree may be gone; its repository has the snapshots.
    const own = { ...env, GIT_DIR: commonDirectory };
    const isGone = await removeSnapshots({ top: commonDirectory }, own, chatId).then(
      () => true,
      () => !existsSync(commonDirectory),
    );
    if (isGone) await rm(folder, { recursive: true, force: true });
    else isDone = false;
  }
  if (isDone) await rm(folderOf(dataDir, chatId), { recursive: true, force: true });
}
