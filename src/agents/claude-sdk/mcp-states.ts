/**
 * The states of a session's MCP servers. Each turn's `init` names them, and mostly too early: servers start beside the
 * first turn. So the program is asked as long as one of them still starts, and for why one has failed.
 */
import { type McpServer, mcpServerStatuses } from '../../protocol/chat.ts';
import type { AgentEvent } from '../agent-backend.ts';
import { asList, asRecord, asText, oneOf } from '../claude/mapping/loose-json.ts';
import { notice } from '../claude/mapping/notice.ts';
import { oneLine } from '../claude/mapping/one-line.ts';

export interface McpStatesParts {
  /** What the program says of its servers; undefined where it does not say. */
  ask(): Promise<unknown>;
  /** A server has failed, or works again. */
  tell(event: AgentEvent): void;
  onChanged(servers: readonly McpServer[]): void;
  /** Between two questions while a server starts. */
  askAgainMs: number;
}

const maxServers = 200;
const maxNameLength = 200;
const maxErrorLength = 500;

export class McpStates {
  readonly #parts: McpStatesParts;
  readonly #servers = new Map<string, McpServer>();
  #timer: NodeJS.Timeout | undefined;
  #asking = false;
  #isClosed = false;

  constructor(parts: McpStatesParts) {
    this.#parts = parts;
  }

  /** As an `init` names them. */
  noteInit(servers: unknown): void {
    const named = readServers(servers);
    if (named.length === 0 && this.#servers.size === 0) return;
    // Without a reason yet: whatever is new in it is asked for.
    const isNews = named.some(({ name, status }) => this.#servers.get(name)?.status !== status);
    if (isNews || named.some(isStarting)) void this.#look();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#asking || this.#isClosed) return;
    clearTimeout(this.#timer);
    this.#asking = true;
    // A program that does not answer is noticed elsewhere.
    const said = await this.#parts.ask().catch(() => undefined);
    this.#asking = false;
    if (this.#isClosed) return;
    const servers = readServers(said);
    if (said !== undefined) this.#take(servers);
    if (!servers.some(isStarting)) return;
    this.#timer = setTimeout(() => void this.#look(), this.#parts.askAgainMs);
    this.#timer.unref();
  }

  #take(servers: readonly McpServer[]): void {
    const before = JSON.stringify([...this.#servers.values()]);
    const events = servers.flatMap((server) => changeOf(server, this.#servers.get(server.name)) ?? []);
    this.#servers.clear();
    for (const server of servers) this.#servers.set(server.name, server);
    if (JSON.stringify([...this.#servers.values()]) === before) return;
    this.#parts.onChanged([...this.#servers.values()]);
    for (const event of events) this.#parts.tell(event);
  }
}

const isStarting = ({ status }: McpServer): boolean => status === 'pending';

/** What a person should know of it; undefined where nothing is wrong, or was. */
function changeOf(server: McpServer, before: McpServer | undefined): AgentEvent | undefined {
  const { name, status, error } = server;
  if (status === before?.status) return undefined;
  const data = { server: name, status };
  const why = error === null ? '' : `: ${error}`;
  if (status === 'failed') return notice('warning', 'mcp_server', `MCP server “${name}” does not run${why}`, data);
  if (status === 'needs_auth') {
    return notice('warning', 'mcp_server', `MCP server “${name}” wants somebody to sign in${why}`, data);
  }
  const wasWrong = before?.status === 'failed' || before?.status === 'needs_auth';
  if (status !== 'connected' || !wasWrong) return undefined;
  return notice('info', 'mcp_server', `MCP server “${name}” runs now.`, data);
}

function readServers(said: unknown): McpServer[] {
  return asList(said)
    .slice(0, maxServers)
    .map(asRecord)
    .flatMap((server): McpServer[] => {
      const name = asText(server['name']);
      const status = oneOf(mcpServerStatuses, asText(server['status'])?.replace('-', '_'));
      if (name === undefined || status === undefined) return [];
      const error = asText(server['error']);
      return [
        {
          name: oneLine(name, maxNameLength),
          status,
          error: error === undefined ? null : oneLine(withoutSecrets(error), maxErrorLength),
        },
      ];
    });
}

/** An address may hold a password or a key: they stay out of the log. */
function withoutSecrets(text: string): string {
  return text.replace(/\b([a-z][a-z0-9+.-]*:\/\/)([^\s/?#@]*@)?([^\s?#]*)([?#]\S*)?/gi, '$1$3');
}
