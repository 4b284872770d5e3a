import type { Command } from 'commander';
import { BooError } from '../client/client.ts';
import { type Cli, connect, type GlobalFlags } from './cli.ts';
import { exitCodes } from './exit-codes.ts';
import { plainLine } from './plain-text.ts';

interface LoginFlags extends GlobalFlags {
  console?: true;
}

export function addLogin(program: Command, cli: Cli): void {
  program
    .command('login')
    .description('Sign the server’s agents in to Claude: open a page, and paste the code it shows')
    .option('--console', 'with an account of the API console instead of a Claude subscription')
    .action(async (_options, command: Command) => {
      cli.exitCode = await login(cli, command.optsWithGlobals<LoginFlags>());
    });
}

async function login(cli: Cli, flags: LoginFlags): Promise<number> {
  const { terminal } = cli;
  const client = await connect(cli, flags);
  const { url } = await client.beginAgentSignIn(flags.console ? 'console' : 'claude_ai');
  terminal.out(`Open this page in any browser, sign in, and paste the code it shows:\n${plainLine(url, 4096)}\n`);
  const abort = new AbortController();
  const stopListening = terminal.onInterrupt(() => abort.abort());
  try {
    const reply = await terminal.ask('Code: ', abort.signal);
    if (reply.kind !== 'line' || reply.text.trim() === '') {
      await client.cancelAgentSignIn();
      if (reply.kind === 'withdrawn') return exitCodes.interrupted;
      throw new BooError('invalid_request', 'No code was entered: nobody is signed in.');
    }
    await client.finishAgentSignIn(reply.text.trim());
  } finally {
    stopListening();
  }
  terminal.out('Claude is signed in on the server.\n');
  return 0;
}
