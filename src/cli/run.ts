import { CommanderError } from 'commander';
import { BooError } from '../client/client.ts';
import type { Cli } from './cli.ts';
import { plainText } from './plain-text.ts';
import { openProgram } from './program.ts';

/** Runs one command; the words are those after the program's name. The outcome is in `cli.exitCode`. Never throws. */
export async function runCli(cli: Cli, words: readonly string[]): Promise<void> {
  try {
    const program = await openProgram(cli, words);
    await program.parseAsync(words, { from: 'user' });
  } catch (error) {
    cli.exitCode = tell(cli, error);
  }
}

/** One sentence for people; the stack only for debugging. */
function tell({ terminal, env }: Cli, error: unknown): number {
  // Commander has printed its own message; help is not an error.
  if (error instanceof CommanderError) return error.exitCode;
  const isToken = error instanceof BooError && error.code === 'unauthorized' && !error.details['told'];
  const message = error instanceof Error ? error.message : String(error);
  const sentence = isToken ? 'The server does not accept this token: check BOOCODE_TOKEN or --token-file.' : message;
  terminal.err(`${terminal.errStyle('red', 'error:')} ${plainText(sentence)}\n`);
  if (env['BOOCODE_LOG_LEVEL'] === 'debug' && error instanceof Error) terminal.err(`${error.stack}\n`);
  return 1;
}
