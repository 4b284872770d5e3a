/** A session as it was before a prompt, under another id: the one that it is taken from stays as it is. */
import type { SessionStore, SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import type { AgentPrompt, SessionRewind } from '../../agent-backend.ts';
import { wordsOf } from '../mapping/prompt-words.ts';
import { readLine } from '../mapping/transcript-line.ts';
import { projectKey, reconcileTranscript } from './transcript-file.ts';

/** False where the transcript does not hold the first of the prompts. */
export async function rewindTranscript(rewind: SessionRewind, configDir: string): Promise<boolean> {
  const { sessionStore: store, cwd, from, to, prompts } = rewind;
  const entries = (await reconcileTranscript(store, { configDir, cwd, sessionId: from })) ?? [];
  const end = beginningOf(entries, prompts);
  if (end === -1) return false;
  await copy(store, { sessionId: from }, to, entries.slice(0, end));
  // What sub-agents of the turns before said; those of later ones are known to nobody any more.
  for (const subpath of (await store.listSubkeys?.({ projectKey, sessionId: from })) ?? []) {
    await copy(
      store,
      { sessionId: from, subpath },
      to,
      (await store.load({ projectKey, sessionId: from, subpath })) ?? [],
    );
  }
  return true;
}

/** The program takes an entry of another session for none of its own. */
function copy(
  store: SessionStore,
  { sessionId, subpath }: { sessionId: string; subpath?: string },
  to: string,
  entries: readonly SessionStoreEntry[],
): Promise<void> {
  const key = { projectKey, sessionId: to, ...(subpath === undefined ? {} : { subpath }) };
  return store.append(
    key,
    entries.map((entry) => (entry['sessionId'] === sessionId ? { ...entry, sessionId: to } : entry)),
  );
}

/** Where the first prompt begins; -1 where it does not stand there. */
function beginningOf(entries: readonly SessionStoreEntry[], prompts: readonly AgentPrompt[]): number {
  const [first] = prompts;
  if (!first) return -1;
  const words = wordsOf(first.content);
  // Under the SDK it has the id that it was sent with. The terminal program gives it one of its own, and the same words
  // may have been said several times.
  const sameLater = prompts.filter(({ content }) => wordsOf(content) === words).length;
  const known = entries.findIndex(({ uuid }) => uuid === first.turnId);
  const typed = (): number | undefined =>
    entries
      .flatMap((entry, index) => {
        const line = readLine(entry);
        return line.is === 'prompt' && wordsOf(line.content) === words ? [index] : [];
      })
      .at(-sameLater);
  let at = known === -1 ? (typed() ?? -1) : known;
  // Its way through the program's queue.
  while (at > 0 && entries[at - 1]?.type === 'queue-operation') at -= 1;
  return at;
}
