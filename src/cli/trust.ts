import type { Command } from 'commander';
import { BooError, type ChatTrust } from '../client/client.ts';
import { askAbout, type Matter } from './ask-about.ts';
import { yesOrNo } from './ask-form.ts';
import { rowsText } from './card-rows.ts';
import { type Cli, connect, type GlobalFlags, printJson } from './cli.ts';
import { findChat } from './find-chat.ts';
import { trustRows } from './trust-text.ts';

interface TrustFlags extends GlobalFlags {
  yes?: true;
}

export function addTrust(program: Command, cli: Cli): void {
  program
    .command('trust')
    .description('Show what a chat’s directory enables, or what has changed, and trust exactly that')
    .argument('<chat>', 'the id of the chat or the start of it')
    .option('--yes', 'trust it without asking')
    .action(async (given: string, _options, command: Command) => {
      const flags = command.optsWithGlobals<TrustFlags>();
      const client = await connect(cli, flags);
      const { id } = await findChat(client, given);
      const shown = await client.getTrust(id);
      const isDone = shown.trusted && shown.holds;
      if (!flags.json && (isDone || flags.yes)) show(cli, shown);
      const wanted = !isDone && (flags.yes === true || (!flags.json && (await isAgreed(cli, shown))));
      const trust = wanted ? await client.giveTrust(id, { digest: shown.digest }) : shown;
      if (flags.json) return printJson(cli, trust);
      const isTrusted = trust.trusted && trust.holds;
      cli.terminal.out(
        isTrusted ? 'The chat trusts this directory as it is now.\n' : 'The chat does not load any of this.\n',
      );
    });
}

/** Content already loaded, or trusted without asking, is only shown. */
function show({ terminal }: Cli, trust: ChatTrust): void {
  terminal.out(rowsText(trustRows(trust, { style: terminal.outStyle, columns: terminal.size.columns })));
}

async function isAgreed(cli: Cli, trust: ChatTrust): Promise<boolean> {
  const { terminal } = cli;
  if (!terminal.isInteractive) {
    show(cli, trust);
    throw new BooError('invalid_request', 'Nobody is here to answer: use --yes to trust what is shown.');
  }
  const matter: Matter<boolean> = {
    rows: (paper) => trustRows(trust, paper),
    question: 'Trust exactly this? [y]es / [n]o ',
    read: yesOrNo,
    early: { key: 'n', means: 'no', read: (typed) => (yesOrNo(typed) === false ? false : undefined) },
    again: 'Please answer y or n.',
  };
  return (await askAbout(terminal, matter, new AbortController().signal)) === true;
}
