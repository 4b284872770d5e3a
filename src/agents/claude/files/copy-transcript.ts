/**
 * A copy of a stored session for a process that answers one question and does nothing else. The program can resume from
 * any file, so the copy is not among its sessions.
 */
import { randomUUID } from 'node:crypto';
import type { SessionStore, SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { asRecord } from '../mapping/loose-json.ts';
import { FreshFile } from '../native-sessions/fresh-file.ts';
import { behind } from './defer-call.ts';
import { OpenCalls } from './open-calls.ts';
import { storedEntries } from './stored-entries.ts';
import { projectKey } from './transcript-file.ts';

/** What is no part of the conversation, and would have the program do or count something when it resumes. */
const left: ReadonlySet<string> = new Set([
  'cost-state',
  'file-history-snapshot',
  'mode',
  'permission-mode',
  'queue-operation',
  'relocated',
  'worktree-state',
]);

export const noResultYet = 'This call has no result yet: it is running, or waits for permission.';
export const stillWorking = 'I am still working on this.';

/**
 * Writes the session to this file, so that it is complete to the program: a running turn ends with words that say that it
 * runs. Resolves with false, and writes nothing, if nothing was said in the session yet.
 */
export async function copyTranscript(
  store: SessionStore,
  sessionId: string,
  file: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const fresh = await FreshFile.create(file);
  try {
    const calls = new OpenCalls();
    let last: SessionStoreEntry | undefined;
    let isBegun = false;
    // The program would run a deferred call when it resumes. Once the conversation has gone on, the entry is a link in it.
    let deferral: SessionStoreEntry | undefined;
    const add = async (entry: SessionStoreEntry): Promise<void> => {
      const isInChain = typeof entry.uuid === 'string' && entry['isSidechain'] !== true;
      if (isInChain && deferral) await fresh.addLine(JSON.stringify(deferral));
      if (isInChain) [last, deferral] = [entry, undefined];
      await fresh.addLine(JSON.stringify(entry));
    };
    for await (const entry of storedEntries(store, { projectKey, sessionId })) {
      signal?.throwIfAborted();
      if (left.has(entry.type)) continue;
      isBegun ||= entry.type === 'user' || entry.type === 'assistant';
      calls.add(entry);
      if (isDeferral(entry)) deferral = entry;
      else await add(withoutResultData(entry));
    }
    if (!isBegun) return false;
    deferral = undefined;
    for (const id of calls.ids) await add(resultOf(id, calls.find(id)!.entry));
    if (last && !isEnd(last)) await add(working(last));
    await fresh.putInPlace();
    return true;
  } finally {
    await fresh.discard();
  }
}

const isDeferral = ({ type, attachment }: SessionStoreEntry): boolean =>
  type === 'attachment' && asRecord(attachment)['type'] === 'hook_deferred_tool';

/**
 * The program's own notes on a result. They name background tasks, and where one has no end the program tells the model that
 * it was stopped.
 */
function withoutResultData(entry: SessionStoreEntry): SessionStoreEntry {
  return Object.fromEntries(Object.entries(entry).filter(([name]) => name !== 'toolUseResult')) as SessionStoreEntry;
}

function resultOf(id: string, call: SessionStoreEntry): SessionStoreEntry {
  const content = [{ tool_use_id: id, type: 'tool_result', content: noResultYet }];
  return behind(call, { type: 'user', message: { role: 'user', content } });
}

/** The agent has the last word, or the program has noted something after it. */
const isEnd = ({ type }: SessionStoreEntry): boolean => type === 'assistant' || type === 'system';

function working(last: SessionStoreEntry): SessionStoreEntry {
  const usage = { input_tokens: 0, output_tokens: 0, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 };
  return behind(last, {
    type: 'assistant',
    message: {
      id: `msg_${randomUUID()}`,
      type: 'message',
      role: 'assistant',
      // The program's own name for what no model has said.
      model: '<synthetic>',
      content: [{ type: 'text', text: stillWorking }],
      stop_reason: 'end_turn',
      stop_sequence: null,
      usage,
    },
  });
}
