import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { SessionWriter as Writer, WrittenFile } from '../agents/claude/native-sessions/write-sessions.ts';
import { BooError, type BooClient, type TranscriptRecord } from '../client/client.ts';
import { type Cli, connect, type GlobalFlags, misuse, printJson } from './cli.ts';
import { findChat } from './find-chat.ts';
import { plainLine, plainText } from './plain-text.ts';

// Loaded on demand: it depends on more of the program than most commands do.
const nativeSessions = async () => ({
  ...(await import('../agents/claude/native-sessions/fresh-file.ts')),
  ...(await import('../agents/claude/native-sessions/native-layout.ts')),
  ...(await import('../agents/claude/native-sessions/session-in-use.ts')),
  ...(await import('../agents/claude/native-sessions/write-sessions.ts')),
});

interface ExportFlags extends GlobalFlags {
  output?: string;
  directory?: string;
  intoClaude?: true;
}

export function addExport(program: Command, cli: Cli): void {
  program
    .command('export')
    .description("Write a chat's session in the claude program's own format")
    .argument('<chat>', 'the id of the chat or the start of it')
    .option('-o, --output <file>', "where the session's own transcript goes; - is standard output, and the default")
    .addOption(
      new Option('--directory <dir>', 'write all its sessions there, including those of sub-agents').conflicts([
        'output',
      ]),
    )
    .addOption(
      new Option('--into-claude', 'put all its sessions where `claude --resume` finds them').conflicts([
        'output',
        'directory',
      ]),
    )
    .action(async (given: string, _options, command: Command) => {
      const flags = command.optsWithGlobals<ExportFlags>();
      const client = await connect(cli, flags);
      const chat = await findChat(client, given);
      if (flags.intoClaude) return intoClaude(cli, flags, client, chat.id);
      if (flags.directory !== undefined) {
        const { head, files } = await writeSessions(client, chat.id, () => Promise.resolve(resolve(flags.directory!)));
        return tellFiles(cli, flags, head, files);
      }
      const lines = mainLines(client, chat.id);
      if (flags.output === undefined || flags.output === '-') {
        for await (const line of lines) cli.terminal.out(`${line}\n`);
        return;
      }
      const path = resolve(flags.output);
      const written = await writeFileWhole(path, lines);
      if (flags.json) printJson(cli, written);
      else tellFile(cli, written);
    });
}

type Head = Extract<TranscriptRecord, { type: 'transcript' }>;

async function intoClaude(cli: Cli, flags: ExportFlags, client: BooClient, chatId: string): Promise<void> {
  const { head, files } = await writeSessions(client, chatId, async ({ cwd, sessionId }) => {
    const found = await stat(cwd).catch(() => null);
    if (!found?.isDirectory()) {
      throw new BooError('cwd_invalid', `This machine has no directory ${plainLine(cwd, 4096)}: use --directory.`);
    }
    const { programIn, sessionFolder } = await nativeSessions();
    const running = await programIn(cli.env, sessionId);
    if (running)
      throw new BooError('invalid_request', `A claude program is using this session, process ${running.pid}.`);
    return sessionFolder(cli.env, cwd);
  });
  tellFiles(cli, flags, head, files);
  if (!flags.json) cli.terminal.out(`cd ${plainText(shellWord(head.cwd))} && claude --resume ${head.sessionId}\n`);
}

/** Writes every session of the chat below the folder. */
async function writeSessions(
  client: BooClient,
  chatId: string,
  folderFor: (head: Head & { sessionId: string }) => Promise<string>,
): Promise<{ head: Head; files: WrittenFile[] }> {
  const { SessionWriter } = await nativeSessions();
  let writer: Writer | undefined;
  let head: Head | undefined;
  try {
    for await (const record of client.transcript(chatId)) {
      if (record.type === 'transcript') {
        head = record;
        if (record.sessionId === null) throw nothingSaid();
        writer = new SessionWriter(await folderFor({ ...record, sessionId: record.sessionId }));
      } else if (record.type === 'entry') {
        await writer?.add(record.sessionId, record.subpath, JSON.stringify(record.entry));
      }
    }
    const files = (await writer?.finish()) ?? [];
    if (!head || files.length === 0) throw nothingSaid();
    return { head, files };
  } finally {
    await writer?.discard();
  }
}

/** The lines of the transcript that the chat continues with. */
async function* mainLines(client: BooClient, chatId: string): AsyncGenerator<string, void, undefined> {
  let sessionId: string | null = null;
  let count = 0;
  for await (const record of client.transcript(chatId)) {
    if (record.type === 'transcript') sessionId = record.sessionId;
    else if (record.type === 'end' || record.sessionId !== sessionId || record.subpath !== '') break;
    else {
      count += 1;
      yield JSON.stringify(record.entry);
    }
  }
  if (count === 0) throw nothingSaid();
}

async function writeFileWhole(path: string, lines: AsyncIterable<string>): Promise<WrittenFile> {
  const { FreshFile } = await nativeSessions();
  const file = await FreshFile.create(path);
  try {
    let entries = 0;
    for await (const line of lines) {
      await file.addLine(line);
      entries += 1;
    }
    await file.putInPlace();
    return { path, entries, isNew: true };
  } finally {
    await file.discard();
  }
}

function tellFiles(cli: Cli, flags: ExportFlags, head: Head, files: readonly WrittenFile[]): void {
  if (flags.json) return printJson(cli, { sessionId: head.sessionId, cwd: head.cwd, files });
  for (const file of files) tellFile(cli, file);
}

function tellFile(cli: Cli, { path, entries, isNew }: WrittenFile): void {
  const what = isNew ? `${entries} ${entries === 1 ? 'entry' : 'entries'}` : 'already exists';
  cli.terminal.err(`${plainLine(path, 4096)}: ${what}\n`);
}

function nothingSaid(): BooError {
  return misuse('Nothing was said in this chat yet.');
}

/** One word for a shell, whatever it contains. */
function shellWord(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
