import { BooError, type BooClient, createClient } from '../client/client.ts';
import { findServer, type ServerFlags } from './find-server.ts';
import { defaultDataDir } from '../settings.ts';
import { nodeFetch } from './node-fetch.ts';
import type { Terminal } from './terminal.ts';

/** What every command is given. */
export interface Cli {
  terminal: Terminal;
  env: NodeJS.ProcessEnv;
  /** The process ends with it. */
  exitCode: number;
}

export interface GlobalFlags extends ServerFlags {
  json?: boolean | undefined;
}

/** Where servers keep their data by default: the usual place first, then the demo's. */
export function usualDataDirs(env: NodeJS.ProcessEnv): string[] {
  return [defaultDataDir(env, 'boocode'), defaultDataDir(env, 'boocode-demo')];
}

/** A client of the server named by the flags, the environment or a data directory. */
export async function connect(cli: Cli, flags: ServerFlags): Promise<BooClient> {
  const { terminal, env } = cli;
  const server = await findServer({ flags, env, usualDataDirs: usualDataDirs(env) });
  const client = createClient({ url: server.url, token: server.token, clientName: 'cli', fetch: nodeFetch });
  if (server.demo ?? (await client.info()).demo) {
    terminal.err(`${terminal.errStyle('dim', 'Answers come from the scripted demo model.')}\n`);
  }
  return client;
}

export function printJson(cli: Cli, value: unknown): void {
  cli.terminal.out(`${JSON.stringify(value)}\n`);
}

/** A mistake in how a command was called. */
export function misuse(message: string): BooError {
  return new BooError('invalid_request', message);
}
