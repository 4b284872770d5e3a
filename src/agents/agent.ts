/**
 * What the server knows of an agent, whatever runs its sessions: each agent declares itself in its own folder, and
 * `agents.ts` lists the declarations. Routing, `GET /v1/info`, the web app, the command line and `boocode doctor` read
 * them; nothing else knows one agent from another.
 */
import type { Log } from '../lib/log.ts';
import type { AgentSignIn } from '../protocol/agent-sign-in.ts';
import type { AgentName, BackendName, PermissionMode } from '../protocol/chat.ts';
import type { AgentBody } from '../protocol/event.ts';
import type { Finding } from '../protocol/finding.ts';
import type { Info } from '../protocol/info.ts';
import type { FoldSummary, SessionStore, SessionStoreEntry } from '../protocol/session-store.ts';
import type { Passthrough } from '../terminal/passable.ts';
import type { AgentBackend, CountedRequests, DirectoryContent, SessionRewind, TurnTraces } from './agent-backend.ts';

/** What a backend is, whether or not it can run here. */
export interface BackendDeclaration {
  readonly name: BackendName;
  /** For people, in the middle of a sentence: `terminal program`. */
  readonly label: string;
  /** What speaks for it, in a few words. */
  readonly hint: string;
  /** How to choose it, as one or more sentences that begin with `Or`: for people who cannot have another one. */
  readonly howToChoose: string;
  /** Runs sessions of the agent; or why it cannot be done here, and what would help, in sentences. */
  readonly runs: AgentBackend | { readonly reason: string };
}

/** Makes the events of a transcript, page after page. */
export interface History {
  /** The events of the next entries of the main transcript. */
  map(entries: readonly SessionStoreEntry[]): AgentBody[];
  /** What is left to say at the end: calls without a result have none to come. */
  end(): AgentBody[];
}

/** A session that the agent keeps on this machine. */
export interface NativeSession {
  /** A UUID. */
  sessionId: string;
  cwd: string;
}

export interface Agent {
  readonly name: AgentName;
  /** For people: `Claude`. */
  readonly label: string;
  /** The first one is the default. */
  readonly backends: readonly [BackendDeclaration, ...BackendDeclaration[]];
  readonly permissionModes: readonly [PermissionMode, ...PermissionMode[]];
  /** Names to offer. Others may work, too: see `knowsModel`. */
  readonly models: readonly string[];

  /** Whether there is such a model, as far as can be known; what nobody can know is taken for one. */
  knowsModel?(model: string): Promise<boolean>;

  /** What the directory would have the agent load once it is trusted. Throws `trust_refused` where it is too much. */
  readDirectory?(cwd: string): Promise<DirectoryContent>;

  /** Folds the summary of a session that the session store keeps. */
  readonly foldSummary: FoldSummary;

  /** Imports: what was said in a session before it came here. Without it sessions cannot be imported. */
  createHistory?(): History;

  /** For a turn that was left in the middle, by its host or its agent. `except` is as in `uncounted`. */
  createTurnTraces(except?: CountedRequests): TurnTraces;

  /**
   * A closed session goes on in another directory: stores what the agent itself keeps of it beyond the store, and removes
   * that where nothing would be lost. The directory may be gone. Nothing happens where the agent keeps nothing.
   */
  leaveDirectory?(session: NativeSession & { sessionStore: SessionStore }): Promise<void>;

  /**
   * Copies a closed session up to, and without, the first of these prompts, which came one after another, to a new one.
   * Null where the session does not hold it, else the worktree that the new one goes on in, null for none.
   */
  rewindSession?(rewind: SessionRewind): Promise<{ worktree: string | null } | null>;

  /** Removes what the agent itself keeps of a closed session: its chat is being deleted. */
  removeSession?(session: NativeSession): Promise<void>;

  /** For the whole host. Missing where there is nothing to sign in to. */
  readonly signIn?: AgentSignIn;

  /** Closes every session that is still open; no process is left. Idempotent. */
  dispose(): Promise<void>;
}

/** The agents of this server. */
export interface AgentDirectory {
  /** Answers in chats that name none. */
  readonly default: Agent;
  /** Throws `invalid_request`. */
  agentFor(name: AgentName): Agent;
  /** The backend for a chat of the agent, which may name one. Throws `invalid_request`, `backend_unavailable`. */
  choose(agentName: AgentName, asked: BackendName | undefined): BackendName;
  /** The backend that runs a chat. Throws `backend_unavailable`. */
  backendFor(name: BackendName): AgentBackend;
  describe(): Pick<Info, 'defaultBackend' | 'backends' | 'agents'>;
}

export interface AgentOptions {
  /** The whole environment of the agent's processes: see `agentEnvironment`. */
  env: Readonly<Record<string, string>>;
  /** The server's own files, which agents are kept from. */
  dataDir: string;
  logger: Log;
  limits: { answerMs: number; startMs: number };
  /** What programs may do to the terminals of viewers beyond being shown there. */
  passthrough: readonly Passthrough[];
  /** Whether its SDK, and not its terminal program, runs chats that name no backend. */
  sdkByDefault: boolean;
  /** Answers come from a scripted model: nobody has an account there. */
  demo: boolean;
}

/** Where the demo model answers. */
export interface DemoEndpoint {
  url: string;
  apiKey: string;
  /** For the agent's own files: the user's settings are left alone. */
  dataDir: string;
}

export interface AgentDeclaration {
  readonly name: AgentName;
  open(options: AgentOptions): Promise<Agent>;
  /** The environment in which the agent reaches the demo model and nothing else. */
  demoEnvironment(env: Readonly<Record<string, string>>, endpoint: DemoEndpoint): Record<string, string>;
  /** For `boocode doctor`: what the agent needs here, and each of its backends. */
  diagnose(options: Pick<AgentOptions, 'env' | 'sdkByDefault'>): Promise<Finding[]>;
}
