/** The last reported MCP servers of a session, and the notices about changes that a person should see. */
import { type McpServer, mcpServerStatuses } from '../../protocol/chat.ts';
import type { AgentEvent } from '../agent-backend.ts';
import { asList, asRecord, asText, oneOf } from './mapping/loose-json.ts';
import { notice } from './mapping/notice.ts';
import { oneLine } from './mapping/one-line.ts';

export interface McpServersParts {
  /** A server has failed or works again. */
  readonly tell: (event: AgentEvent) => void;
  readonly onChanged: (servers: readonly McpServer[]) => void;
}

const maxServers = 200;
const maxNameLength = 200;
const maxErrorLength = 500;

export class McpServers {
  readonly #parts: McpServersParts;
  #servers: ReadonlyMap<string, McpServer> = new Map();

  constructor(parts: McpServersParts) {
    this.#parts = parts;
  }

  get isEmpty(): boolean {
    return this.#servers.size === 0;
  }

  statusOf(name: string): McpServer['status'] | undefined {
    return this.#servers.get(name)?.status;
  }

  /** Replaces all servers. */
  set(servers: readonly McpServer[]): void {
    const before = this.#servers;
    this.#servers = new Map(servers.slice(0, maxServers).map((server) => [server.name, server]));
    const now = [...this.#servers.values()];
    if (JSON.stringify(now) === JSON.stringify([...before.values()])) return;
    this.#parts.onChanged(now);
    for (const server of now) {
      const event = changeOf(server, before.get(server.name)?.status);
      if (event) this.#parts.tell(event);
    }
  }

  /** Updates some of the servers, and keeps the others. */
  merge(servers: readonly McpServer[]): void {
    this.set([...new Map([...this.#servers.values(), ...servers].map((server) => [server.name, server])).values()]);
  }
}

/** The notice about a change; undefined if a person need not know of it. */
function changeOf({ name, status, error }: McpServer, before: McpServer['status'] | undefined): AgentEvent | undefined {
  if (status === before) return undefined;
  const data = { server: name, status };
  const why = error === null ? '' : `: ${error}`;
  if (status === 'failed') return notice('warning', 'mcp_server', `MCP server “${name}” is not running${why}`, data);
  if (status === 'needs_auth') {
    return notice('warning', 'mcp_server', `MCP server “${name}” needs someone to sign in${why}`, data);
  }
  if (status !== 'connected' || (before !== 'failed' && before !== 'needs_auth')) return undefined;
  return notice('info', 'mcp_server', `MCP server “${name}” is running now.`, data);
}

/** Reads the program's list, in which each server has its own `status` unless one is given for all. */
export function readMcpServers(said: unknown, status?: McpServer['status']): McpServer[] {
  return asList(said)
    .slice(0, maxServers)
    .map((server) => (typeof server === 'string' ? { name: server } : asRecord(server)))
    .flatMap((server: Record<string, unknown>): McpServer[] => {
      const name = asText(server['name']);
      const known = status ?? oneOf(mcpServerStatuses, asText(server['status'])?.replace('-', '_'));
      if (name === undefined || known === undefined) return [];
      const error = asText(server['error']);
      const why = error === undefined ? null : oneLine(withoutSecrets(error), maxErrorLength);
      return [{ name: oneLine(name, maxNameLength), status: known, error: why }];
    });
}

/** A URL may contain a password or a key, which must not reach the log. */
function withoutSecrets(text: string): string {
  return text.replace(/\b([a-z][a-z0-9+.-]*:\/\/)([^\s/?#@]*@)?([^\s?#]*)([?#]\S*)?/gi, '$1$3');
}
