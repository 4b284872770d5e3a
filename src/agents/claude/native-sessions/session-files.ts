import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isSubpath } from './native-layout.ts';

export interface SessionFile {
  path: string;
  /** '' for the session's own transcript. */
  subpath: string;
}

/** The transcripts of a session: its own, in this file, and those of its sub-agents next to it. */
export async function sessionFiles(file: string, sessionId: string): Promise<SessionFile[]> {
  const folder = join(dirname(file), sessionId, 'subagents');
  const names = await readdir(folder, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const subs = names
    .filter((name) => name.endsWith('.jsonl'))
    .map((name) => ({ path: join(folder, name), subpath: `subagents/${name.slice(0, -'.jsonl'.length)}` }))
    .filter(({ subpath }) => isSubpath(subpath));
  return [{ path: file, subpath: '' }, ...subs];
}

/** The current state of the files: equal only while nobody writes to them. */
export async function stateOf(
  files: readonly SessionFile[],
): Promise<{ text: string; changedMs: number; bytes: number }> {
  const states = await Promise.all(files.map(({ path }) => stat(path)));
  const text = states.map(({ ino, size, mtimeMs }) => `${ino}:${size}:${mtimeMs}`).join(' ');
  const bytes = states.reduce((sum, { size }) => sum + size, 0);
  return { text, bytes, changedMs: Math.max(...states.map(({ mtimeMs }) => mtimeMs)) };
}
