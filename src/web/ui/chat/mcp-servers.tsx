import type { McpServer } from '../../../protocol/chat.ts';
import { readableLine } from '../../text/readable.ts';

const statusWords: Record<McpServer['status'], string> = {
  connected: 'runs',
  pending: 'starts',
  failed: 'is not running',
  needs_auth: 'needs someone to sign in',
  disabled: 'is switched off',
};

/** The MCP servers of the chat's agent, as the agent reports them. */
export function McpServers({ servers }: { servers: readonly McpServer[] | null }) {
  if (!servers || servers.length === 0) return null;
  return (
    <section aria-label="MCP servers">
      <p className="quiet">MCP servers:</p>
      <ul className="mcp-servers">
        {servers.map(({ name, status, error }) => (
          <li key={name} className={status === 'failed' || status === 'needs_auth' ? 'problem' : ''}>
            <bdi>{readableLine(name, 100)}</bdi> {statusWords[status] ?? readableLine(status, 40)}
            {error !== null && <>: {readableLine(error, 300)}</>}
          </li>
        ))}
      </ul>
    </section>
  );
}
