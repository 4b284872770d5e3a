import type { Log } from '../../lib/log.ts';
import type { Effort, PermissionMode } from '../../protocol/chat.ts';
import { BooError } from '../../protocol/error.ts';
import type {
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
import { defaultLimits, SdkSession, type SessionLimits } from './sdk-session.ts';
import { hasPromptOfId } from '../claude/files/was-asked.ts';
import { readDirectoryContent } from '../claude/files/directory-content.ts';
import { rewindTranscript } from '../claude/files/rewind-transcript.ts';
import { knowsModel } from '../claude/known-model.ts';
import { configDirOf, leaveDirectory, removeTranscript } from '../claude/files/transcript-file.ts';

export interface ClaudeSdkBackendOptions {
  /** The whole environment of the agent's process: see `agentEnvironment`. */
  env: Readonly<Record<string, string>>;
  /** The server's own files, from which agents are kept. */
  dataDir?: string;
  logger: Log;
  limits?: Partial<SessionLimits>;
}

/** Runs chats on the Claude Agent SDK: one warm query per chat. */
export class ClaudeSdkBackend implements AgentBackend {
  readonly name = 'claude_sdk';
  readonly capabilities = { deltas: true, terminal: false, images: true };
  readonly #options: ClaudeSdkBackendOptions;
  readonly #sessions = new Map<string, SdkSession>();
  /** Closings under way, so that a chat is not opened again before its old process is gone. */
  readonly #closings = new Map<string, Promise<void>>();
  /** Frames that the SDK's types do not know: how many of each. */
  readonly unmappedFrames = new Map<string, number>();

  constructor(options: ClaudeSdkBackendOptions) {
    this.#options = options;
  }

  async openSession(spec: AgentSessionSpec): Promise<void> {
    const { chatId } = spec;
    if (this.#sessions.has(chatId)) throw new BooError('internal', `Chat ${chatId} has an open session.`);
    const session: SdkSession = new SdkSession({
      env: this.#options.env,
      dataDir: this.#options.dataDir ?? null,
      logger: this.#options.logger,
      limits: { ...defaultLimits, ...this.#options.limits },
      spec: {
        ...spec,
        onUnprompted: (events) => spec.onUnprompted(events),
        onEvent: (event) => spec.onEvent(event),
        onLost: (cause) => {
          this.#drop(chatId, session);
          spec.onLost(cause);
        },
      },
      countUnmapped: (name) => this.#countUnmapped(name),
    });
    // Known from here on: whoever closes the chat closes what is about to open, too.
    this.#sessions.set(chatId, session);
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

  async interrupt(chatId: string): Promise<void> {
    await this.#sessions.get(chatId)?.interrupt();
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
    return (await this.#sessions.get(chatId)?.setPermissionMode(mode)) ?? mode;
  }

  async setAcceptsAgentMessages(chatId: string, accepts: boolean): Promise<void> {
    await this.#sessions.get(chatId)?.setAcceptsAgentMessages(accepts);
  }

  isBusy(chatId: string): boolean {
    return this.#sessions.get(chatId)?.isBusy ?? false;
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

  wasAsked(session: StoredSession, prompt: AgentPrompt): Promise<boolean> {
    return hasPromptOfId(session, configDirOf(this.#options.env), prompt);
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
  }

  #drop(chatId: string, session: SdkSession): void {
    if (this.#sessions.get(chatId) === session) this.#sessions.delete(chatId);
  }

  #countUnmapped(name: string): void {
    const count = (this.unmappedFrames.get(name) ?? 0) + 1;
    this.unmappedFrames.set(name, count);
    if (count === 1) this.#options.logger.debug({ frame: name }, 'A frame that the SDK’s types do not know.');
  }
}
