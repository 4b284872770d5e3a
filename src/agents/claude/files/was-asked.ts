/** Whether a prompt stands in the transcript of a session that no process is in: then it had reached the program. */
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import type { AgentPrompt, BegunPrompt, StoredSession } from '../../agent-backend.ts';
import { readLine } from '../mapping/transcript-line.ts';
import { endsWithPrompt, wordsOf } from '../mapping/prompt-words.ts';
import { parseEntry, readLines } from '../native-sessions/read-lines.ts';
import { storedEntries } from './stored-entries.ts';
import { findTranscriptFile, projectKey } from './transcript-file.ts';

/** The SDK's way: the program keeps the id that the prompt was sent under, which is the turn's. */
export async function hasPromptOfId(
  session: StoredSession,
  configDir: string,
  { turnId }: AgentPrompt,
): Promise<boolean> {
  for await (const line of ownLines(session, configDir)) if (line.includes(`"uuid":"${turnId}"`)) return true;
  return false;
}

/**
 * The terminal's way: the program gives what is typed an id of its own, so that it is known by its words, perhaps behind
 * somebody else's, and by when it was stored. One that is not known to be from before may be this one, and counts as it.
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

/** Of the session's own transcript: of the program's file, which may be ahead of what is stored, or older, and of the store. */
async function* ownLines({ sessionId, cwd, sessionStore }: StoredSession, configDir: string) {
  const file = await findTranscriptFile({ configDir, cwd, sessionId });
  if (file !== undefined) for await (const { text } of readLines(file)) yield text;
  for await (const entry of storedEntries(sessionStore, { projectKey, sessionId })) yield JSON.stringify(entry);
}
