import { type BooClient, BooError, type RemovedWorktree } from '../client/client.ts';
import type { Cli } from './cli.ts';
import { plainLine } from './plain-text.ts';

/** Removes a worktree and its branch, and says what goes with it: that, and nothing that is added meanwhile. */
export async function discardWorktree({ terminal }: Cli, client: BooClient, chatId: string): Promise<RemovedWorktree> {
  try {
    return await client.removeWorktree(chatId);
  } catch (error) {
    if (!(error instanceof BooError) || error.code !== 'worktree_refused') throw error;
    const { shown } = error.details;
    // What cannot be told is not named.
    const removed = await client.removeWorktree(chatId, { discard: typeof shown === 'string' ? shown : true });
    terminal.err(`· Discarded: ${plainLine(error.message, 2000)}\n`);
    return removed;
  }
}
