import type { Command } from 'commander';
import { BooError, type ChatTrust, type TrustFile } from '../protocol/client.ts';
import { type Cli, connect, type GlobalFlags, printJson } from './cli.ts';
import { findChat } from './find-chat.ts';
import { exactLines, plainLine } from './plain-text.ts';

interface TrustFlags extends GlobalFlags {
  yes?: true;
}

export function addTrust(program: Command, cli: Cli): void {
  program
    .command('trust')
    .description('Show what a chat’s directory turns on, or what of it has changed, and trust exactly that')
    .argument('<chat>', 'the id of the chat or the beginning of it')
    .option('--yes', 'trust it without a question')
    .action(async (given: string, _options, command: Command) => {
      const flags = command.optsWithGlobals<TrustFlags>();
      const client = await connect(cli, flags);
      const { id } = await findChat(client, given);
      const shown = await client.getTrust(id);
      const isDone = shown.trusted && shown.holds;
      if (!flags.json) cli.terminal.out(trustText(shown));
      const wanted = !isDone && (flags.yes === true || (!flags.json && (await isAgreed(cli))));
      const trust = wanted ? await client.giveTrust(id, { digest: shown.digest }) : shown;
      if (flags.json) return printJson(cli, trust);
      const isTrusted = trust.trusted && trust.holds;
      cli.terminal.out(
        isTrusted ? 'The chat trusts this directory as it is now.\n' : 'The chat does not load any of this.\n',
      );
    });
}

async function isAgreed({ terminal }: Cli): Promise<boolean> {
  if (!terminal.isInteractive) {
    throw new BooError('invalid_request', 'Nobody is here to be asked: say --yes to trust what is shown.');
  }
  const reply = await terminal.ask('Trust exactly this? [y]es / [n]o ');
  return reply.kind === 'line' && /^y(es)?$/i.test(reply.text.trim());
}

/** All of it where it was never trusted, else what is another than before. */
function trustText({ path, files, trustedAt, holds }: ChatTrust): string {
  const shown = holds ? [] : files.filter(({ change }) => change !== 'same');
  const since = trustedAt === null ? 'never trusted before' : `last trusted ${trustedAt}`;
  const names = files.map(({ path: name, change }) => `  ${change.padEnd(8)}${exactLines(name).join('␊')}\n`);
  return [
    `${plainLine(path, 1000)}: ${since}\n`,
    ...(names.length > 0 ? names : ['  It turns nothing on.\n']),
    ...shown.map((file) => `\n${exactLines(file.path).join('␊')} (${file.change})\n${fileText(file)}`),
  ].join('');
}

function fileText({ change, before, after }: TrustFile): string {
  const isShown = change === 'removed' || after !== null;
  const hidden = '  It is no text, or too long to be shown here: look at the file itself.\n';
  const old = before === null ? [] : exactLines(before);
  const now = after === null ? [] : exactLines(after);
  // Between what is the same at both ends.
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) start += 1;
  let end = 0;
  while (end < Math.min(old.length, now.length) - start && old.at(-1 - end) === now.at(-1 - end)) end += 1;
  return [
    ...(isShown ? [] : [hidden]),
    ...old.slice(start, old.length - end).map((line) => `  - ${line}\n`),
    ...now.slice(start, now.length - end).map((line) => `  + ${line}\n`),
  ].join('');
}
