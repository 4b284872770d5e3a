import type { Command } from 'commander';
import { BooError, createClient } from '../client/client.ts';
import { type Cli, type GlobalFlags, printJson, usualDataDirs } from './cli.ts';
import { nodeFetch } from './node-fetch.ts';
import { addTokens, tokenExamples } from './tokens.ts';
import {
  dataDirsOf,
  findServer,
  type FoundServer,
  isNobodyThere,
  type ServerSearch,
  tokenOf,
  tokenPath,
} from './find-server.ts';

interface TokenFlags extends GlobalFlags {
  show?: true;
}

type Found = Pick<FoundServer, 'token' | 'tokenFrom'> & { url: string | null };

export function addToken(program: Command, cli: Cli): void {
  const token = program
    .command('token')
    .description("Show where the server's own token is stored; create, list and revoke tokens of people and browsers")
    .usage('[--show] | create | list | revoke | rotate')
    .addHelpText('after', tokenExamples);
  addTokens(token, cli);
  token
    .command('show', { isDefault: true })
    .description("Show where the server's own token is stored. `show` can be left out")
    .option('--show', 'print the token itself')
    .action(async (_options, command: Command) => {
      const flags = command.optsWithGlobals<TokenFlags>();
      const search = { flags, env: cli.env, usualDataDirs: usualDataDirs(cli.env) };
      const { url, token, tokenFrom } = (await ofServer(search)) ?? (await ofNoServer(cli, search));
      const place = 'file' in tokenFrom ? tokenFrom.file : tokenFrom.variable;
      if (flags.json) return printJson(cli, { url, ...tokenFrom, ...(flags.show && { token }) });
      cli.terminal.out(`${flags.show ? token : place}\n`);
    });
}

/** The token of the responding server, which accepts it; undefined if none responds. */
async function ofServer(search: ServerSearch): Promise<Found | undefined> {
  let server: FoundServer;
  try {
    server = await findServer(search);
  } catch (error) {
    if (isNobodyThere(error)) return undefined;
    throw error;
  }
  try {
    await createClient({ url: server.url, token: server.token, clientName: 'cli', fetch: nodeFetch }).info();
    return server;
  } catch (error) {
    if (!(error instanceof BooError) || error.code !== 'unauthorized') throw error;
    const place = 'file' in server.tokenFrom ? server.tokenFrom.file : server.tokenFrom.variable;
    const how = 'It was started with another one, in BOOCODE_TOKEN or --token-file.';
    throw new BooError('unauthorized', `The server at ${server.url} does not accept the token in ${place}. ${how}`, {
      details: { told: true },
    });
  }
}

/** What the next start of a server will use. It must be unambiguous which server that is. */
async function ofNoServer({ terminal }: Cli, search: ServerSearch): Promise<Found> {
  const dataDirs = dataDirsOf(search);
  const kept = (await Promise.all(dataDirs.map(tokenOf))).filter((found) => found !== undefined);
  const [first, ...more] = kept;
  const [likeliest = ''] = dataDirs;
  if (!first) {
    throw new BooError('not_found', `There is no token yet: a server's first start writes ${tokenPath(likeliest)}.`);
  }
  if (more.length > 0) {
    const places = dataDirs.map((dataDir) => `--data-dir ${dataDir}`).join(' or ');
    throw new BooError('not_found', `No server is running, and there are several tokens: choose with ${places}.`);
  }
  terminal.err('· No server is running: this is the token its next start will use.\n');
  return { url: null, ...first };
}
