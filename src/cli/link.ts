import type { Command } from 'commander';
import { type Cli, connect, type GlobalFlags, printJson } from './cli.ts';

interface LinkFlags extends GlobalFlags {
  qr?: boolean;
}

export function addLink(program: Command, cli: Cli): void {
  program
    .command('link')
    .description(
      'Create a link that signs in another browser of yours, once, within ten minutes; with a QR code for phones',
    )
    .option('--no-qr', 'print only the link')
    .action(async (_options, command: Command) => {
      const flags = command.optsWithGlobals<LinkFlags>();
      const { terminal } = cli;
      const link = await (await connect(cli, flags)).makeSignInLink();
      if (flags.json) return printJson(cli, link);
      terminal.out(`${link.url}\n`);
      if (flags.qr !== false && terminal.isInteractive) {
        const { qrText } = await import('./qr-text.ts');
        terminal.err(`\n${qrText(link.url)}\n`);
      }
      const until = new Date(link.expiresAt).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
      terminal.err(`It signs in one browser, once, until ${until}. Whoever has it acts as you: do not share it.\n`);
      if (link.loopback) {
        terminal.err(
          'It works only on this machine, or through a tunnel to it. For other devices, start the server with an address\n' +
            'they can reach, such as --public-origin https://boo.example.org.\n',
        );
      }
    });
}
