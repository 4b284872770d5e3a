/** The session's own transcript as JSON lines, from each place that has it. */
import type { StoredSession } from '../../agent-backend.ts';
import { readLines } from '../native-sessions/read-lines.ts';
import { storedEntries } from './stored-entries.ts';
import { findTranscriptFile, projectKey } from './transcript-file.ts';

/** The program's file, which may be ahead of the store or behind it, and the store; each from its beginning. */
export async function* transcriptCopies(
  { sessionId, cwd, sessionStore }: StoredSession,
  configDir: string,
): AsyncGenerator<AsyncIterable<string>, void, undefined> {
  const file = await findTranscriptFile({ configDir, cwd, sessionId });
  if (file !== undefined) yield fileLines(file);
  yield storedLines();

  async function* storedLines() {
    for await (const entry of storedEntries(sessionStore, { projectKey, sessionId })) yield JSON.stringify(entry);
  }
}

async function* fileLines(file: string) {
  for await (const { text } of readLines(file)) yield text;
}
