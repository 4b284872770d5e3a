import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

const program = resolve('test/support/asking-server.mjs');

/** What a server has to say of one question: that its tools were listed, that it asked, what it was answered, what went wrong. */
export interface AskingEntry {
  listed?: true;
  asked?: string;
  result?: { action: string; content?: Record<string, unknown> };
  error?: string;
}

export interface AskingServers {
  /** What a server of this name has noted until now. */
  log(name: string): AskingEntry[];
  /** How often the program has asked a server for its tools: it can call them from then on. */
  listings(): number;
  /** What a server was answered, in order. */
  results(name: string): unknown[];
}

/** Elicitations by name: a prompt that held them would be too long to be typed as it is. */
export type Requests = Record<string, object>;

/** Real MCP servers over standard input and output, each a process of its own, that ask a person: the user's own ones. */
export async function addAskingServers(
  configDir: string,
  directory: string,
  names: string[],
  requests: Requests,
): Promise<AskingServers> {
  const fileOf = (name: string): string => join(directory, `${name}.log`);
  const file = join(configDir, '.claude.json');
  await mkdir(dirname(file), { recursive: true });
  const settings = existsSync(file) ? (JSON.parse(await readFile(file, 'utf8')) as object) : {};
  const mcpServers = Object.fromEntries(names.map((name) => [name, stdioServer(fileOf(name), requests)]));
  await writeFile(file, JSON.stringify({ ...settings, mcpServers }));
  const log = (name: string): AskingEntry[] =>
    existsSync(fileOf(name))
      ? readFileSync(fileOf(name), 'utf8')
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line) as AskingEntry)
      : [];
  return {
    log,
    listings: () => names.flatMap(log).filter(({ listed }) => listed).length,
    results: (name) => log(name).flatMap(({ result }) => (result ? [result] : [])),
  };
}

export const stdioServer = (logFile: string, requests: Requests) => ({
  type: 'stdio',
  command: process.execPath,
  args: [program, logFile, JSON.stringify(requests)],
});

/** The prompt on which the demo model has servers ask, all at once. */
export function askPrompt(...asks: { server: string; request: string; [more: string]: unknown }[]): string {
  return asks.map(({ server, ...input }) => `call mcp__${server}__ask: ${JSON.stringify(input)}`).join('\n');
}
