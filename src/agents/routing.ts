/**
 * Which backend runs a chat. `CLAUDE_SDK_BACKEND` decides for chats that name none; a chat's own backend wins. A
 * backend that is not here refuses with a sentence that says what to do.
 */
import type { AgentName, BackendName } from '../protocol/chat.ts';
import { BooError } from '../protocol/error.ts';
import type { BackendInfo } from '../protocol/info.ts';
import type { AgentBackend } from './agent-backend.ts';

/** A backend that this server cannot run. */
export interface UnavailableBackend {
  readonly name: BackendName;
  /** Why not, and what to do about it, in sentences. */
  readonly reason: string;
}

export interface Routing {
  readonly defaultBackend: BackendName;
  /** The backend for a new chat. Throws `backend_unavailable`. */
  choose(agent: AgentName, asked: BackendName | undefined): BackendName;
  /** The backend that runs a chat. Throws `backend_unavailable`. */
  backendFor(name: BackendName): AgentBackend;
  describe(): BackendInfo[];
}

export interface RoutingOptions {
  /** CLAUDE_SDK_BACKEND. */
  sdkByDefault: boolean;
  /** One that is not among them is not available. */
  backends: readonly (AgentBackend | UnavailableBackend)[];
}

/** How to come to the backend, for who cannot have the other one. */
const waysTo: Record<BackendName, string> = {
  claude_sdk:
    'Or use the Agent SDK: name "backend": "claude_sdk" when creating a chat (CLAUDE_SDK_BACKEND=1 makes that the ' +
    'default), or flip a chat to it with `boocode flip`.',
  claude_pty:
    'Or use the terminal program: name "backend": "claude_pty" when creating a chat (without CLAUDE_SDK_BACKEND that is ' +
    'the default), or flip a chat to it with `boocode flip`.',
};

export function createRouting({ sdkByDefault, backends }: RoutingOptions): Routing {
  const available = new Map<BackendName, AgentBackend>();
  const reasons = new Map<BackendName, string>();
  for (const backend of backends) {
    if ('reason' in backend) reasons.set(backend.name, backend.reason);
    else available.set(backend.name, backend);
  }
  const defaultBackend: BackendName = sdkByDefault ? 'claude_sdk' : 'claude_pty';

  function reasonFor(name: BackendName): string {
    const ways = [...available.keys()].map((other) => waysTo[other]);
    return [reasons.get(name) ?? `${name} is not part of this server.`, ...ways].join(' ');
  }

  function backendFor(name: BackendName): AgentBackend {
    const backend = available.get(name);
    if (backend) return backend;
    throw new BooError('backend_unavailable', reasonFor(name), { details: { field: 'backend', backend: name } });
  }

  return {
    defaultBackend,
    choose: (_agent, asked) => backendFor(asked ?? defaultBackend).name,
    backendFor,
    describe: () =>
      (['claude_sdk', 'claude_pty'] as const).map((name) => {
        const backend = available.get(name);
        return {
          name,
          agent: 'claude',
          available: backend !== undefined,
          reason: backend ? null : reasonFor(name),
          capabilities: backend?.capabilities ?? { deltas: false, terminal: false, images: false },
        };
      }),
  };
}
