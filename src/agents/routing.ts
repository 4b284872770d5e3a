/**
 * Which backend runs a chat. `CLAUDE_SDK_BACKEND` decides for chats that name none; a chat's own backend wins. A
 * backend that is not here refuses with a sentence that says what to do.
 */
import type { AgentName, BackendName } from '../protocol/chat.ts';
import { BooError } from '../protocol/error.ts';
import type { BackendInfo } from '../protocol/info.ts';
import type { AgentBackend } from './agent-backend.ts';

export interface Routing {
  readonly defaultBackend: BackendName;
  /** The backend for a new chat. Throws `backend_unavailable`. */
  choose(agent: AgentName, asked: BackendName | undefined): BackendName;
  /** The backend that runs a chat. Throws `backend_unavailable`. */
  backendFor(name: BackendName): AgentBackend;
  describe(): BackendInfo[];
}

const terminalReason =
  'The terminal backend is not part of this version. Start the server with CLAUDE_SDK_BACKEND=1 to run chats on the ' +
  'Claude Agent SDK, or name "backend": "claude_sdk" when creating the chat.';

export function createRouting(options: { sdkByDefault: boolean; backends: readonly AgentBackend[] }): Routing {
  const byName = new Map(options.backends.map((backend) => [backend.name, backend]));
  const defaultBackend: BackendName = options.sdkByDefault ? 'claude_sdk' : 'claude_pty';

  function backendFor(name: BackendName): AgentBackend {
    const backend = byName.get(name);
    if (backend) return backend;
    throw new BooError('backend_unavailable', name === 'claude_pty' ? terminalReason : `${name} is not available.`, {
      details: { field: 'backend', backend: name },
    });
  }

  return {
    defaultBackend,
    choose: (_agent, asked) => backendFor(asked ?? defaultBackend).name,
    backendFor,
    describe: () =>
      (['claude_sdk', 'claude_pty'] as const).map((name) => {
        const backend = byName.get(name);
        return {
          name,
          agent: 'claude',
          available: backend !== undefined,
          reason: backend ? null : terminalReason,
          capabilities: backend?.capabilities ?? { deltas: false, terminal: false, images: false },
        };
      }),
  };
}
