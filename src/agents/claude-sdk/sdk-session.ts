/**
 * One warm query: a living `claude` process that is fed one user message per turn and whose frames become AgentEvents.
 *
 * Frames come whether or not a turn was asked for. What belongs to a turn goes to the turn that runs; when none does,
 * the agent has begun one by itself (a background task ended), and that turn is announced.
 */
import {
  type Options,
  type Query,
  type SDKMessage,
  type SDKUserMessage,
  startup,
} from '@anthropic-ai/claude-agent-sdk';
import type { Log } from '../../lib/log.ts';
import { endProcess } from '../../lib/process-identity.ts';
import { createPushable, type Pushable } from '../../lib/pushable.ts';
import type { PermissionMode } from '../../protocol/chat.ts';
import { BooError } from '../../protocol/error.ts';
import { type AgentBody, noUsage, type TurnOutcome } from '../../protocol/event.ts';
import type { AgentEvent, AgentPrompt, AgentSessionSpec, DecisionAnswer } from '../agent-backend.ts';
import { type AgentProcess, endMarked, spawnAgent } from '../agent-process.ts';
import { mapSdkMessage } from './map-sdk-message.ts';
import { createMappingState, type MappingState, withInterruptAsked } from './mapping-state.ts';
import { baselineFromEntries } from './model-costs.ts';
import { PermissionRequests } from './permission-requests.ts';
import { OutputTail } from './output-tail.ts';
import { configDirOf, reconcileTranscript, type TranscriptPlace } from './transcript-file.ts';
import { toUserMessage } from './user-message.ts';

/** An interrupt that has not ended the turn by then ends the process. */
const interruptLimitMs = 10_000;
const closeLimitMs = 5_000;
const sessionMark = 'BOOCODE_SESSION';

interface Turn {
  /** Null for a turn that the agent began by itself. */
  id: string | null;
  out: Pushable<AgentEvent>;
}

export interface SdkSessionParts {
  spec: AgentSessionSpec;
  env: Readonly<Record<string, string>>;
  logger: Log;
  /** Frames that the SDK's types do not know, counted over all sessions. */
  countUnmapped(name: string): void;
}

export class SdkSession {
  readonly #spec: AgentSessionSpec;
  readonly #env: Record<string, string>;
  readonly #logger: Log;
  readonly #countUnmapped: (name: string) => void;
  readonly #input = createPushable<SDKUserMessage>();
  readonly #permissions = new PermissionRequests((event) => this.#route(event));
  readonly #stderr = new OutputTail(4096);
  #state: MappingState = createMappingState();
  #process: AgentProcess | undefined;
  #query: Query | undefined;
  #reading: Promise<void> = Promise.resolve();
  #turn: Turn | undefined;
  #backgroundTasks = 0;
  /** The store lacks a part of the transcript that the program's file holds. */
  #dirty = false;
  #interrupting: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  constructor(parts: SdkSessionParts) {
    this.#spec = parts.spec;
    this.#logger = parts.logger;
    this.#countUnmapped = (name) => parts.countUnmapped(name);
    this.#env = { ...parts.env, [sessionMark]: parts.spec.sessionId };
  }

  get isBusy(): boolean {
    return this.#backgroundTasks > 0 || this.#dirty || this.#turn !== undefined;
  }

  async open(): Promise<void> {
    const { cwd, model, permissionMode } = this.#spec;
    const entries = await reconcileTranscript(this.#spec.sessionStore, this.#place());
    this.#state = createMappingState({ baseline: baselineFromEntries(entries ?? []), permissionMode });
    try {
      const warm = await startup({ options: this.#options(entries !== null) });
      this.#query = warm.query(this.#input.iterable);
    } catch (error) {
      await this.#endProcess();
      throw this.#failure(
        `The agent could not start in ${cwd}${model === null ? '' : ` with the model ${model}`}`,
        error,
      );
    }
    this.#reading = this.#read(this.#query);
  }

  async *prompt(prompt: AgentPrompt): AsyncGenerator<AgentEvent> {
    if (this.#turn && this.#turn.id !== null)
      throw new BooError('chat_busy', 'This session is in the middle of a turn.');
    const earlier = this.#turn;
    const turn: Turn = { id: prompt.turnId, out: createPushable<AgentEvent>() };
    this.#turn = turn;
    // A turn that the agent began by itself in this very moment goes on as this one: the agent folds them too.
    earlier?.out.push(endWithoutResult('completed'));
    earlier?.out.close();
    this.#input.push(toUserMessage(prompt, this.#spec.sessionId));
    yield* turn.out.iterable;
  }

  resolveDecision(decisionId: string, answer: DecisionAnswer): boolean {
    return this.#permissions.resolve(decisionId, answer);
  }

  async interrupt(): Promise<void> {
    if (!this.#turn || !this.#query || this.#interrupting) return;
    this.#state = withInterruptAsked(this.#state);
    this.#interrupting = setTimeout(() => {
      this.#logger.warn({ chatId: this.#spec.chatId }, 'The agent did not stop in time; its process is ended.');
      this.#endProcess().catch((error: unknown) => this.#logger.error({ err: error }, 'The agent could not be ended.'));
    }, interruptLimitMs);
    try {
      await this.#query.interrupt();
    } catch (error) {
      // The limit above does what this could not.
      this.#logger.warn({ chatId: this.#spec.chatId, err: error }, 'The interrupt was not taken.');
    }
  }

  async setModel(model: string | null): Promise<void> {
    await this.#query?.setModel(model ?? undefined);
  }

  async setPermissionMode(mode: PermissionMode): Promise<void> {
    await this.#query?.setPermissionMode(mode);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#turn) await this.interrupt();
    // In order: no more input, the program writes its tail and leaves, the mirror gets that tail, the iterator ends.
    this.#input.close();
    this.#process?.stdin.end();
    const left = await within(closeLimitMs, this.#reading);
    await this.#endProcess();
    if (!left) await within(closeLimitMs, this.#reading);
    this.#query?.close();
    if (this.#dirty) await this.#repair();
  }

  #place(): TranscriptPlace {
    const sessionId = this.#state.sessionId ?? this.#spec.sessionId;
    return { configDir: configDirOf(this.#env), cwd: this.#spec.cwd, sessionId };
  }

  #options(isKnown: boolean): Options {
    const { sessionId, cwd, model, permissionMode, trusted, sessionStore } = this.#spec;
    return {
      cwd,
      ...(model === null ? {} : { model }),
      ...(isKnown ? { resume: sessionId } : { sessionId }),
      permissionMode,
      ...(permissionMode === 'bypassPermissions' ? { allowDangerouslySkipPermissions: true } : {}),
      settingSources: trusted ? ['user', 'project', 'local'] : ['user'],
      systemPrompt: { type: 'preset', preset: 'claude_code' },
      includePartialMessages: true,
      forwardSubagentText: true,
      // The SDK's own way to resume from a store leaves the user's skills, commands and plugins behind: it gets a mirror
      // that knows of nothing, and the program resumes from its own file, which stands where it looks for it.
      sessionStore: { append: (key, entries) => sessionStore.append(key, entries), load: () => Promise.resolve(null) },
      sessionStoreFlush: 'eager',
      canUseTool: this.#permissions.canUseTool,
      env: this.#env,
      spawnClaudeCodeProcess: ({ command, args, cwd: directory, env }) => {
        this.#process = spawnAgent(command, args, { cwd: directory, env });
        this.#process.stderr.on('data', (chunk: Buffer) => this.#stderr.add(chunk));
        // Written to after its end: the read loop tells of that end.
        this.#process.stdin.on('error', () => undefined);
        return this.#process;
      },
    };
  }

  async #read(query: Query): Promise<void> {
    let cause: unknown;
    try {
      for await (const message of query) this.#take(message);
    } catch (error) {
      cause = error;
    }
    const failure = this.#failure('The agent process ended', cause);
    const turn = this.#turn;
    const wasInterrupted = this.#state.turn.interruptAsked;
    this.#endTurn();
    if (turn) {
      // Whoever asked for the end gets an interrupted turn; nobody asked: a failed one, with its cause.
      turn.out.push(wasInterrupted ? endWithoutResult('interrupted') : endWithoutResult('failed', failure));
      turn.out.close();
    }
    if (!this.#closing) {
      await this.#endProcess();
      this.#spec.onLost(failure);
    }
  }

  #take(message: SDKMessage): void {
    // The result of something else: the agent answers a turn of its own before it comes to ours. Its cost stays in the
    // running totals, and is counted with the next result.
    if (message.type === 'result' && this.#turn?.id && isAbout(message.user_message_uuids, this.#turn.id) === false)
      return;
    const { events, state, unmapped, mirrorFailed } = mapSdkMessage(message, this.#state);
    this.#state = state;
    if (unmapped !== undefined) this.#countUnmapped(unmapped);
    if (mirrorFailed) this.#dirty = true;
    for (const event of events) this.#route(event);
  }

  #route(event: AgentEvent): void {
    if (event.type === 'background_tasks') this.#backgroundTasks = event.tasks.length;
    if (isBetweenTurns(event) && !this.#turn) {
      this.#spec.onEvent(event);
      return;
    }
    if (!this.#turn) {
      this.#turn = { id: null, out: createPushable<AgentEvent>() };
      this.#spec.onUnprompted(this.#turn.out.iterable);
    }
    const { out } = this.#turn;
    if (event.type === 'turn_finished') this.#endTurn();
    out.push(event);
    if (event.type === 'tool_call') this.#permissions.noteCall(event.toolCallId);
    if (event.type === 'turn_finished') out.close();
  }

  #endTurn(): void {
    this.#turn = undefined;
    clearTimeout(this.#interrupting);
    this.#interrupting = undefined;
    this.#permissions.forgetCalls();
    if (this.#dirty) void this.#repair();
  }

  /** Stores what the mirror lost, from the program's own file. */
  async #repair(): Promise<void> {
    try {
      await reconcileTranscript(this.#spec.sessionStore, this.#place());
      this.#dirty = false;
    } catch (error) {
      this.#logger.warn({ chatId: this.#spec.chatId, err: error }, 'The transcript is not whole in the store yet.');
    }
  }

  async #endProcess(): Promise<void> {
    const child = this.#process;
    if (!child) return;
    const isGone = (): boolean => child.exitCode !== null || child.signalCode !== null;
    if (!isGone()) await endProcess(child, { graceMs: closeLimitMs });
    // SIGTERM takes the tools along, SIGKILL leaves them behind.
    if (child.signalCode === 'SIGKILL') await endMarked(sessionMark, this.#spec.sessionId);
  }

  #failure(what: string, cause: unknown): BooError {
    const said = this.#stderr.text.trim();
    const reason = cause instanceof Error ? cause.message : '';
    return new BooError('agent_failed', [`${what}.`, said || reason].filter(Boolean).join(' '), { cause });
  }
}

/** Whether a result answers the message with this id; undefined when it does not say. */
function isAbout(uuids: readonly string[] | undefined, id: string): boolean | undefined {
  return uuids === undefined || uuids.length === 0 ? undefined : uuids.includes(id);
}

/** The end of a turn that the agent gave no result for. */
function endWithoutResult(outcome: TurnOutcome, error?: BooError): AgentEvent {
  return {
    type: 'turn_finished',
    outcome,
    ...(error ? { error: { code: error.code, message: error.message } } : {}),
    usage: noUsage,
    costUsd: 0,
    models: {},
  };
}

/** Facts about the session rather than about a turn. */
function isBetweenTurns(event: AgentEvent): event is AgentBody {
  switch (event.type) {
    case 'notice':
    case 'background_tasks':
    case 'available_commands_update':
    case 'current_mode_update':
    case 'usage_update':
    case 'session_started':
      return true;
    default:
      return false;
  }
}

/** Whether the promise settled in time. */
async function within(limitMs: number, promise: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => (timer = setTimeout(() => resolve(false), limitMs)));
  const settled = promise.then(
    () => true,
    () => true,
  );
  return Promise.race([settled, late]).finally(() => clearTimeout(timer));
}
