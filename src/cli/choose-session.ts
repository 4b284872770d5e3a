/** Which session a command is about: named, or picked from those of a directory. */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { NativeSession } from '../agents/claude/native-sessions/list-sessions.ts';
import { BooError } from '../client/client.ts';
import { type Cli, misuse } from './cli.ts';
import { plainLine } from './plain-text.ts';
import { ageText, type Cell, tableText } from './table.ts';

const nativeSessions = async () => ({
  ...(await import('../agents/claude/native-sessions/list-sessions.ts')),
  ...(await import('../agents/claude/native-sessions/native-layout.ts')),
});

/** The sessions that the claude program has for a directory of this machine, newest first. */
export async function sessionsOf(cli: Cli, cwd: string): Promise<NativeSession[]> {
  const { listSessions, sessionFolder } = await nativeSessions();
  let folder: string;
  try {
    folder = await sessionFolder(cli.env, cwd);
  } catch (cause) {
    throw new BooError('cwd_invalid', `This machine has no directory ${plainLine(cwd, 4096)}.`, { cause });
  }
  return listSessions(folder);
}

/** By the path of its file. */
export async function sessionInFile(given: string): Promise<NativeSession> {
  const file = resolve(given);
  const found = await stat(file).catch(() => null);
  if (!found?.isFile()) throw new BooError('not_found', `There is no file ${plainLine(file, 4096)}.`);
  const { readSession } = await nativeSessions();
  const session = await readSession(file);
  if (!session) throw misuse(`${plainLine(file, 4096)} is not a transcript of a conversation.`);
  return session;
}

/** By its id, or an unambiguous start of it. */
export function sessionNamed(sessions: readonly NativeSession[], given: string, cwd: string): NativeSession {
  const prefix = given.trim().toLowerCase();
  const found = sessions.filter((session) => prefix !== '' && session.sessionId.startsWith(prefix));
  if (found.length === 1) return found[0]!;
  const where = plainLine(cwd, 4096);
  if (found.length > 1) throw misuse(`${found.length} sessions of ${where} start with ${plainLine(prefix)}.`);
  throw new BooError('not_found', `${where} has no session whose id starts with ${plainLine(prefix)}.`);
}

const shownAtMost = 20;

/** Asks the person at the terminal. */
export async function askForSession(
  { terminal }: Cli,
  sessions: readonly NativeSession[],
  cwd: string,
): Promise<NativeSession> {
  if (!terminal.isInteractive) {
    throw misuse('Nobody is here to choose: name a session by its id or its file; --json lists them.');
  }
  if (sessions.length === 0) {
    throw new BooError('not_found', `The claude program has no session for ${plainLine(cwd, 4096)}.`);
  }
  const shown = sessions.slice(0, shownAtMost);
  terminal.out(sessionTable(shown, terminal));
  if (sessions.length > shown.length) {
    terminal.out(`… and ${sessions.length - shown.length} older ones, to be named by id\n`);
  }
  for (;;) {
    const reply = await terminal.ask(`Which one? 1 to ${shown.length}: `);
    if (reply.kind !== 'line') throw misuse('No session was chosen.');
    const chosen = shown[Number(reply.text.trim()) - 1];
    if (chosen) return chosen;
  }
}

function sessionTable(sessions: readonly NativeSession[], { outStyle }: Cli['terminal']): string {
  const nowMs = Date.now();
  const rows = sessions.map((session, index): Cell[] => [
    { text: String(index + 1), format: 'bold' },
    { text: session.sessionId.slice(0, 8), format: 'dim' },
    { text: ageText(session.lastActivity.toISOString(), nowMs) },
    { text: `${session.messages} messages` },
    { text: plainLine(session.title ?? session.firstPrompt, 60) },
  ]);
  return tableText(rows, outStyle);
}
