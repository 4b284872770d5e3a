import type { Log } from '../../lib/log.ts';
import type { BackendName } from '../../protocol/chat.ts';
import type { AgentOptions, SandboxSettings } from '../agent.ts';
import type {
  AgentBackend,
  AgentPrompt,
  AgentSession,
  AgentSessionSpec,
  AnswerCheck,
  AsideSpec,
  AskedCall,
  DecisionAnswer,
  StoredSession,
} from '../agent-backend.ts';
import { OpenSessions } from '../open-sessions.ts';
import { AsideCopies } from './aside-copies.ts';
import { SdkSession } from './sdk-session.ts';
import { defaultLimits, type SessionLimits } from './session-limits.ts';
import { checkAnswer } from '../claude/check-answer.ts';
import { findOpenCall } from '../claude/files/defer-call.ts';
import { hasPromptOfId } from '../claude/files/was-asked.ts';
import { Sandboxes } from '../claude/sandboxes.ts';

export interface ClaudeSdkBackendOptions {
  /** The complete environment of the agent's process: see `agentEnvironment`. */
  env: Readonly<Record<string, string>>;
  /** The server's own files, which agents must not access. */
  dataDir?: string;
  sandbox?: SandboxSettings;
  logger: Log;
  limits?: Partial<SessionLimits>;
  /** Its sessions only continue a call or a turn of this other backend's sessions, one each. */
  continuesFor?: BackendName;
  onPlanUsage?: AgentOptions['onPlanUsage'];
}

/** Runs sessions on the Claude Agent SDK: one warm query each. */
export class ClaudeSdkBackend implements AgentBackend {
  readonly name = 'claude_sdk';
  readonly answersAsides = true;
  readonly capabilities = { deltas: true, terminal: false, images: true, durableDecisions: true, continuesTurns: true };
  readonly #options: ClaudeSdkBackendOptions;
  readonly #sessions = new OpenSessions<SdkSession>();
  readonly #asides: AsideCopies;
  readonly #sandboxes: Sandboxes;
  /** Frames that the SDK's types do not know: how many of each. */
  readonly unmappedFrames = new Map<string, number>();

  constructor(options: ClaudeSdkBackendOptions) {
    this.#options = options;
    this.#sandboxes = new Sandboxes(options);
    this.#asides = new AsideCopies({ ...options, limits: { ...defaultLimits, ...options.limits } });
  }

  async openSession(spec: AgentSessionSpec, signal?: AbortSignal): Promise<AgentSession> {
    const place = await this.#sandboxes.place(spec);
    const session: SdkSession = new SdkSession({
      spec,
      ...place,
      logger: this.#options.logger,
      limits: { ...defaultLimits, ...this.#options.limits },
      continuesFor: this.#options.continuesFor,
      onPlanUsage: (windows) => this.#options.onPlanUsage?.('claude', windows),
      countUnmapped: (name) => this.#countUnmapped(name),
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

  answerAside(spec: AsideSpec, signal: AbortSignal): Promise<string> {
    return this.#asides.answer(spec, signal);
  }

  wasAsked(session: StoredSession, prompt: AgentPrompt): Promise<boolean> {
    return hasPromptOfId(session, this.#sandboxes.configDirOf(session.sessionId), prompt);
  }

  async canContinue(session: StoredSession, toolCallId: string): Promise<boolean> {
    return (await findOpenCall(session, this.#sandboxes.configDirOf(session.sessionId), toolCallId)) !== undefined;
  }

  checkKeptAnswer(asked: AskedCall, answer: DecisionAnswer): Promise<AnswerCheck> {
    return checkAnswer(asked, answer);
  }

  async dispose(): Promise<void> {
    await Promise.all([this.#sessions.close(), this.#asides.close()]);
  }

  #countUnmapped(name: string): void {
    const count = (this.unmappedFrames.get(name) ?? 0) + 1;
    this.unmappedFrames.set(name, count);
    if (count === 1) this.#options.logger.debug({ frame: name }, 'A frame that the SDK’s types do not know.');
  }
}
