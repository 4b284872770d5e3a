/**
 * Tool calls that a person was asked about in a process that is gone.
 *
 * Without help such a call is lost: the next process does not know that it waits. But if the transcript ends with the
 * entry that a hook's answer `defer` leaves behind, the program asks about that call again when it resumes the session,
 * without a prompt and without asking the model, and runs it once it is allowed. Measured with 2.1.332.
 */
import { randomUUID } from 'node:crypto';
import { appendFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import type { StoredSession } from '../../agent-backend.ts';
import { parseEntry, readLines } from '../native-sessions/read-lines.ts';
import { type Entry, type OpenCall, OpenCalls } from './open-calls.ts';
import { appendEntries, storedEntries } from './stored-entries.ts';
import { compareTranscript, surplusOf } from './transcript-comparison.ts';
import { findTranscriptFile, projectDirectory, projectKey } from './transcript-file.ts';

/**
 * The call if it has not run. What is stored counts: a program whose host has gone writes an error as the result of a call
 * that it asked about, and only into its own file.
 */
export async function findOpenCall(
  session: StoredSession,
  configDir: string,
  toolCallId: string,
): Promise<OpenCall | undefined> {
  const key = { projectKey, sessionId: session.sessionId };
  const stored = await readCalls(storedEntries(session.sessionStore, key), toolCallId);
  if (stored.isKnown) return stored.calls.find(toolCallId);
  const file = await findTranscriptFile({ ...session, configDir });
  return file === undefined ? undefined : (await readCalls(entriesIn(file), toolCallId)).calls.find(toolCallId);
}

async function readCalls(entries: AsyncIterable<Entry>, toolCallId: string) {
  const calls = new OpenCalls();
  let isKnown = false;
  for await (const entry of entries) {
    calls.add(entry);
    isKnown ||= calls.find(toolCallId) !== undefined;
  }
  return { calls, isKnown };
}

async function* entriesIn(file: string): AsyncGenerator<Entry, void, undefined> {
  for await (const { text } of readLines(file)) {
    const entry = parseEntry(text);
    if (entry) yield entry;
  }
}

/** Drops what a program without its host has written behind a stored call that it asked about, except for its costs. */
export async function dropRest(session: StoredSession, configDir: string, toolCallId: string): Promise<void> {
  const { sessionId, sessionStore } = session;
  const key = { projectKey, sessionId };
  const file = await findTranscriptFile({ ...session, configDir });
  if (file === undefined) return;
  const calls = new OpenCalls();
  const compared = await compareTranscript(sessionStore, key, file, (entry) => calls.add(entry));
  if (!calls.find(toolCallId)) return;
  if (compared.holdsStored) await appendEntries(sessionStore, key, costsIn(surplusOf(compared)));
  // It is written again from the store.
  await rm(file, { force: true });
}

async function* costsIn(entries: AsyncIterable<SessionStoreEntry>) {
  for await (const entry of entries) if (entry.type === 'cost-state') yield entry;
}

/** Has the program ask about the call again when it resumes. File and store must agree; both get the entry. */
export async function deferCall(
  session: StoredSession,
  configDir: string,
  toolCallId: string,
  { entry, toolName, input, isDeferred }: OpenCall,
): Promise<void> {
  if (isDeferred) return;
  const deferred = {
    type: 'attachment',
    attachment: {
      type: 'hook_deferred_tool',
      toolUseID: toolCallId,
      toolName,
      toolInput: input,
      hookName: 'boocode',
      hookEvent: 'PreToolUse',
    },
  };
  await appendTo(session, configDir, behind(entry, deferred));
}

/** Gives a call that nobody will continue a result that says so. Otherwise the program would drop it without a word. */
export async function endCall(
  session: StoredSession,
  configDir: string,
  toolCallId: string,
  { entry }: OpenCall,
): Promise<void> {
  const content = [{ tool_use_id: toolCallId, type: 'tool_result', content: withoutResult, is_error: true }];
  const result = { type: 'user', message: { role: 'user', content }, sourceToolAssistantUUID: entry['uuid'] };
  await appendTo(session, configDir, behind(entry, result));
}

export const withoutResult = 'The process ended before this call had a result: it is not known whether it ran.';

/** An entry that follows another one. */
export function behind(entry: Entry, added: { type: string } & Record<string, unknown>): SessionStoreEntry {
  const { message: _message, requestId: _request, ...common } = entry;
  const own = { parentUuid: entry['uuid'], uuid: randomUUID(), timestamp: new Date().toISOString() };
  return { ...common, ...added, ...own };
}

async function appendTo(
  { sessionId, cwd, sessionStore }: StoredSession,
  configDir: string,
  entry: SessionStoreEntry,
): Promise<void> {
  await sessionStore.append({ projectKey, sessionId }, [entry]);
  const directory = await projectDirectory({ configDir, cwd, sessionId });
  await appendFile(join(directory, `${sessionId}.jsonl`), `${JSON.stringify(entry)}\n`);
}
