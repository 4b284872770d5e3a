import type { Command } from 'commander';
import type { BooClient, EventPage, FeedItem, Info, LogCursor } from '../client/client.ts';
import { wakeWords } from '../protocol/wake-words.ts';
import { type Cli, connect, type GlobalFlags, printJson } from './cli.ts';
import { findChat } from './find-chat.ts';
import { plainText } from './plain-text.ts';
import { createRenderer } from './render.ts';

interface ShowFlags extends GlobalFlags {
  follow?: true;
}

export function addShow(program: Command, cli: Cli): void {
  program
    .command('show')
    .description("Print a chat's log; with --json one event per line")
    .argument('<chat>', 'the id of the chat or the start of it')
    .option('--follow', 'keep following until Ctrl-C')
    .action(async (given: string, _options, command: Command) => {
      const flags = command.optsWithGlobals<ShowFlags>();
      const client = await connect(cli, flags);
      const chat = await findChat(client, given);
      const { backends } = await client.info();
      await show(cli, { ...flags, backends }, flags.follow ? followed(cli, client, chat.id) : stored(client, chat.id));
      if (flags.json || flags.follow || chat.state === 'running') return;
      // An older server does not know it.
      const cost = await client.wakeCost(chat.id).catch(() => null);
      const words = cost && wakeWords(cost, Date.now());
      if (words !== null) cli.terminal.out(cli.terminal.outStyle('dim', `· ${words}\n`));
    });
}

async function show(
  { terminal, ...cli }: Cli,
  flags: Pick<ShowFlags, 'json'> & Pick<Info, 'backends'>,
  items: AsyncIterable<FeedItem>,
): Promise<void> {
  const { outStyle, errStyle } = terminal;
  const renderer = createRenderer({
    outStyle,
    errStyle,
    backends: flags.backends,
    log: true,
    columns: () => terminal.size.columns,
  });
  for await (const item of items) {
    if (!flags.json) for (const { to, text } of renderer.render(item)) terminal[to](text);
    else if (item.kind === 'event') printJson({ terminal, ...cli }, item.event);
  }
}

function followed({ terminal }: Cli, client: BooClient, chatId: string): AsyncIterable<FeedItem> {
  return client.follow(chatId, {
    onStatus: (status) => {
      if (status.state === 'waiting') terminal.err(`· ${plainText(status.error.message)} Retrying …\n`);
    },
  });
}

async function* stored(client: BooClient, chatId: string): AsyncGenerator<FeedItem, void, undefined> {
  for (let after: LogCursor | null = 0; after !== null;) {
    const page: EventPage = await client.events(chatId, { after, limit: 1000 });
    for (const event of page.items) yield { kind: 'event', event };
    after = page.next === null ? null : (page.end ?? page.next);
  }
}
