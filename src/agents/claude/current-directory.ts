/**
 * Tracks the program's working directory. Each entry of the session's own transcript names it: a `cd` in the program's
 * shell also applies to later commands, if the program allows the directory. A new process starts in the session's
 * worktree, or else in the chat's directory; no entry says so before the first prompt.
 */
import { realpath, stat } from 'node:fs/promises';
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import type { AgentDirectory } from '../../protocol/event.ts';
import type { AgentEventOf, AgentSessionSpec } from '../agent-backend.ts';
import { asRecord, asText } from './mapping/loose-json.ts';

type Change = AgentEventOf<'current_directory_update'>;

export class CurrentDirectory {
  readonly #home: string;
  #told: AgentDirectory;
  #worktree: string | null = null;

  constructor({ cwd, agentDirectory }: Pick<AgentSessionSpec, 'cwd' | 'agentDirectory'>) {
    this.#home = cwd;
    this.#told = agentDirectory ?? { cwd, worktree: null };
  }

  /** Call it when a process starts on a transcript that leaves the session in this worktree. Returns the change. */
  async begin(worktree: string | null = this.#worktree): Promise<Change | undefined> {
    const isThere = worktree !== null && (await stat(worktree).catch(() => null))?.isDirectory() === true;
    this.#worktree = isThere ? worktree : null;
    return this.#at(this.#worktree ?? (await realpath(this.#home).catch(() => this.#home)));
  }

  /** The change made by an entry of the session's own transcript. */
  take(entry: SessionStoreEntry): Change | undefined {
    const worktree = worktreeOf(entry);
    if (worktree !== undefined) this.#worktree = worktree;
    const cwd = asText(entry['cwd']);
    return cwd === undefined ? undefined : this.#at(cwd);
  }

  #at(cwd: string): Change | undefined {
    const now = { cwd, worktree: this.#worktree };
    if (cwd === this.#told.cwd && now.worktree === this.#told.worktree) return undefined;
    this.#told = now;
    return { type: 'current_directory_update', ...now };
  }
}

/** The session's worktree from this entry on, null for none; undefined if the entry does not say. */
export function worktreeOf(entry: SessionStoreEntry): string | null | undefined {
  if (entry.type !== 'worktree-state') return undefined;
  return asText(asRecord(entry['worktreeSession'])['worktreePath']) ?? null;
}
