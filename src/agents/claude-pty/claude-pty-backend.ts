import type { Log } from '../../lib/log.ts';
import type { AgentBackend, AgentSession, AgentSessionSpec, BegunPrompt, StoredSession } from '../agent-backend.ts';
import { OpenSessions } from '../open-sessions.ts';
import { hasPromptOfWords } from '../claude/files/was-asked.ts';
import { configDirOf } from '../claude/files/transcript-file.ts';
import { type CostReceiver, openCostReceiver } from './cost-receiver.ts';
import { PtySession } from './pty-session.ts';
import { defaultLimits, type SessionLimits } from './session-limits.ts';
import type { Passthrough } from '../../terminal/passable.ts';

export interface ClaudePtyBackendOptions {
  /** The path of the `claude` program. */
  program: string;
  /** The complete environment of the agent's process: see `agentEnvironment`. */
  env: Readonly<Record<string, string>>;
  /** The server's own files, which agents must not access. */
  dataDir?: string;
  logger: Log;
  /** What the program may do to viewers' terminals beyond drawing in them. */
  passthrough?: readonly Passthrough[];
  limits?: Partial<SessionLimits>;
}

/** Runs sessions in the real `claude` program, each in its own terminal. Call `loadPseudoTerminals` first. */
export class ClaudePtyBackend implements AgentBackend {
  readonly name = 'claude_pty';
  readonly capabilities = {
    deltas: false,
    terminal: true,
    images: false,
    durableDecisions: false,
    continuesTurns: false,
  };
  readonly #options: ClaudePtyBackendOptions;
  readonly #sessions = new OpenSessions<PtySession>();
  #costs: Promise<CostReceiver> | undefined;
  /** Counts unknown kinds of transcript lines. */
  readonly unmappedFrames = new Map<string, number>();

  constructor(options: ClaudePtyBackendOptions) {
    this.#options = options;
  }

  async openSession(spec: AgentSessionSpec, signal?: AbortSignal): Promise<AgentSession> {
    this.#costs ??= openCostReceiver();
    const session: PtySession = new PtySession({
      spec,
      program: this.#options.program,
      env: this.#options.env,
      dataDir: this.#options.dataDir ?? null,
      logger: this.#options.logger,
      passthrough: this.#options.passthrough ?? [],
      limits: { ...defaultLimits, ...this.#options.limits },
      costs: await this.#costs,
      countUnmapped: (name) => this.unmappedFrames.set(name, (this.unmappedFrames.get(name) ?? 0) + 1),
      onEnded: () => this.#sessions.ended(session),
    });
    return this.#sessions.open(session, signal);
  }

  wasAsked(session: StoredSession, prompt: BegunPrompt): Promise<boolean> {
    return hasPromptOfWords(session, configDirOf(this.#options.env), prompt);
  }

  async dispose(): Promise<void> {
    await this.#sessions.close();
    await (await this.#costs)?.close();
  }
}
