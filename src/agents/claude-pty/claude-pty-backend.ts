import type { Log } from '../../lib/log.ts';
import type {
  AgentBackend,
  AgentSession,
  AgentSessionSpec,
  AnswerCheck,
  AsideSpec,
  AskedCall,
  BegunPrompt,
  DecisionAnswer,
  StoredSession,
} from '../agent-backend.ts';
import type { SandboxSettings } from '../agent.ts';
import { OpenSessions } from '../open-sessions.ts';
import { hasPromptOfWords } from '../claude/files/was-asked.ts';
import { Sandboxes } from '../claude/sandboxes.ts';
import { type CostReceiver, openCostReceiver } from './cost-receiver.ts';
import { type DisplayReceiver, openDisplayReceiver } from './display-receiver.ts';
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
  sandbox?: SandboxSettings;
  logger: Log;
  /** What the program may do to viewers' terminals beyond drawing in them. */
  passthrough?: readonly Passthrough[];
  limits?: Partial<SessionLimits>;
  /** Opens sessions that continue a call, about which the program's terminal does not ask again, or a turn. */
  calls: CallBackend;
}

/** What continues calls and turns of the terminal's sessions, and answers questions about them, without a terminal. */
export interface CallBackend extends Pick<AgentBackend, 'openSession' | 'dispose'> {
  answerAside(spec: AsideSpec, signal: AbortSignal): Promise<string>;
  canContinue(session: StoredSession, toolCallId: string): Promise<boolean>;
  checkKeptAnswer(asked: AskedCall, answer: DecisionAnswer): Promise<AnswerCheck>;
}

/** Runs sessions in the real `claude` program, each in its own terminal. Call `loadPseudoTerminals` first. */
export class ClaudePtyBackend implements AgentBackend {
  readonly name = 'claude_pty';
  readonly capabilities = {
    deltas: false,
    terminal: true,
    images: false,
    durableDecisions: true,
    continuesTurns: true,
  };
  readonly #options: ClaudePtyBackendOptions;
  readonly #sessions = new OpenSessions<PtySession>();
  readonly #sandboxes: Sandboxes;
  #costs: Promise<CostReceiver> | undefined;
  #display: Promise<DisplayReceiver> | undefined;
  /** Counts unknown kinds of transcript lines. */
  readonly unmappedFrames = new Map<string, number>();

  constructor(options: ClaudePtyBackendOptions) {
    this.#options = options;
    this.#sandboxes = new Sandboxes(options);
  }

  async openSession(spec: AgentSessionSpec, signal?: AbortSignal): Promise<AgentSession> {
    if (spec.continues || spec.continuesTurn) return this.#options.calls.openSession(spec, signal);
    this.#costs ??= openCostReceiver();
    this.#display ??= openDisplayReceiver();
    const [costs, display] = await Promise.all([this.#costs, this.#display]);
    const place = await this.#sandboxes.place(spec, [costs.port, display.port]);
    const session: PtySession = new PtySession({
      spec,
      program: this.#options.program,
      ...place,
      logger: this.#options.logger,
      passthrough: this.#options.passthrough ?? [],
      limits: { ...defaultLimits, ...this.#options.limits },
      costs,
      display,
      countUnmapped: (name) => this.unmappedFrames.set(name, (this.unmappedFrames.get(name) ?? 0) + 1),
      onEnded: () => {
        this.#sessions.ended(session);
        void place.sandbox?.close();
      },
    });
    return this.#sessions.open(session, signal).catch(async (error: unknown) => {
      await place.sandbox?.close();
      throw error;
    });
  }

  /** The program would answer on its screen alone, in front of whoever is working there. */
  answerAside(spec: AsideSpec, signal: AbortSignal): Promise<string> {
    return this.#options.calls.answerAside(spec, signal);
  }

  wasAsked(session: StoredSession, prompt: BegunPrompt): Promise<boolean> {
    return hasPromptOfWords(session, this.#sandboxes.configDirOf(session.sessionId), prompt);
  }

  canContinue(session: StoredSession, toolCallId: string): Promise<boolean> {
    return this.#options.calls.canContinue(session, toolCallId);
  }

  checkKeptAnswer(asked: AskedCall, answer: DecisionAnswer): Promise<AnswerCheck> {
    return this.#options.calls.checkKeptAnswer(asked, answer);
  }

  async dispose(): Promise<void> {
    await this.#sessions.close();
    await this.#options.calls.dispose();
    await (await this.#costs)?.close();
    await (await this.#display)?.close();
  }
}
