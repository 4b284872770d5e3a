/** Sends a session's transcripts to the server. Meanwhile nobody may write to them. */
import { setTimeout as delay } from 'node:timers/promises';
import type { NativeSession } from '../agents/claude/native-sessions/list-sessions.ts';
import type { SessionFile } from '../agents/claude/native-sessions/session-files.ts';
import { type BeginImport, type BooClient, BooError, type Chat } from '../client/client.ts';
import type { Cli } from './cli.ts';
import type { ImportProgress } from './import-progress.ts';
import { plainLine } from './plain-text.ts';

const nativeSessions = async () => ({
  ...(await import('../agents/claude/native-sessions/read-lines.ts')),
  ...(await import('../agents/claude/native-sessions/session-files.ts')),
  ...(await import('../agents/claude/native-sessions/session-in-use.ts')),
});

/** A transcript unchanged for this long is no longer being written. */
const quietMs = 2_000;
/** How often the server's progress is queried. */
const askMs = 2_000;
const batchBytes = 1024 * 1024;
const batchLines = 1_000;
/** What the server accepts at once, minus the overhead around the lines. */
const maxLineBytes = 16 * 1024 * 1024 - 1024;

export async function uploadSession(
  cli: Cli,
  client: BooClient,
  session: NativeSession,
  input: BeginImport,
  progress: ImportProgress,
): Promise<Chat> {
  const { sessionFiles, stateOf } = await nativeSessions();
  const files = await sessionFiles(session.file, session.sessionId);
  const before = await stateOf(files);
  await assertNobodyIn(cli, session);
  const { id } = await client.beginImport(input).catch((error: unknown) => {
    if (!(error instanceof BooError) || error.code !== 'cwd_invalid') throw error;
    const where = plainLine(input.cwd, 4096);
    throw new BooError(
      'cwd_invalid',
      `The server cannot use ${where} (${error.message}): name a directory with --cwd.`,
    );
  });
  try {
    let bytes = 0;
    const onSent = (more: number): void => {
      bytes = Math.min(before.bytes, bytes + more);
      progress.tell({ phase: 'sending', bytes, of: before.bytes });
    };
    for (const file of files) await sendLines(cli, client, id, file, onSent);
    progress.tell({ phase: 'sending', bytes: before.bytes, of: before.bytes });
    // Whatever was written meanwhile may have been imported in part.
    await delay(Math.max(0, Math.min(quietMs, before.changedMs + quietMs - Date.now())));
    if ((await stateOf(await sessionFiles(session.file, session.sessionId))).text !== before.text) throw beingWritten();
    await assertNobodyIn(cli, session);
    return await finish(client, id, progress);
  } catch (error) {
    // Without a response, the next attempt removes it, or it is removed after a day.
    await client.removeImport(id).catch(() => undefined);
    throw error;
  }
}

/** Queries the progress occasionally; failures do not matter. */
async function finish(client: BooClient, id: string, progress: ImportProgress): Promise<Chat> {
  const done = new AbortController();
  const asking = (async () => {
    for (;;) {
      await delay(askMs, undefined, { signal: done.signal });
      const { events } = await client.readImport(id);
      progress.tell({ phase: 'writing', events });
    }
  })().catch(() => undefined);
  try {
    return await client.finishImport(id);
  } finally {
    done.abort();
    await asking;
  }
}

async function assertNobodyIn(cli: Cli, { sessionId }: NativeSession): Promise<void> {
  const { programIn } = await nativeSessions();
  const running = await programIn(cli.env, sessionId);
  if (!running) return;
  throw new BooError(
    'invalid_request',
    `A claude program is using this session, process ${running.pid}: leave it first.`,
  );
}

function beingWritten(): BooError {
  return new BooError('invalid_request', 'This session is being written: leave the program that uses it first.');
}

async function sendLines(
  cli: Cli,
  client: BooClient,
  importId: string,
  file: SessionFile,
  onSent: (bytes: number) => void,
): Promise<void> {
  const { isRecordOfRequest, parseEntry, readLines } = await nativeSessions();
  const place = file.subpath === '' ? {} : { subpath: file.subpath };
  let lines: string[] = [];
  let bytes = 0;
  // Of the file, whatever became of it.
  let passed = 0;
  const send = async (): Promise<void> => {
    if (lines.length > 0) await client.addImportLines(importId, { ...place, lines });
    onSent(passed);
    lines = [];
    [bytes, passed] = [0, 0];
  };
  for await (const { text, number } of readLines(file.path)) {
    const entry = parseEntry(text);
    const length = Buffer.byteLength(text) + 1;
    const where = `line ${number} of ${plainLine(file.path, 4096)}`;
    if (!entry) cli.terminal.err(`· ${where} is not an entry and is skipped.\n`);
    if (!entry || isRecordOfRequest(entry)) {
      passed += length;
      continue;
    }
    const size = Buffer.byteLength(JSON.stringify(text)) + 1;
    if (size > maxLineBytes)
      throw new BooError('payload_too_large', `The server does not accept ${where}: it is too long.`);
    if (bytes + size > batchBytes || lines.length === batchLines) await send();
    lines.push(text);
    bytes += size;
    passed += length;
  }
  await send();
}
