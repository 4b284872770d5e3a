import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { BooError, type ChangeList, type CommitChanges } from '../client/client.ts';
import { type Cli, connect, type GlobalFlags, misuse, printJson } from './cli.ts';
import { findChat } from './find-chat.ts';
import { pathIn } from './path-in.ts';
import { plainLine } from './plain-text.ts';
import { unfinished } from '../protocol/unfinished.ts';

interface CommitFlags extends GlobalFlags {
  message?: string[];
  all?: true;
  during?: NonNullable<CommitChanges['during']>;
}

export function addCommit(program: Command, cli: Cli): void {
  program
    .command('commit')
    .description('Commit what is staged in a chat’s repository')
    .argument('<chat>', 'the id of the chat or the start of it')
    .argument('[paths...]', 'exactly these files, whatever is staged of others')
    .option('-m, --message <text>', 'the message; again for another paragraph', (text: string, all?: string[]) => [
      ...(all ?? []),
      text,
    ])
    .option('-a, --all', 'everything that has changed, new files too')
    .addOption(
      new Option('--during <operation>', 'although this is not finished: the commit becomes a part of it').choices(
        unfinished,
      ),
    )
    .action(async (given: string, names: string[], _options, command: Command) => {
      const flags = command.optsWithGlobals<CommitFlags>();
      const { terminal } = cli;
      if (flags.all && names.length > 0) throw misuse('Name files, or pass --all, not both.');
      if (!flags.message && !terminal.isInteractive) throw misuse('Pass the message: -m <text>.');
      const client = await connect(cli, flags);
      const chat = await findChat(client, given);
      const list = !flags.message || names.length > 0 ? await client.changes(chat.id, { since: 'head' }) : undefined;
      const paths = names.map((name) => ({ path: pathIn(list?.root ?? '', name) }));
      const message = flags.message?.join('\n\n') ?? (await writeMessage(cli, templateFor(list!, paths, flags.all)));
      const made = await client.commitChanges(chat.id, {
        message,
        ...(paths.length > 0 && { paths }),
        ...(flags.all && { all: true }),
        ...(flags.during && { during: flags.during }),
      });
      if (flags.json) return printJson(cli, made);
      const { branch, commit, subject, skipped } = made;
      terminal.out(`[${plainLine(branch ?? 'detached HEAD', 200)} ${commit.slice(0, 8)}] ${plainLine(subject, 200)}\n`);
      if (skipped.length > 0) {
        const what = plainLine(skipped.join(', '), 200);
        terminal.err(`· Not run, because the directory is not trusted: ${what}. See boocode trust ${chat.id}\n`);
      }
    });
}

function templateFor(list: ChangeList, paths: readonly { path: string }[], all: boolean | undefined): string {
  const named = new Set(paths.map(({ path }) => path));
  const files = list.files.filter(({ path, staged }) =>
    named.size > 0 ? named.has(path) : all === true || staged !== 'none',
  );
  const lines = files.map(({ status, path }) => `#\t${status}: ${JSON.stringify(path).slice(1, -1)}`);
  const help = '# Lines that begin with # are left out, and an empty message ends it.';
  return ['', help, '#', ...lines, ''].join('\n');
}

/** In the editor that git would open. */
async function writeMessage({ env }: Cli, template: string): Promise<string> {
  const editor = env['GIT_EDITOR'] ?? env['VISUAL'] ?? env['EDITOR'] ?? 'vi';
  const folder = await mkdtemp(join(tmpdir(), 'boocode-commit-'));
  try {
    const path = join(folder, 'COMMIT_EDITMSG');
    await writeFile(path, template, { mode: 0o600 });
    // It may be a command with options, as git allows.
    const child = spawn('sh', ['-c', `${editor} "$@"`, editor, path], { stdio: 'inherit' });
    const code = await new Promise<number | null>((done, fail) => child.once('error', fail).once('close', done));
    const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => !line.startsWith('#'));
    const message = lines.join('\n').trim();
    if (code !== 0 || message === '') {
      throw new BooError('invalid_request', 'Nothing was committed: there is no message.');
    }
    return message;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
