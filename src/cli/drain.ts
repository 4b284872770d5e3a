import { type Command, InvalidArgumentError } from 'commander';
import type { BooClient, DrainStatus } from '../client/client.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cli, connect, type GlobalFlags, misuse, printJson } from './cli.ts';
import { plainLine } from './plain-text.ts';

interface DrainFlags extends GlobalFlags {
  seconds?: number;
  cancel?: true;
}

const lookEveryMs = 500;

export function addDrain(program: Command, cli: Cli): void {
  program
    .command('drain')
    .description(
      'Hand the chats of the server over to other hosts, and let it take none: before an upgrade, for instance',
    )
    .option(
      '--seconds <number>',
      "how long running turns may take to finish (default: the server's --drain-seconds)",
      readSeconds,
    )
    .option('--cancel', 'let the server take chats again')
    .action(async (_options, command: Command) => {
      const flags = command.optsWithGlobals<DrainFlags>();
      if (flags.cancel && flags.seconds !== undefined) throw misuse('--seconds has no meaning with --cancel.');
      const client = await connect(cli, flags);
      if (flags.cancel) {
        const status = await client.cancelDrain();
        return flags.json ? printJson(cli, status) : cli.terminal.out('The server takes chats again.\n');
      }
      await client.startDrain(flags.seconds === undefined ? {} : { seconds: flags.seconds });
      const last = await follow(cli, client, flags);
      if (flags.json) return printJson(cli, last);
      if (last.state === 'off') return cli.terminal.out('The drain was cancelled: the server takes chats.\n');
      cli.terminal.out('The server holds no chats, and takes none until `boocode drain --cancel` or a restart.\n');
    });
}

/** Shows what is left, whenever that changes, until nothing is. */
async function follow(cli: Cli, client: BooClient, { json }: DrainFlags): Promise<DrainStatus> {
  let shown = '';
  for (;;) {
    const status = await client.drainStatus();
    if (status.state !== 'draining') return status;
    const text = statusText(status);
    if (text !== shown && !json) cli.terminal.err(text);
    shown = text;
    await sleep(lookEveryMs);
  }
}

function statusText({ left, until, running }: DrainStatus): string {
  const chats = left === 1 ? 'One chat is left' : `${left} chats are left`;
  const limit =
    running.length > 0 && until !== null ? `; what runs is stopped at ${new Date(until).toLocaleTimeString()}` : '';
  const lines = running.map(({ id, title, state }) => `  ${id.slice(0, 8)}  ${state}  ${plainLine(title, 60)}`);
  return [`${chats}${limit}.`, ...lines].map((line) => `${line}\n`).join('');
}

function readSeconds(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 24 * 3600) {
    throw new InvalidArgumentError('It must be a whole number from 0 to 86400.');
  }
  return Number(text);
}
