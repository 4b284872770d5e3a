import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

const program = resolve('test/support/asking-server.mjs');

/** A server's log of one question: that its tools were listed, that it asked, what it was answered, what went wrong. */
export interface AskingEntry {
  listed?: true;
  asked?: string;
  result?: { action: string; content?: Record<string, unknown> };
  error?: string;
}

export interface AskingServers {
  /** What the server with this name has logged so far. */
  log(name: string): AskingEntry[];
  /** How often the program has listed a server's tools: it can call them from then on. */
  listings(): number;
  /** What a server was answered, in order. */
  results(name: string): unknown[];
}

/** Elicitations by name: a prompt that contained them would be too long to be typed unchanged. */
export type Requests = Record<string, object>;

/**
 * Real MCP servers over standard input and output, each its own process, that ask a person; configured as the user's
 * own.
 */
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

/** The prompt on which the demo model makes servers ask, all at once. */
export function askPrompt(...asks: { server: string; request: string; [more: string]: unknown }[]): string {
  return asks.map(({ server, ...input }) => `call mcp__${server}__ask: ${JSON.stringify(input)}`).join('\n');
}
