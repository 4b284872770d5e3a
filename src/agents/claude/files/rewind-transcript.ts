/** Copies a session as it was before a prompt to a new id. The original stays unchanged. */
import type { SessionKey, SessionStore, SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import type { AgentPrompt, SessionRewind } from '../../agent-backend.ts';
import { worktreeOf } from '../current-directory.ts';
import { wordsOf } from '../mapping/prompt-words.ts';
import { readLine } from '../mapping/transcript-line.ts';
import { appendEntries, storedEntries } from './stored-entries.ts';
import { projectKey, reconcileTranscript } from './transcript-file.ts';

/** The worktree that the new session continues in. Null if the transcript does not contain the first prompt. */
export async function rewindTranscript(
  rewind: SessionRewind,
  configDir: string,
): Promise<{ worktree: string | null } | null> {
  const { sessionStore: store, cwd, from, to, prompts } = rewind;
  await reconcileTranscript(store, { configDir, cwd, sessionId: from });
  const key = { projectKey, sessionId: from };
  const end = await beginningOf(storedEntries(store, key), prompts);
  if (end === -1) return null;
  let worktree: string | null = null;
  await copy(store, key, {
    to,
    end,
    onEntry(entry) {
      const entered = worktreeOf(entry);
      if (entered !== undefined) worktree = entered;
    },
  });
  // All sub-agents are copied whole: nothing refers to those of later turns anymore.
  for (const subpath of (await store.listSubkeys?.(key)) ?? []) await copy(store, { ...key, subpath }, { to });
  return { worktree };
}

/** Copies the entries of a transcript, up to `end` if it is given. */
function copy(store: SessionStore, key: SessionKey, options: CopyOptions): Promise<void> {
  return appendEntries(
    store,
    { ...key, sessionId: options.to },
    renamed(storedEntries(store, key), key.sessionId, options),
  );
}

interface CopyOptions {
  to: string;
  end?: number;
  readonly onEntry?: (entry: SessionStoreEntry) => void;
}

/** The program ignores entries of another session. */
async function* renamed(
  entries: AsyncIterable<SessionStoreEntry>,
  from: string,
  { to, end = Infinity, onEntry }: CopyOptions,
): AsyncGenerator<SessionStoreEntry, void, undefined> {
  let count = 0;
  for await (const entry of entries) {
    if (count >= end) return;
    count += 1;
    onEntry?.(entry);
    yield entry['sessionId'] === from ? { ...entry, sessionId: to } : entry;
  }
}

/** The number of entries before the first prompt; -1 if the transcript does not contain it. */
async function beginningOf(
  entries: AsyncIterable<SessionStoreEntry>,
  prompts: readonly AgentPrompt[],
): Promise<number> {
  const [first] = prompts;
  if (!first) return -1;
  const words = wordsOf(first.content);
  // Under the SDK it has the id that it was sent with. The terminal program assigns its own, and the same words may
  // occur several times.
  const sameLater = prompts.filter(({ content }) => wordsOf(content) === words).length;
  const typed: number[] = [];
  let count = 0;
  // The entries about a prompt's way through the program's queue belong to it.
  let before = 0;
  for await (const entry of entries) {
    if (entry.uuid === first.turnId) return before;
    const line = readLine(entry);
    if (line.is === 'prompt' && wordsOf(line.content) === words) typed.push(before);
    count += 1;
    if (entry.type !== 'queue-operation') before = count;
  }
  return typed.at(-sameLater) ?? -1;
}
