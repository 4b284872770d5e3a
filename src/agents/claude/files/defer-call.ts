/**
 * Tool calls that a person was asked about in a process that is gone.
 *
 * Without help such a call is lost: the next process does not know that it waits. But if the transcript ends with the
 * entry that a hook's answer `defer` leaves behind, the program asks about that call again when it resumes the session,
 * without a prompt and without asking the model, and runs it once it is allowed. Measured with 2.1.332.
 */
import { randomUUID } from 'node:crypto';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import type { StoredSession } from '../../agent-backend.ts';
import { parseEntry } from '../native-sessions/read-lines.ts';
import { type OpenCall, OpenCalls } from './open-calls.ts';
import { transcriptCopies } from './own-lines.ts';
import { projectDirectory, projectKey } from './transcript-file.ts';

/** The call if it is open in every copy that has it, so that it has certainly not run. */
export async function findOpenCall(
  session: StoredSession,
  configDir: string,
  toolCallId: string,
): Promise<OpenCall | undefined> {
  let found: OpenCall | undefined;
  for await (const copy of transcriptCopies(session, configDir)) {
    const calls = new OpenCalls();
    let isThere = false;
    for await (const line of copy) {
      const entry = parseEntry(line);
      if (!entry) continue;
      calls.add(entry);
      isThere ||= line.includes(toolCallId);
    }
    const call = calls.find(toolCallId);
    if (isThere && !call) return undefined;
    found ??= call;
  }
  return found;
}

/** Has the program ask about the call again when it resumes. File and store must agree; both get the entry. */
export async function deferCall(
  { sessionId, cwd, sessionStore }: StoredSession,
  configDir: string,
  toolCallId: string,
  { entry, toolName, input, isDeferred }: OpenCall,
): Promise<void> {
  if (isDeferred) return;
  const { type: _, message: _message, requestId: _request, ...common } = entry;
  const deferred: SessionStoreEntry = {
    ...common,
    parentUuid: entry['uuid'],
    type: 'attachment',
    attachment: {
      type: 'hook_deferred_tool',
      toolUseID: toolCallId,
      toolName,
      toolInput: input,
      hookName: 'boocode',
      hookEvent: 'PreToolUse',
    },
    uuid: randomUUID(),
    timestamp: new Date().toISOString(),
  };
  await sessionStore.append({ projectKey, sessionId }, [deferred]);
  const directory = await projectDirectory({ configDir, cwd, sessionId });
  await appendFile(join(directory, `${sessionId}.jsonl`), `${JSON.stringify(deferred)}\n`);
}
