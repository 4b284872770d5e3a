import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { NativeSession } from '../agents/claude/native-sessions/list-sessions.ts';
import { addChatOptions, type ChatOptions, chatSettings } from './chat-options.ts';
import { askForSession, sessionInFile, sessionNamed, sessionsOf } from './choose-session.ts';
import { type Cli, connect, type GlobalFlags, misuse, printJson } from './cli.ts';
import { cutText, plainLine } from './plain-text.ts';
import { createImportProgress } from './import-progress.ts';
import { uploadSession } from './upload-session.ts';

interface AdoptFlags extends GlobalFlags, ChatOptions {
  cwd?: string;
}

export function addAdopt(program: Command, cli: Cli): void {
  const command = program
    .command('adopt')
    .description('Turn a session started with the claude program into a chat')
    .argument('[session]', 'its id, the start of it, or its file; without it the sessions of the directory are listed')
    .option('--cwd <dir>', 'the directory of the session and of the chat (default: this one)');
  addChatOptions(command).action(async (given: string | undefined) => {
    await adopt(cli, given, command.optsWithGlobals<AdoptFlags>());
  });
}

async function adopt(cli: Cli, given: string | undefined, flags: AdoptFlags): Promise<void> {
  const here = resolve(flags.cwd ?? '.');
  if (given === undefined && flags.json) {
    const sessions = await sessionsOf(cli, here);
    return printJson(
      cli,
      sessions.map(({ sessionId, title, firstPrompt, messages, lastActivity, file }) => ({
        sessionId,
        title,
        firstPrompt,
        messages,
        lastActivity,
        file,
      })),
    );
  }
  const isFile = given !== undefined && (given.includes('/') || given.endsWith('.jsonl'));
  const session = isFile ? await sessionInFile(given) : await chosen(cli, given, here);
  const cwd = isFile && flags.cwd === undefined ? session.cwd : here;
  if (cwd === null) throw misuse('The transcript does not name its directory: give it with --cwd.');

  const client = await connect(cli, flags);
  const { sessionId, title: own } = session;
  const title = flags.title ?? (own === null ? undefined : cutText(own, 200));
  const progress = createImportProgress(cli, { json: flags.json === true });
  const input = { ...chatSettings(flags), backend: flags.backend, sessionId, cwd, title };
  const chat = await uploadSession(cli, client, session, input, progress);
  if (flags.json) return printJson(cli, chat);
  cli.terminal.out(`chat ${chat.id} · ${plainLine(chat.title)}\n`);
  cli.terminal.err(`Continue with: boocode chat --resume ${chat.id.slice(0, 8)}\n`);
}

async function chosen(cli: Cli, given: string | undefined, cwd: string): Promise<NativeSession> {
  const sessions = await sessionsOf(cli, cwd);
  return given === undefined ? askForSession(cli, sessions, cwd) : sessionNamed(sessions, given, cwd);
}
