/**
 * Follows the states of a session's MCP servers. Each turn's `init` lists them, but usually too early: servers start
 * alongside the first turn. So the program is asked repeatedly while one of them is starting, and once for the reason
 * if one has failed.
 */
import type { McpServer } from '../../protocol/chat.ts';
import { McpServers, type McpServersParts, readMcpServers } from '../claude/mcp-servers.ts';

export interface McpStatesParts extends McpServersParts {
  /** The program's report on its servers; undefined if there is none. */
  readonly ask: () => Promise<unknown>;
  /** How often to ask while a server is starting. */
  askAgainMs: number;
}

export class McpStates {
  readonly #parts: McpStatesParts;
  readonly #servers: McpServers;
  #timer: NodeJS.Timeout | undefined;
  #isAsking = false;
  #isClosed = false;

  constructor(parts: McpStatesParts) {
    this.#parts = parts;
    this.#servers = new McpServers(parts);
  }

  /** In the format of an `init`. */
  noteInit(servers: unknown): void {
    const named = readMcpServers(servers);
    if (named.length === 0 && this.#servers.isEmpty) return;
    // The reason is still missing: ask for whatever is new.
    if (named.some((server) => isStarting(server) || this.#servers.statusOf(server.name) !== server.status)) {
      void this.#look();
    }
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#isAsking || this.#isClosed) return;
    clearTimeout(this.#timer);
    this.#isAsking = true;
    // An unresponsive program is detected elsewhere.
    const said = await this.#parts.ask().catch(() => undefined);
    this.#isAsking = false;
    if (this.#isClosed || said === undefined) return;
    const servers = readMcpServers(said);
    this.#servers.set(servers);
    if (!servers.some(isStarting)) return;
    this.#timer = setTimeout(() => void this.#look(), this.#parts.askAgainMs);
    this.#timer.unref();
  }
}

const isStarting = ({ status }: McpServer): boolean => status === 'pending';
