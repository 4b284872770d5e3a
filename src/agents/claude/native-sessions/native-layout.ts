/** Where the program stores its sessions: one folder per working directory, one file per session, one per sub-agent. */
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { configDirOf, projectFolder } from '../files/transcript-file.ts';

/** The folder for a working directory of this machine. Throws if the directory does not exist. */
export async function sessionFolder(env: Readonly<Record<string, string | undefined>>, cwd: string): Promise<string> {
  return join(configDirOf(env), 'projects', projectFolder(await realpath(cwd)));
}

/**
 * A transcript's file inside the folder. Null for names that would lead outside it: they come from a server, which got
 * them from an agent.
 */
export function transcriptFile(folder: string, sessionId: string, subpath: string): string | null {
  if (!isPlainName(sessionId)) return null;
  if (subpath === '') return join(folder, `${sessionId}.jsonl`);
  const names = subpath.split('/');
  return names.every(isPlainName) ? join(folder, sessionId, `${names.join('/')}.jsonl`) : null;
}

/** Whether the program could have created this sub-agent path. */
export function isSubpath(subpath: string): boolean {
  return subpath.startsWith('subagents/') && subpath.length <= 500 && subpath.split('/').every(isPlainName);
}

function isPlainName(name: string): boolean {
  return /^[\w-][\w.-]*$/.test(name);
}
