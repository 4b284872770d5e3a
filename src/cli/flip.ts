import { type Command, Option } from 'commander';
import { BooError, type Chat, type Info, type PatchChat } from '../client/client.ts';
import { engineText } from '../protocol/engine-text.ts';
import { type Cli, connect, type GlobalFlags, misuse, printJson } from './cli.ts';
import { findChat } from './find-chat.ts';

/** What to do with a running turn. */
export interface RunningFlags extends GlobalFlags {
  finish?: true;
  interrupt?: true;
}

interface FlipFlags extends RunningFlags {
  to?: Chat['backend'];
}

export function addFlip(program: Command, cli: Cli): void {
  program
    .command('flip')
    .description('Let a chat go on with the other engine, in the same session')
    .argument('<chat>', 'the id of the chat or the beginning of it')
    .option('--to <backend>', 'its name, such as claude_sdk or claude_pty (default: the other one)')
    .addOption(new Option('--finish', 'let a running turn finish first').conflicts(['interrupt']))
    .option('--interrupt', "interrupt a running turn, and end the session's other work")
    .action(async (given: string, _options, command: Command) => {
      const flags = command.optsWithGlobals<FlipFlags>();
      const client = await connect(cli, flags);
      const chat = await findChat(client, given);
      const { backends } = await client.info();
      const backend = flags.to ?? other(chat, backends);
      if (flags.finish && backend !== chat.backend && chat.state === 'running') {
        cli.terminal.err('A turn is running: waiting until it has finished. Ctrl-C leaves the chat as it is.\n');
      }
      const flipped = await client.patchChat(chat.id, { backend, ...running(flags) }).catch(explained('flip'));
      if (flags.json) return printJson(cli, flipped);
      const now = flipped.backend;
      cli.terminal.out(
        backend === chat.backend
          ? `Chat ${chat.id} already runs on the ${engineText(now, backends)}.\n`
          : `Chat ${chat.id} now runs on the ${engineText(now, backends)}; it ran on the ${engineText(chat.backend, backends)}.\n`,
      );
    });
}

/** The engine to flip to if none is named. */
function other(chat: Chat, backends: Info['backends']): string {
  const others = backends.filter(({ name, agent }) => agent === chat.agent && name !== chat.backend);
  const [only] = others;
  if (only && others.length === 1) return only.name;
  const names = others.map(({ name }) => name).join(', ');
  throw misuse(names === '' ? 'This server has no other engine.' : `Say which engine with --to: ${names}.`);
}

export function running({ finish, interrupt }: RunningFlags): Pick<PatchChat, 'running'> {
  if (finish) return { running: 'finish' };
  return interrupt ? { running: 'interrupt' } : {};
}

/** The server's text names an API field; here the choices are flags. */
export function explained(verb: 'flip' | 'move'): (error: unknown) => never {
  return (error) => {
    const because = error instanceof BooError && error.code === 'chat_busy' ? error.details['because'] : undefined;
    if (because === undefined) throw error;
    const problem =
      because === 'turn'
        ? 'A turn is running.'
        : `The session has work that a ${verb} would end: a background task, or an attached terminal.`;
    const choices = `Use --finish to ${verb} when it is done, or --interrupt to end it and ${verb} at once.`;
    throw new BooError('chat_busy', `${problem} ${choices}`, { cause: error });
  };
}
