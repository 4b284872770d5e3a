/** The MCP servers of a session as they were last told of, and what of a change a person should know. */
import { type McpServer, mcpServerStatuses } from '../../protocol/chat.ts';
import type { AgentEvent } from '../agent-backend.ts';
import { asList, asRecord, asText, oneOf } from './mapping/loose-json.ts';
import { notice } from './mapping/notice.ts';
import { oneLine } from './mapping/one-line.ts';

export interface McpServersParts {
  /** A server has failed, or works again. */
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

  /** All there are. */
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

  /** Some of them; of the others nothing is said. */
  merge(servers: readonly McpServer[]): void {
    this.set([...new Map([...this.#servers.values(), ...servers].map((server) => [server.name, server])).values()]);
  }
}

/** What a person should know of it; undefined where nothing is wrong, or was. */
function changeOf({ name, status, error }: McpServer, before: McpServer['status'] | undefined): AgentEvent | undefined {
  if (status === before) return undefined;
  const data = { server: name, status };
  const why = error === null ? '' : `: ${error}`;
  if (status === 'failed') return notice('warning', 'mcp_server', `MCP server “${name}” does not run${why}`, data);
  if (status === 'needs_auth') {
    return notice('warning', 'mcp_server', `MCP server “${name}” wants somebody to sign in${why}`, data);
  }
  if (status !== 'connected' || (before !== 'failed' && before !== 'needs_auth')) return undefined;
  return notice('info', 'mcp_server', `MCP server “${name}” runs now.`, data);
}

/** As the program lists them, each with its `status`, or all with the one that is given. */
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

/** An address may hold a password or a key: they stay out of the log. */
function withoutSecrets(text: string): string {
  return text.replace(/\b([a-z][a-z0-9+.-]*:\/\/)([^\s/?#@]*@)?([^\s?#]*)([?#]\S*)?/gi, '$1$3');
}
