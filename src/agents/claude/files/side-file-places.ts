/**
 * The files that the program keeps beside a session's transcripts, by the names under which they are stored:
 *
 * | name | place in the config directory |
 * |---|---|
 * | `session/…` | `projects/<folder>/<session>/…`: long outputs, and what it notes about sub-agents |
 * | `file-history/…` | `file-history/<session>/…`: files as they were before an edit, for `/rewind` |
 * | `tasks/…` | `tasks/<session>/…`: its task list |
 * | `plans/…` | `plans/…`: of all sessions; a plan is named after the session's slug |
 *
 * A name comes back from the database, and leads to no other place.
 */
import { join } from 'node:path';
import type { SideFileKey } from '../../../protocol/side-files.ts';

export interface SideFileRoot {
  kind: string;
  /** Absolute. */
  directory: string;
}

/** Where a session's files are. `folder`: absolute, one of those with its transcripts. */
export function sideFileRoots(configDir: string, folder: string, sessionId: string): SideFileRoot[] {
  return [
    { kind: 'session', directory: join(folder, sessionId) },
    { kind: 'file-history', directory: join(configDir, 'file-history', sessionId) },
    { kind: 'tasks', directory: join(configDir, 'tasks', sessionId) },
    { kind: 'plans', directory: join(configDir, 'plans') },
  ];
}

const uuid = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;
/** No hidden file, no separator of any system, no control character. */
const part = /^[\p{L}\p{N}_@][\p{L}\p{N}_@.+~, ()-]*$/u;
/** Transcripts are stored otherwise; the rest is unfinished. */
const otherFile = /\.(jsonl|tmp|lock)$/i;

/** Whether the file belongs here, and its name leads nowhere else. */
export function isSideFile({ sessionId, name }: SideFileKey): boolean {
  if (!uuid.test(sessionId) || Buffer.byteLength(name) > 500 || otherFile.test(name)) return false;
  const [kind, ...parts] = name.split('/');
  if (parts.length === 0 || !parts.every((each) => part.test(each))) return false;
  if (kind === 'plans') return parts.length === 1 && name.endsWith('.md');
  return kind === 'session' || kind === 'file-history' || kind === 'tasks';
}

/** The file's absolute path; null unless it is a side file. */
export function sideFilePath(configDir: string, folder: string, key: SideFileKey): string | null {
  if (!isSideFile(key)) return null;
  const [kind, ...parts] = key.name.split('/');
  const root = sideFileRoots(configDir, folder, key.sessionId).find((each) => each.kind === kind);
  return root ? join(root.directory, ...parts) : null;
}

/** What the program keeps only for this session outside the folders with its transcripts. Empty for an unknown kind of id. */
export function ownDirectories(configDir: string, sessionId: string): string[] {
  if (!uuid.test(sessionId)) return [];
  return ['file-history', 'tasks', 'session-env'].map((name) => join(configDir, name, sessionId));
}

/** The session's slug, after which its plans are named, if this entry tells it. */
export function slugOf({ slug }: Readonly<Record<string, unknown>>): string | undefined {
  return typeof slug === 'string' && /^[a-z\d][a-z\d-]{0,100}$/.test(slug) ? slug : undefined;
}

export function isPlanOf(slug: string, name: string): boolean {
  return name === `plans/${slug}.md` || (name.startsWith(`plans/${slug}-agent-`) && name.endsWith('.md'));
}
