/**
 * Where the program of a sandboxed session keeps its files: a config directory that only this session has, so that it sees
 * nothing of other chats. It is in the server's data directory. As long as it exists the session's files are there.
 *
 * What is in it was written by whatever ran in the sandbox. Before the server works in it, everything is removed that would
 * lead it elsewhere or hold it up: links, pipes and sockets.
 */
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

export function sandboxDirectory(dataDir: string, sessionId: string): string {
  return join(dataDir, 'sandboxes', sessionId);
}

export function sandboxConfigDir(dataDir: string, sessionId: string): string {
  return join(sandboxDirectory(dataDir, sessionId), 'claude');
}

/** The config directory that has a session's files. */
export function configDirFor(base: string, dataDir: string | undefined, sessionId: string): string {
  if (dataDir === undefined) return base;
  const own = sandboxConfigDir(dataDir, sessionId);
  return existsSync(own) ? own : base;
}

/** Creates it, or makes it safe to use again. No process of the session may be running. */
export async function prepareSandboxDirectory(directory: string): Promise<void> {
  const [config, tmp] = [join(directory, 'claude'), join(directory, 'tmp')];
  await rm(tmp, { recursive: true, force: true });
  for (const path of [directory, config, tmp]) await mkdir(path, { recursive: true, mode: 0o700 });
  await chmod(tmp, 0o1777);
  const entries = await readdir(config, { recursive: true, withFileTypes: true });
  const odd = entries.filter((entry) => !entry.isFile() && !entry.isDirectory());
  for (const { parentPath, name } of odd) await rm(join(parentPath, name), { force: true });
}

/** What the program keeps about its user and itself, without what it keeps about other directories. */
export async function copyProgramState(
  base: string,
  env: Readonly<Record<string, string | undefined>>,
  config: string,
  cwd: string,
): Promise<void> {
  const from =
    env['CLAUDE_CONFIG_DIR'] === undefined
      ? join(env['HOME'] ?? homedir(), '.claude.json')
      : join(base, '.claude.json');
  const to = join(config, '.claude.json');
  const [theirs, own] = [await readState(from), await readState(to)];
  const { projects, ...state } = theirs;
  const project = { ...asRecord(asRecord(projects)[cwd]), ...asRecord(asRecord(own['projects'])[cwd]) };
  await writeFile(to, JSON.stringify({ ...own, ...state, projects: { [cwd]: project } }), { mode: 0o600 });
}

const asRecord = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};

async function readState(file: string): Promise<Record<string, unknown>> {
  try {
    return asRecord(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return {};
  }
}
