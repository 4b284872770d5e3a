/**
 * Whether the transcript of a session without a process contains a prompt, which shows that the prompt reached the
 * program.
 */
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import type { AgentPrompt, BegunPrompt, StoredSession } from '../../agent-backend.ts';
import { readLine } from '../mapping/transcript-line.ts';
import { endsWithPrompt, wordsOf } from '../mapping/prompt-words.ts';
import { parseEntry, readLines } from '../native-sessions/read-lines.ts';
import { storedEntries } from './stored-entries.ts';
import { findTranscriptFile, projectKey } from './transcript-file.ts';

/** For the SDK: the program keeps the id that the prompt was sent with, which is the turn's. */
export async function hasPromptOfId(
  session: StoredSession,
  configDir: string,
  { turnId }: AgentPrompt,
): Promise<boolean> {
  for await (const line of ownLines(session, configDir)) if (line.includes(`"uuid":"${turnId}"`)) return true;
  return false;
}

/**
 * For the terminal: the program gives typed prompts ids of its own, so a prompt is recognized by its words, perhaps
 * after someone else's, and by when it was stored. A match that is not known to be older counts as this prompt.
 */
export async function hasPromptOfWords(
  session: StoredSession,
  configDir: string,
  prompt: BegunPrompt,
): Promise<boolean> {
  const words = wordsOf(prompt.content);
  const uuids = new Set<string>();
  for await (const line of ownLines(session, configDir)) {
    if (!line.includes('"user"') && !line.includes('"queued_command"')) continue;
    const entry = parseEntry(line);
    const said = entry && readLine(entry as SessionStoreEntry);
    if (said?.is !== 'prompt' && said?.is !== 'aside') continue;
    if (wordsOf(said.content) === words || endsWithPrompt(said.content, words)) uuids.add(said.id);
  }
  if (uuids.size === 0) return false;
  return (await prompt.storedBefore([...uuids])).size < uuids.size;
}

/**
 * Entries of the session's own transcript, from both the program's file, which may be ahead of the store or behind it,
 * and the store.
 */
async function* ownLines({ sessionId, cwd, sessionStore }: StoredSession, configDir: string) {
  const file = await findTranscriptFile({ configDir, cwd, sessionId });
  if (file !== undefined) for await (const { text } of readLines(file)) yield text;
  for await (const entry of storedEntries(sessionStore, { projectKey, sessionId })) yield JSON.stringify(entry);
}
