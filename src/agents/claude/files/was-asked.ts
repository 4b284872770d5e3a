/** Whether a prompt stands in the transcript of a session that no process is in: then it had reached the program. */
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { join } from 'node:path';
import type { ContentBlock } from '../../../protocol/content.ts';
import type { AgentPrompt, StoredSession } from '../../agent-backend.ts';
import { readLine } from '../mapping/transcript-line.ts';
import { wordsOf } from '../mapping/prompt-words.ts';
import { parseEntry, readLines } from './read-lines.ts';
import { storedEntries } from './stored-entries.ts';
import { projectDirectory, projectKey } from './transcript-file.ts';

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
 * The terminal's way: the program gives what is typed an id of its own, so that it is known by its words. Of two prompts
 * with the same words one after the other, the first counts for both: what may have been asked is not asked twice.
 */
export async function hasPromptLast(
  session: StoredSession,
  configDir: string,
  { content }: AgentPrompt,
): Promise<boolean> {
  let last: ContentBlock[] | undefined;
  for await (const line of ownLines(session, configDir)) {
    if (!line.includes('"user"')) continue;
    const entry = parseEntry(line);
    const said = entry && readLine(entry as SessionStoreEntry);
    if (said?.is === 'prompt' || said?.is === 'aside') last = said.content;
  }
  return last !== undefined && wordsOf(last) === wordsOf(content);
}

/** Of the session's own transcript: of the program's file, which is never behind; on another machine, of what is stored. */
async function* ownLines({ sessionId, cwd, sessionStore }: StoredSession, configDir: string) {
  const directory = await projectDirectory({ configDir, cwd, sessionId });
  try {
    for await (const { text } of readLines(join(directory, `${sessionId}.jsonl`))) yield text;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    for await (const entry of storedEntries(sessionStore, { projectKey, sessionId })) yield JSON.stringify(entry);
  }
}
