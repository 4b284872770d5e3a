/**
 * What the server knows about an agent, whatever runs its sessions. Each agent declares itself in its own folder, and
 * `agents.ts` lists the declarations. Routing, `GET /v1/info`, the web app, the command line and `boocode doctor` read
 * them; nothing else tells agents apart.
 */
import type { Log } from '../lib/log.ts';
import type { AgentSignIn } from '../protocol/agent-sign-in.ts';
import type { AgentName, BackendName, PermissionMode } from '../protocol/chat.ts';
import type { AgentBody } from '../protocol/event.ts';
import type { Finding } from '../protocol/finding.ts';
import type { Info } from '../protocol/info.ts';
import type { HeardWindow } from '../protocol/plan-usage.ts';
import type { SandboxMode, SandboxNetworkMode } from '../protocol/sandbox.ts';
import type { FoldSummary, SessionStore, SessionStoreEntry } from '../protocol/session-store.ts';
import type { SideFileKey, SideFileStore } from '../protocol/side-files.ts';
import type { Passthrough } from '../terminal/passable.ts';
import type { HostRule } from './sandbox/host-rules.ts';
import type { AgentBackend, CountedRequests, DirectoryContent, SessionRewind, TurnTraces } from './agent-backend.ts';

/** What a backend is, whether or not it can run here. */
export interface BackendDeclaration {
  readonly name: BackendName;
  /** Shown to people, in the middle of a sentence: `terminal program`. */
  readonly label: string;
  /** Why to choose it, in a few words. */
  readonly hint: string;
  /** How to choose it, for people who cannot use another one: one or more sentences that start with `Or`. */
  readonly howToChoose: string;
  /** Runs the agent's sessions; otherwise, why that is impossible here and how to fix it, in full sentences. */
  readonly runs: AgentBackend | { readonly reason: string };
}

/** What runs sessions here; undefined if nothing can. */
export function runningBackend({ runs }: BackendDeclaration): AgentBackend | undefined {
  return 'reason' in runs ? undefined : runs;
}

/** Turns a transcript into events, page by page. */
export interface History {
  /** Events of the next entries of the main transcript. */
  map(entries: readonly SessionStoreEntry[]): AgentBody[];
  /** The final events: calls that have no result will get none. */
  end(): AgentBody[];
}

/** A turn that a copy of its session is to end with. */
export interface ForkedTurn {
  turnId: string;
  /** Of later turns, and of messages that began them, as far as they are known. */
  laterIds: ReadonlySet<string>;
  /** The last thing the agent said in it; null if it said nothing. */
  answer: { messageId: string; text: string } | null;
}

/** When an entry was stored: before the turn, during it, after its end, or after the next one had begun. */
export type EntryTime = 'before' | 'during' | 'between' | 'later';

/** Of an entry: the copy has it, or does not; or the copy has neither it nor what follows. */
export type EntryFate = 'copied' | 'left' | 'beyond';

/** Reads a session's own transcript, entry by entry, up to the end of a turn. */
export interface ForkReader {
  /** The types of entries that it has to see if they were stored before the turn. It need not see others. */
  readonly typesBefore: readonly string[];
  take(entry: SessionStoreEntry, when: EntryTime): EntryFate;
  /** Whether the turn was there, with its answer. */
  readonly isWhole: boolean;
  /** The worktree that the copy continues in, or null for none. */
  readonly worktree: string | null;
}

/** An entry of one of a chat's sessions. */
export interface SessionEntry {
  sessionId: string;
  entry: SessionStoreEntry;
}

/** A file that the agent has edited with its own tools. */
export interface EditedFile {
  /** Relative to the chat's directory, or absolute if it is not below it. */
  path: string;
  /** `unknown`: a backup of then is not kept any more. */
  was: 'absent' | 'unknown' | SideFileKey;
}

export interface FilesBefore {
  takenAt: Date;
  files: EditedFile[];
}

/** What the agent itself keeps of files that it edits: as they were when a turn began, or else before their first edit. */
export interface FileHistory {
  /** The types of entries that tell it. */
  readonly types: readonly string[];
  /** Messages at which a state was recorded, and their sessions. */
  messagesIn(entries: readonly SessionEntry[]): { sessionId: string; uuid: string }[];
  /** What was edited since that message, and before it. `entries`: of all sessions of the chat, in order. */
  filesBefore(entries: readonly SessionEntry[], message: { sessionId: string; uuid: string }): FilesBefore | null;
  /** Null if it is neither here nor stored, or the two differ. The mode is null if it is not known. */
  readBackup(
    backup: SideFileKey,
    stored: (key: SideFileKey) => Promise<Uint8Array | null>,
  ): Promise<{ content: Buffer; mode: number | null } | null>;
}

/** A session that the agent has stored on this machine. */
export interface NativeSession {
  /** A UUID. */
  sessionId: string;
  cwd: string;
}

export interface Agent {
  readonly name: AgentName;
  /** Shown to people: `Claude`. */
  readonly label: string;
  /** The first one is the default. */
  readonly backends: readonly [BackendDeclaration, ...BackendDeclaration[]];
  readonly permissionModes: readonly [PermissionMode, ...PermissionMode[]];
  /** Names to offer. Others may work too: see `knowsModel`. */
  readonly models: readonly string[];

  /** Whether its processes must not be given this variable by chats. */
  refusesVariable?(name: string): boolean;

  /** Whether the model exists, as far as can be known; true if nobody can tell. */
  knowsModel?(model: string): Promise<boolean>;

  /** What the agent would load from the directory once it is trusted. Throws `trust_refused` if that is too much. */
  readDirectory?(cwd: string): Promise<DirectoryContent>;

  /** Folds the session summary that the session store keeps. */
  readonly foldSummary: FoldSummary;

  /** For imports: what was said in a session before it came here. Without it sessions cannot be imported. */
  createHistory?(): History;

  /** For a turn that its host or its agent abandoned. `except` is as in `uncounted`. */
  createTurnTraces(except?: CountedRequests): TurnTraces;

  /**
   * Stores what the agent's own files of a closed session contain beyond the store, where they contain everything that
   * is stored. Does nothing if the agent keeps no files.
   */
  storeSession?(session: NativeSession & { sessionStore: SessionStore }): Promise<void>;

  /**
   * Moves a closed session to another directory: stores what the agent's own files contain beyond the store, and
   * removes the files unless that would lose something. The directory may be gone. Does nothing if the agent keeps no
   * files.
   */
  leaveDirectory?(session: NativeSession & { sessionStore: SessionStore }): Promise<void>;

  /**
   * Copies a closed session to a new one, up to but excluding the first of these consecutive prompts. Null if the
   * session does not contain it; otherwise the worktree that the new session continues in, or null for none.
   */
  rewindSession?(rewind: SessionRewind): Promise<{ worktree: string | null } | null>;

  /**
   * For a copy of a session that ends with this turn. In the copy, the session's id is another one, in each entry's
   * `sessionId` and in paths. Without this method chats cannot be forked.
   */
  createForkReader?(turn: ForkedTurn): ForkReader;

  /** Absent if the agent keeps none. */
  readonly fileHistory?: FileHistory;

  /** Removes the agent's own files of a closed session whose chat is being deleted. */
  removeSession?(session: NativeSession & { sideFiles: SideFileStore }): Promise<void>;

  /** Where its program keeps settings and sign-ins: no directory for chats. */
  readonly privateDirectories?: readonly string[];

  /** For the whole host. Absent if there is nothing to sign in to. */
  readonly signIn?: AgentSignIn;

  /** Loads what its sessions need and the start of the server did without. May take some tenths of a second. */
  prepare?(): void;

  /** Closes every open session; no process is left. Idempotent. */
  dispose(): Promise<void>;
}

/** The agents of this server. */
export interface AgentDirectory {
  /** Used for chats that name no agent. */
  readonly default: Agent;
  /** Throws `invalid_request`. */
  agentFor(name: AgentName): Agent;
  /** The backend for a new chat of the agent, which may name one. Throws `invalid_request`, `backend_unavailable`. */
  choose(agentName: AgentName, asked: BackendName | undefined): BackendName;
  /** The backend that runs a chat. Throws `backend_unavailable`. */
  backendFor(name: BackendName): AgentBackend;
  describe(): Pick<Info, 'defaultBackend' | 'backends' | 'agents'>;
}

/** What the operator says about sandboxes. */
export interface SandboxSettings {
  /** The least that any chat has. */
  readonly mode: SandboxMode;
  /** Further places that agents may read, or also write. */
  readonly readable: readonly string[];
  readonly writable: readonly string[];
  /** Files with secrets of the server outside its data directory. */
  readonly secretFiles: readonly string[];
  /** The most that any chat in a sandbox reaches; `open` if missing. */
  readonly network?: SandboxNetworkMode;
  /** What they reach if it is `limited`. */
  readonly hosts?: readonly HostRule[];
}

export interface AgentOptions {
  /** The complete environment of the agent's processes: see `agentEnvironment`. */
  env: Readonly<Record<string, string>>;
  /** The server's own files, which agents must not access. */
  dataDir: string;
  sandbox?: SandboxSettings;
  logger: Log;
  limits: { answerMs: number; startMs: number };
  /** What programs may do to viewers' terminals beyond drawing in them. */
  passthrough: readonly Passthrough[];
  /** Whether chats that name no backend run on its SDK instead of its terminal program. */
  sdkByDefault: boolean;
  /** Answers come from a scripted model that has no accounts. */
  demo: boolean;
  /** The account of this agent has told how much of its plan is used. */
  onPlanUsage?(agent: AgentName, windows: readonly HeardWindow[]): void;
}

/** The demo model's URL. */
export interface DemoEndpoint {
  url: string;
  apiKey: string;
  /** For the agent's own files, so that the user's settings stay untouched. */
  dataDir: string;
}

export interface AgentDeclaration {
  readonly name: AgentName;
  open(options: AgentOptions): Promise<Agent>;
  /** An environment in which the agent reaches only the demo model. */
  demoEnvironment(env: Readonly<Record<string, string>>, endpoint: DemoEndpoint): Record<string, string>;
  /** For `boocode doctor`: what the agent and each of its backends need here. */
  diagnose(options: Pick<AgentOptions, 'env' | 'sdkByDefault'>): Promise<Finding[]>;
}
