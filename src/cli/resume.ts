import { type Command, Option } from 'commander';
import { type Cli, connect, type GlobalFlags, printJson } from './cli.ts';
import { findChat } from './find-chat.ts';

interface ResumeFlags extends GlobalFlags {
  sendAgain?: boolean;
}

export function addResume(program: Command, cli: Cli): void {
  program
    .command('resume')
    .description("Resume a chat's prompts that are held after a failure")
    .argument('<chat>', 'the id of the chat or the start of it')
    .addOption(new Option('--send-again', 'run the prompt whose turn failed again, before the waiting ones'))
    .option('--no-send-again', 'skip that prompt (default: it runs again if nothing was done in its turn)')
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
        `${count === 1 ? 'One prompt resumes' : `${count} prompts resume`}${again ? ', the failed one first' : ''}.\n`,
      );
    });
}
