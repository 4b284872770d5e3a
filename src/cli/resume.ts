import { type Command, Option } from 'commander';
import { type Cli, connect, type GlobalFlags, printJson } from './cli.ts';
import { findChat } from './find-chat.ts';

interface ResumeFlags extends GlobalFlags {
  sendAgain?: boolean;
}

export function addResume(program: Command, cli: Cli): void {
  program
    .command('resume')
    .description('Let the prompts of a chat go on that are held after a failure')
    .argument('<chat>', 'the id of the chat or the beginning of it')
    .addOption(new Option('--send-again', 'run the prompt again whose turn failed, before those that wait'))
    .option('--no-send-again', 'leave that prompt out (default: it is run again if nothing was done in its turn)')
    .action(async (given: string, _options, command: Command) => {
      const flags = command.optsWithGlobals<ResumeFlags>();
      const client = await connect(cli, flags);
      const chat = await findChat(client, given);
      const resumed = await client.resumeQueue(chat.id, { sendAgain: flags.sendAgain });
      if (flags.json) return printJson(cli, resumed);
      if (chat.hold === null) return cli.terminal.out('Nothing is held in this chat.\n');
      const again = chat.hold.promptId !== null && (flags.sendAgain ?? chat.hold.sendsAgain);
      const count = chat.waiting + (again ? 1 : 0);
      cli.terminal.out(
        `${count === 1 ? 'One prompt goes' : `${count} prompts go`} on${again ? ', the one that failed first' : ''}.\n`,
      );
    });
}
