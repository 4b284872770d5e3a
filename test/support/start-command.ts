import { runCli } from '../../src/cli/run.ts';
import { createFakeTerminal, type FakeInput, type FakeTerminal } from './fake-terminal.ts';
import type { StubServer } from './stub-server.ts';

export interface StartedCommand {
  terminal: FakeTerminal;
  exitCode: Promise<number>;
}

/** Starts a command against the stub. */
export function startCommand(
  stub: StubServer,
  words: string[],
  input: FakeInput = {},
  env: NodeJS.ProcessEnv = {},
): StartedCommand {
  const terminal = createFakeTerminal(input);
  const cli = {
    terminal,
    env: { HOME: '/nonexistent', BOOCODE_URL: stub.url, BOOCODE_TOKEN: stub.token, ...env },
    exitCode: 0,
  };
  return { terminal, exitCode: runCli(cli, words).then(() => cli.exitCode) };
}
