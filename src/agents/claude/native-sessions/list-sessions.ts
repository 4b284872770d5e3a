/** The sessions that the program has stored on this machine. */
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { asList, asRecord, asText } from '../mapping/loose-json.ts';
import { readLine } from '../mapping/transcript-line.ts';
import { parseEntry, readLines } from './read-lines.ts';

export interface NativeSession {
  sessionId: string;
  /** Of the main transcript. */
  file: string;
  /** The title given by the user or the program. */
  title: string | null;
  firstPrompt: string;
  /** Counts people's messages and the agent's answers. */
  messages: number;
  /** When its last line was written. */
  lastActivity: Date;
  /** The working directory that its last line names. */
  cwd: string | null;
}

const sessionName = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.jsonl$/i;

/** From a file name; null if it names no session. */
function sessionIdOf(file: string): string | null {
  return sessionName.exec(basename(file))?.[1]?.toLowerCase() ?? null;
}

/** The non-empty sessions of a folder, newest first. */
export async function listSessions(folder: string): Promise<NativeSession[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const sessions: NativeSession[] = [];
  for (const name of names) {
    const session = sessionName.test(name) ? await readSession(join(folder, name)) : null;
    if (session) sessions.push(session);
  }
  return sessions.toSorted((one, other) => other.lastActivity.getTime() - one.lastActivity.getTime());
}

/** Null if the file contains no messages or is not a transcript. */
export async function readSession(file: string): Promise<NativeSession | null> {
  const answers = new Set<unknown>();
  let prompts = 0;
  let firstPrompt: string | undefined;
  let title: string | null = null;
  let sessionId = sessionIdOf(file);
  let cwd: string | null = null;
  let lastActivity = Number.NaN;
  for await (const { text } of readLines(file)) {
    const entry = parseEntry(text);
    if (!entry || entry['isSidechain'] === true) continue;
    sessionId ??= asText(entry['sessionId']) ?? null;
    cwd = asText(entry['cwd']) ?? cwd;
    const at = Date.parse(asText(entry['timestamp']) ?? '');
    if (!Number.isNaN(at)) lastActivity = at;
    if (entry.type === 'custom-title') title = asText(entry['customTitle']) ?? title;
    if (entry.type === 'assistant' && hasText(entry['message'])) answers.add(asRecord(entry['message'])['id']);
    const line = entry.type === 'user' ? readLine(entry) : null;
    if (line?.is !== 'prompt') continue;
    prompts += 1;
    firstPrompt ??= line.content.map((block) => (block.type === 'text' ? block.text : '')).join('\n');
  }
  if (sessionId === null || prompts + answers.size === 0) return null;
  const changed = Number.isNaN(lastActivity) ? (await stat(file)).mtime : new Date(lastActivity);
  const messages = prompts + answers.size;
  return { sessionId, file, title, firstPrompt: firstPrompt ?? '', messages, lastActivity: changed, cwd };
}

function hasText(message: unknown): boolean {
  return asList(asRecord(message)['content']).some((block) => asRecord(block)['type'] === 'text');
}
