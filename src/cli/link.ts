import type { Command } from 'commander';
import { type Cli, connect, type GlobalFlags, printJson } from './cli.ts';

interface LinkFlags extends GlobalFlags {
  qr?: boolean;
}

export function addLink(program: Command, cli: Cli): void {
  program
    .command('link')
    .description('Make a link that signs another browser in, once, within ten minutes; with a QR code for a phone')
    .option('--no-qr', 'print the link alone')
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
      terminal.err(
        `It signs one browser in, once, until ${until}. Whoever has it can use this server: show it to nobody else.\n`,
      );
      if (link.loopback) {
        terminal.err(
          'It works on this machine only, or through a tunnel to it. For other devices start the server with an address\n' +
            'that they reach, as --public-origin https://boo.example.org.\n',
        );
      }
    });
}
