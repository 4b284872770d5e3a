import { stat } from 'node:fs/promises';
import type { ChatRow } from '../../store/chats.ts';

/** A chat, as far as it decides what its agent changes. */
export interface ChangingChat {
  id: string;
  /** On this host. */
  directory: string;
  /** The working tree that the agent has entered. */
  worktree: string | null;
}

export function changingChat({
  id,
  cwd,
  agentDirectory,
}: Pick<ChatRow, 'id' | 'cwd' | 'agentDirectory'>): ChangingChat {
  return { id, directory: cwd, worktree: agentDirectory?.worktree ?? null };
}

/** Where the agent works. */
export async function workingDirectory({ directory, worktree }: ChangingChat): Promise<string> {
  const isThere = worktree !== null && (await stat(worktree).catch(() => null))?.isDirectory() === true;
  return isThere ? worktree : directory;
}
