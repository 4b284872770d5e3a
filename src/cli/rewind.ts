import type { Command } from 'commander';
import type { BooClient, Chat, FilesRewind, KeptReason, RewindPart, RewindResult } from '../client/client.ts';
import { countOf } from '../protocol/count-text.ts';
import { onlyEditsText } from '../protocol/rewind-text.ts';
import { type Cli, connect, type GlobalFlags, misuse, printJson } from './cli.ts';
import { pathText, statText } from './diff.ts';
import { findChat } from './find-chat.ts';
import { plainLine } from './plain-text.ts';

interface RewindFlags extends GlobalFlags {
  prompt?: string;
  what?: string;
  undo?: string;
  dryRun?: true;
  yes?: true;
}

export function addRewind(program: Command, cli: Cli): void {
  program
    .command('rewind')
    .description('Go back to before a prompt: the conversation, the files, or both')
    .argument('<chat>', 'the id of the chat or the start of it')
    .option('--prompt <id>', 'go back to before this prompt; without it to before what is too long for the model')
    .option('--what <what>', 'conversation, files or both (default: conversation)')
    .option('--undo <id>', 'undo this rewind of files')
    .option('--dry-run', 'only show what would change')
    .option('-y, --yes', 'do not ask before files change')
    .action(async (given: string, _options, command: Command) => {
      const flags = command.optsWithGlobals<RewindFlags>();
      const asked = readFlags(flags);
      const client = await connect(cli, flags);
      const chat = await findChat(client, given);
      const changesFiles = asked.undo !== undefined || (asked.what !== undefined && asked.what !== 'conversation');
      if (!changesFiles) {
        const result = await client.rewind(chat.id, { ...asked, ...(flags.dryRun && { dryRun: true }) });
        if (flags.json) return printJson(cli, result);
        return cli.terminal.out(`${conversationText(result, flags.dryRun === true)}\n`);
      }
      await rewindFiles(cli, client, chat, { asked, flags });
    });
}

const rewindParts: readonly RewindPart[] = ['conversation', 'files', 'both'];

interface Asked {
  before?: string;
  what?: RewindPart;
  undo?: string;
}

function readFlags({ prompt, what, undo }: RewindFlags): Asked {
  if (undo !== undefined) {
    if (prompt !== undefined || what !== undefined) throw misuse('--undo takes neither --prompt nor --what.');
    return { undo };
  }
  const part = rewindParts.find((each) => each === what);
  if (what !== undefined && !part) throw misuse('--what must be conversation, files or both.');
  if (part && part !== 'conversation' && prompt === undefined)
    throw misuse('Name the prompt to rewind files to with --prompt, as in `boocode show --json`.');
  return { ...(prompt !== undefined && { before: prompt }), ...(part && { what: part }) };
}

async function rewindFiles(
  cli: Cli,
  client: BooClient,
  chat: Chat,
  { asked, flags }: { asked: Asked; flags: RewindFlags },
): Promise<void> {
  const { terminal } = cli;
  const planned = await client.rewind(chat.id, { ...asked, dryRun: true });
  const files = planned.files!;
  if (flags.dryRun && flags.json) return printJson(cli, planned);
  if (!flags.json) {
    terminal.out(files.count === 0 ? 'No file would change.\n' : statText(files, terminal.outStyle));
    if (planned.promptIds.length > 0) terminal.out(`${conversationText(planned, true)}\n`);
    for (const note of notes(files)) terminal.err(`· ${note}\n`);
  }
  if (flags.dryRun) return;
  if (files.count === 0 && planned.promptIds.length === 0) {
    if (flags.json) printJson(cli, planned);
    return;
  }
  if (!flags.yes && !(await agrees(cli, files, flags))) return;
  const done = await client.rewind(chat.id, { ...asked, tree: files.tree });
  if (flags.json) return printJson(cli, done);
  if (done.promptIds.length > 0) terminal.out(`${conversationText(done, false)}\n`);
  const { rewindId, keptCount, kept } = done.files!;
  // Those that were named before stay as they were.
  const late = kept.filter(({ path }) => !files.kept.some((each) => each.path === path));
  for (const { path, reason } of late) terminal.err(`· ${pathText(path)} stays as it is: ${reasons[reason]}.\n`);
  if (rewindId === null) return;
  terminal.out(`Files are rewound${keptCount > 0 ? `, except for ${countOf(keptCount, 'file')}` : ''}.\n`);
  terminal.out(`Undo it with: boocode rewind ${chat.id} --undo ${rewindId}\n`);
}

/** Asks before files change. Throws where nobody can be asked. */
async function agrees(cli: Cli, { count }: FilesRewind, { json }: RewindFlags): Promise<boolean> {
  const { terminal } = cli;
  if (count === 0) return true;
  if (!terminal.isInteractive || json)
    throw misuse('Nobody is here to answer: use --yes to change the files that --dry-run shows.');
  await terminal.forgetTyped();
  const reply = await terminal.ask(`Rewind ${countOf(count, 'file')}? [y/N] `);
  const isYes = reply.kind === 'line' && /^y(es)?$/i.test(reply.text.trim());
  if (!isYes) terminal.out('Nothing has changed.\n');
  return isYes;
}

function conversationText({ promptIds }: RewindResult, isPlan: boolean): string {
  const prompts = countOf(promptIds.length, 'prompt');
  return isPlan ? `The agent would forget ${prompts}.` : `The agent has forgotten ${prompts}.`;
}

const reasons: Readonly<Record<KeptReason, string>> = {
  too_large: 'it is too large to be recorded, or was',
  unreadable: 'it cannot be read, or could not',
  submodule: 'it is a submodule, or in one',
  filtered: 'a filter such as that of Git LFS makes its content',
  ignored: 'git ignores it, or did',
  older: 'it was there before, but ignored, so it is not known how it was',
  outside: 'it is outside of the sparse checkout',
  elsewhere: 'it is not in the chat’s directory, or in a git directory',
  no_backup: 'the agent’s backup of it is missing or another one by now, or it was too large for one',
  in_the_way: 'something that is not recorded is in its place',
  changed: 'it has been changed meanwhile',
  failed: 'it could not be written',
};

function notes(plan: FilesRewind): string[] {
  const { kept, keptCount, commits, workingChats, isTruncated, files, count, covers, writtenSince } = plan;
  return [
    // Older servers do not tell it.
    ...(writtenSince ?? []).map((path) => `${plainLine(path)} was written after the last turn had ended.`),
    ...kept.map(({ path, reason }) => `${pathText(path)} stays as it is: ${reasons[reason]}.`),
    ...(keptCount > kept.length ? [`${countOf(keptCount - kept.length, 'more file')} stay as they are.`] : []),
    ...(isTruncated ? [`${countOf(count - files.length, 'more file')} would change, and no lines were counted.`] : []),
    ...(commits === null ? ['Another history is checked out by now, and stays.'] : []),
    ...(commits !== null && commits > 0 ? [`${countOf(commits, 'commit')} made since will stay.`] : []),
    ...workingChats.map(
      ({ title, chatId }) => `Chat “${plainLine(title)}” (${chatId}) is working in these files right now.`,
    ),
    covers === 'edits' ? onlyEditsText : 'Files that git ignores stay as they are.',
  ];
}
