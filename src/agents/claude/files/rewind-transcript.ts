/** A session as it was before a prompt, under another id: the one that it is taken from stays as it is. */
import type { SessionKey, SessionStore, SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import type { AgentPrompt, SessionRewind } from '../../agent-backend.ts';
import { worktreeOf } from '../current-directory.ts';
import { wordsOf } from '../mapping/prompt-words.ts';
import { readLine } from '../mapping/transcript-line.ts';
import { appendEntries, storedEntries } from './stored-entries.ts';
import { projectKey, reconcileTranscript } from './transcript-file.ts';

/** The worktree that the new session goes on in. Null where the transcript does not hold the first of the prompts. */
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
  // What sub-agents of the turns before said; those of later ones are known to nobody any more.
  for (const subpath of (await store.listSubkeys?.(key)) ?? []) await copy(store, { ...key, subpath }, { to });
  return { worktree };
}

/** Copies the first entries of a transcript, all of them unless `end` is given. */
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

/** The program takes an entry of another session for none of its own. */
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

/** How many entries stand before the first prompt; -1 where it does not stand there. */
async function beginningOf(
  entries: AsyncIterable<SessionStoreEntry>,
  prompts: readonly AgentPrompt[],
): Promise<number> {
  const [first] = prompts;
  if (!first) return -1;
  const words = wordsOf(first.content);
  // Under the SDK it has the id that it was sent with. The terminal program gives it one of its own, and the same words
  // may have been said several times.
  const sameLater = prompts.filter(({ content }) => wordsOf(content) === words).length;
  const typed: number[] = [];
  let count = 0;
  // Its way through the program's queue belongs to an entry.
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
