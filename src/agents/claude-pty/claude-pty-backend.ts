import type { Log } from '../../lib/log.ts';
import type { Effort, PermissionMode } from '../../protocol/chat.ts';
import { BooError } from '../../protocol/error.ts';
import type {
  BegunPrompt,
  AgentBackend,
  AgentEvent,
  AgentPrompt,
  AgentSessionSpec,
  AnswerCheck,
  DecisionAnswer,
  DirectoryContent,
  SessionRewind,
  StoredSession,
} from '../agent-backend.ts';
import type { AgentTerminal } from '../../terminal/agent-terminal.ts';
import { hasPromptOfWords } from '../claude/files/was-asked.ts';
import { readDirectoryContent } from '../claude/files/directory-content.ts';
import { rewindTranscript } from '../claude/files/rewind-transcript.ts';
import { knowsModel } from '../claude/known-model.ts';
import { configDirOf, leaveDirectory, removeTranscript } from '../claude/files/transcript-file.ts';
import { type CostReceiver, openCostReceiver } from './cost-receiver.ts';
import { defaultLimits, PtySession, type SessionLimits } from './pty-session.ts';
import type { Passthrough } from '../../terminal/passable.ts';

export interface ClaudePtyBackendOptions {
  /** The path of the `claude` program. */
  program: string;
  /** The whole environment of the agent's process: see `agentEnvironment`. */
  env: Readonly<Record<string, string>>;
  /** The server's own files, from which agents are kept. */
  dataDir?: string;
  logger: Log;
  /** What the program may do to the terminals of viewers beyond being shown there. */
  passthrough?: readonly Passthrough[];
  limits?: Partial<SessionLimits>;
}

/** Runs chats on the real `claude` program, each in a terminal of its own. After `loadPseudoTerminals`. */
export class ClaudePtyBackend implements AgentBackend {
  readonly name = 'claude_pty';
  readonly capabilities = { deltas: false, terminal: true, images: false };
  readonly #options: ClaudePtyBackendOptions;
  readonly #sessions = new Map<string, PtySession>();
  /** Closings under way, so that a chat is not opened again before its old process is gone. */
  readonly #closings = new Map<string, Promise<void>>();
  #costs: Promise<CostReceiver> | undefined;
  /** What the transcripts hold that nobody knows: how many of each. */
  readonly unmappedFrames = new Map<string, number>();

  constructor(options: ClaudePtyBackendOptions) {
    this.#options = options;
  }

  async openSession(spec: AgentSessionSpec): Promise<void> {
    const { chatId } = spec;
    if (this.#sessions.has(chatId)) throw new BooError('internal', `Chat ${chatId} has an open session.`);
    const session: PtySession = new PtySession({
      spec: {
        ...spec,
        onUnprompted: (events) => spec.onUnprompted(events),
        onEvent: (event) => spec.onEvent(event),
        onCost: (cost) => spec.onCost(cost),
        onLost: (cause) => {
          this.#drop(chatId, session);
          spec.onLost(cause);
        },
      },
      program: this.#options.program,
      env: this.#options.env,
      dataDir: this.#options.dataDir ?? null,
      logger: this.#options.logger,
      passthrough: this.#options.passthrough ?? [],
      limits: { ...defaultLimits, ...this.#options.limits },
      costs: { register: (onCost) => costs.register(onCost), close: () => costs.close() },
      countUnmapped: (name) => this.unmappedFrames.set(name, (this.unmappedFrames.get(name) ?? 0) + 1),
    });
    // Known from here on: whoever closes the chat closes what is about to open, too.
    this.#sessions.set(chatId, session);
    this.#costs ??= openCostReceiver();
    const costs = await this.#costs;
    try {
      await this.#closings.get(chatId);
      await session.open();
    } catch (error) {
      this.#drop(chatId, session);
      throw error;
    }
  }

  async *prompt(chatId: string, prompt: AgentPrompt): AsyncGenerator<AgentEvent> {
    const session = this.#sessions.get(chatId);
    if (!session) throw new BooError('agent_failed', 'The agent process has ended. Send the prompt again.');
    yield* session.prompt(prompt);
  }

  keptRules(chatId: string, decisionId: string): readonly string[] {
    return this.#sessions.get(chatId)?.keptRules(decisionId) ?? [];
  }

  async checkAnswer(chatId: string, decisionId: string, answer: DecisionAnswer): Promise<AnswerCheck> {
    return (await this.#sessions.get(chatId)?.checkAnswer(decisionId, answer)) ?? 'settled';
  }

  resolveDecision(chatId: string, decisionId: string, answer: DecisionAnswer): boolean {
    return this.#sessions.get(chatId)?.resolveDecision(decisionId, answer) ?? false;
  }

  interrupt(chatId: string): Promise<void> {
    this.#sessions.get(chatId)?.interrupt();
    return Promise.resolve();
  }

  knowsModel(model: string): Promise<boolean> {
    return knowsModel(model, this.#options.env);
  }

  async setModel(chatId: string, model: string | null): Promise<void> {
    await this.#sessions.get(chatId)?.setModel(model);
  }

  async setEffort(chatId: string, effort: Effort | null): Promise<boolean> {
    return (await this.#sessions.get(chatId)?.setEffort(effort)) ?? true;
  }

  async setPermissionMode(chatId: string, mode: PermissionMode): Promise<PermissionMode> {
    await this.#sessions.get(chatId)?.setPermissionMode(mode);
    return mode;
  }

  async setAcceptsAgentMessages(chatId: string, accepts: boolean): Promise<void> {
    await this.#sessions.get(chatId)?.setAcceptsAgentMessages(accepts);
  }

  isBusy(chatId: string): boolean {
    return this.#sessions.get(chatId)?.isBusy ?? false;
  }

  terminal(chatId: string): AgentTerminal | undefined {
    return this.#sessions.get(chatId)?.terminal;
  }

  async closeSession(chatId: string): Promise<void> {
    const session = this.#sessions.get(chatId);
    if (session) {
      this.#sessions.delete(chatId);
      const closing = Promise.all([this.#closings.get(chatId), session.close()]).then(() => {
        if (this.#closings.get(chatId) === closing) this.#closings.delete(chatId);
      });
      this.#closings.set(chatId, closing);
    }
    await this.#closings.get(chatId);
  }

  readDirectory(cwd: string): Promise<DirectoryContent> {
    return readDirectoryContent(cwd, configDirOf(this.#options.env));
  }

  async leaveDirectory({ sessionStore, ...session }: Parameters<NonNullable<AgentBackend['leaveDirectory']>>[0]) {
    await leaveDirectory(sessionStore, { configDir: configDirOf(this.#options.env), ...session });
  }

  wasAsked(session: StoredSession, prompt: BegunPrompt): Promise<boolean> {
    return hasPromptOfWords(session, configDirOf(this.#options.env), prompt);
  }

  rewindSession(rewind: SessionRewind): Promise<{ worktree: string | null } | null> {
    return rewindTranscript(rewind, configDirOf(this.#options.env));
  }

  async removeSession({ sessionId, cwd }: { sessionId: string; cwd: string }): Promise<void> {
    await removeTranscript({ configDir: configDirOf(this.#options.env), cwd, sessionId });
  }

  async dispose(): Promise<void> {
    for (const chatId of this.#sessions.keys()) void this.closeSession(chatId);
    await Promise.allSettled(this.#closings.values());
    await (await this.#costs)?.close();
  }

  #drop(chatId: string, session: PtySession): void {
    if (this.#sessions.get(chatId) === session) this.#sessions.delete(chatId);
  }
}
