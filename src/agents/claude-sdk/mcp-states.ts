/**
 * Follows the states of a session's MCP servers. Each turn's `init` names them, and mostly too early: servers start beside
 * the first turn. So the program is asked as long as one of them still starts, and for why one has failed.
 */
import type { McpServer } from '../../protocol/chat.ts';
import { McpServers, type McpServersParts, readMcpServers } from '../claude/mcp-servers.ts';

export interface McpStatesParts extends McpServersParts {
  /** What the program says of its servers; undefined where it does not say. */
  readonly ask: () => Promise<unknown>;
  /** Between two questions while a server starts. */
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

  /** As an `init` names them. */
  noteInit(servers: unknown): void {
    const named = readMcpServers(servers);
    if (named.length === 0 && this.#servers.isEmpty) return;
    // Without a reason yet: whatever is new in it is asked for.
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
    // A program that does not answer is noticed elsewhere.
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
