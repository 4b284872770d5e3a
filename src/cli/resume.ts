import { type Command, Option } from 'commander';
import { type Cli, connect, type GlobalFlags, printJson } from './cli.ts';
import type { Chat } from '../client/client.ts';
import { findChat } from './find-chat.ts';
import { hasReset, localTime } from './hold-text.ts';

interface ResumeFlags extends GlobalFlags {
  sendAgain?: boolean;
  atReset?: boolean;
}

export function addResume(program: Command, cli: Cli): void {
  program
    .command('resume')
    .description('Resume a chat that is parked by a usage limit, or whose prompts are held after a failure')
    .argument('<chat>', 'the id of the chat or the start of it')
    .addOption(new Option('--send-again', 'run the prompt whose turn failed again, before the waiting ones'))
    .option(
      '--no-send-again',
      'skip that prompt (default: it runs again if nothing was done in its turn; a turn that a usage limit stopped in ' +
        'its middle continues)',
    )
    .option('--at-reset', 'do not resume now, but by itself whenever a usage limit resets')
    .option('--no-at-reset', 'do not resume now, nor by itself at a reset')
    .action(async (given: string, _options, command: Command) => {
      const flags = command.optsWithGlobals<ResumeFlags>();
      const client = await connect(cli, flags);
      const chat = await findChat(client, given);
      if (flags.atReset !== undefined)
        return setAtReset(cli, flags, await client.patchChat(chat.id, { resumeAtReset: flags.atReset }));
      const resumed = await client.resumeQueue(chat.id, { sendAgain: flags.sendAgain });
      if (flags.json) return printJson(cli, resumed);
      if (chat.hold === null) return cli.terminal.out('Nothing is held in this chat.\n');
      if (chat.hold.continues && flags.sendAgain === undefined)
        return cli.terminal.out('The stopped turn continues.\n');
      const again = chat.hold.promptId !== null && (flags.sendAgain ?? chat.hold.sendsAgain);
      const count = chat.waiting + (again ? 1 : 0);
      if (count === 0) return cli.terminal.out('The chat takes prompts again.\n');
      cli.terminal.out(
        `${count === 1 ? 'One prompt resumes' : `${count} prompts resume`}${again ? ', the failed one first' : ''}.\n`,
      );
    });
}

function setAtReset(cli: Cli, { json }: GlobalFlags, chat: Chat): void {
  if (json) return printJson(cli, chat);
  const { resumeAtReset, hold } = chat;
  const at = hold?.resumesAt ?? null;
  const when = at === null ? '' : hasReset(at) ? ' It goes on now.' : ` It goes on at ${localTime(at)}.`;
  const what = resumeAtReset
    ? 'The chat goes on by itself when a usage limit resets.'
    : 'The chat waits for a person after a usage limit.';
  cli.terminal.out(`${what}${when}\n`);
}
