/**
 * The agents of this server, and which backend runs a chat: the one the chat names, else its agent's default. A backend
 * that cannot run here refuses with a message that says what to do.
 */
import type { AgentName, BackendName } from '../protocol/chat.ts';
import { BooError } from '../protocol/error.ts';
import type { AgentInfo, BackendInfo, Info } from '../protocol/info.ts';
import {
  type Agent,
  type AgentDeclaration,
  type AgentDirectory,
  type AgentOptions,
  type BackendDeclaration,
  runningBackend,
} from './agent.ts';
import type { AgentBackend } from './agent-backend.ts';
import { claudeAgent } from './claude/claude-agent.ts';

/** The first one is the default. */
export const declaredAgents: readonly [AgentDeclaration, ...AgentDeclaration[]] = [claudeAgent];

export async function openAgents(
  options: AgentOptions,
  declarations: readonly AgentDeclaration[] = declaredAgents,
): Promise<Agents> {
  return new Agents(await Promise.all(declarations.map((declaration) => declaration.open(options))));
}

/** A backend that cannot run here has no capabilities. */
const nothing = { deltas: false, terminal: false, images: false, durableDecisions: false, continuesTurns: false };

export class Agents implements AgentDirectory {
  readonly #agents: ReadonlyMap<AgentName, Agent>;
  readonly #backends: ReadonlyMap<BackendName, { agent: Agent; declaration: BackendDeclaration }>;

  /** The first one is the default. */
  constructor(agents: readonly Agent[]) {
    this.#agents = new Map(agents.map((agent) => [agent.name, agent]));
    this.#backends = new Map(
      agents.flatMap((agent) =>
        agent.backends.map((declaration) => [declaration.name, { agent, declaration }] as const),
      ),
    );
  }

  get all(): readonly Agent[] {
    return [...this.#agents.values()];
  }

  get privateDirectories(): readonly string[] {
    return this.all.flatMap((agent) => agent.privateDirectories ?? []);
  }

  get default(): Agent {
    const [agent] = this.all;
    if (agent) return agent;
    throw new BooError('internal', 'This server has no agent.');
  }

  agentFor(name: AgentName): Agent {
    const agent = this.#agents.get(name);
    if (agent) return agent;
    throw unknown('agent', name, [...this.#agents.keys()]);
  }

  choose(agentName: AgentName, asked: BackendName | undefined): BackendName {
    const { backends } = this.agentFor(agentName);
    const name = asked ?? backends[0].name;
    const names = backends.map((backend) => backend.name);
    if (!names.includes(name)) throw unknown('backend', name, names);
    return this.backendFor(name).name;
  }

  backendFor(name: BackendName): AgentBackend {
    const known = this.#backends.get(name);
    const backend = known && runningBackend(known.declaration);
    if (backend) return backend;
    const reason = known ? this.#reasonFor(known) : `${name} is not part of this server.`;
    throw new BooError('backend_unavailable', reason, { details: { field: 'backend', backend: name } });
  }

  describe(): Pick<Info, 'defaultBackend' | 'backends' | 'agents'> {
    return {
      defaultBackend: this.default.backends[0].name,
      backends: [...this.#backends.values()].map((known) => this.#describeBackend(known)),
      agents: this.all.map(describeAgent),
    };
  }

  prepare(): void {
    for (const agent of this.all) agent.prepare?.();
  }

  async dispose(): Promise<void> {
    for (const agent of this.all) await agent.dispose();
  }

  #describeBackend(known: { agent: Agent; declaration: BackendDeclaration }): BackendInfo {
    const { name, label, hint } = known.declaration;
    const backend = runningBackend(known.declaration);
    return {
      name,
      agent: known.agent.name,
      label,
      hint,
      available: backend !== undefined,
      reason: backend ? null : this.#reasonFor(known),
      capabilities: backend?.capabilities ?? nothing,
    };
  }

  #reasonFor({ agent, declaration }: { agent: Agent; declaration: BackendDeclaration }): string {
    const reason = 'reason' in declaration.runs ? declaration.runs.reason : '';
    const others = agent.backends.filter(runningBackend);
    return [reason, ...others.map(({ howToChoose }) => howToChoose)].join(' ');
  }
}

function describeAgent(agent: Agent): AgentInfo {
  return {
    name: agent.name,
    label: agent.label,
    permissionModes: [...agent.permissionModes],
    models: [...agent.models],
    imports: agent.createHistory !== undefined,
    signIn: agent.signIn !== undefined,
  };
}

function unknown(field: 'agent' | 'backend', name: string, names: readonly string[]): BooError {
  const message = `${field}: unknown ${field} “${name}”. Use one of: ${names.join(', ')}.`;
  return new BooError('invalid_request', message, { details: { field } });
}
