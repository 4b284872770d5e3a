/**
 * One warm query: a living `claude` process that is fed one user message per turn and whose frames become AgentEvents.
 *
 * Frames come whether or not a turn was asked for. A turn begins with an `init` that names the message it answers, or
 * none: then the agent has begun it by itself (a background task ended), and it is announced. A message that was sent
 * while such a turn ran waits for a frame that names it: the next `init`, or any other one when the program took it up
 * in the middle of what it was doing. What background sub-agents do between turns belongs to none.
 */
import {
  type Options,
  type Query,
  type SDKMessage,
  type SDKUserMessage,
  type SessionStoreEntry,
  type Settings,
  startup,
} from '@anthropic-ai/claude-agent-sdk';
import type { Log } from '../../lib/log.ts';
import { endProcess } from '../../lib/process-identity.ts';
import { createPushable } from '../../lib/pushable.ts';
import { createSerial } from '../../lib/serial.ts';
import { within } from '../../lib/within.ts';
import { type Effort, type PermissionMode, permissionModes } from '../../protocol/chat.ts';
import { BooError } from '../../protocol/error.ts';
import {
  type AgentEvent,
  type AgentPrompt,
  type AgentSession,
  type AgentSessionSpec,
  type AnswerCheck,
  type DecisionAnswer,
  endWithoutResult,
} from '../agent-backend.ts';
import { type AgentProcess, endSession, spawnAgent, tellOfProcess } from '../agent-process.ts';
import { endedProcesses } from '../ended-processes.ts';
import { markSession, type SessionMark } from '../process-marks.ts';
import { ProcessWatch, type WatchLimits } from '../process-watch.ts';
import { StartWatch } from '../start-watch.ts';
import { oneOf } from '../claude/mapping/loose-json.ts';
import { mapSdkMessage } from '../claude/mapping/map-sdk-message.ts';
import {
  createMappingState,
  type MappingState,
  newTurn,
  withHookStop,
  withInterruptAsked,
} from '../claude/mapping/mapping-state.ts';
import { readHookStop } from '../claude/mapping/transcript-line.ts';
import { baselineOf } from '../claude/mapping/model-costs.ts';
import { elicitationAsked, elicitationResult } from '../claude/elicitation.ts';
import { PermissionRequests } from '../claude/permission-requests.ts';
import { withKeysApart } from '../claude/apart-keys.ts';
import { CurrentDirectory } from '../claude/current-directory.ts';
import { defaultModel, modelToStart } from '../claude/default-model.ts';
import { heldProvider, providerEnv } from '../claude/held-provider.ts';
import { inboundSetting, programSettings } from '../claude/program-settings.ts';
import { assertDirectory } from '../claude/files/working-directory.ts';
import { OutputTail } from '../../lib/output-tail.ts';
import { plainWords } from '../../lib/plain-words.ts';
import {
  configDirOf,
  projectKey,
  reconcileTranscript,
  storeSurplus,
  type TranscriptPlace,
} from '../claude/files/transcript-file.ts';
import {
  createTurn,
  isBetweenTurns,
  isInit,
  isPreview,
  isSign,
  isWork,
  namedBy,
  type ClaudeTurn,
} from '../claude/claude-turn.ts';
import { IncomingWords } from './incoming-words.ts';
import { McpStates } from './mcp-states.ts';
import { TypedChanges } from './typed-changes.ts';
import { toUserMessage } from './user-message.ts';

export interface SessionLimits extends WatchLimits {
  /** A program that has not answered its start by then is ended; 0 never. */
  startMs: number;
  /** An interrupt that has not ended the turn by then ends the process. */
  interruptMs: number;
  /**
   * How long a session that is closed may take to end its turn, then to leave by itself, then to leave after SIGTERM.
   * The three together stay below the time between a host's letting go of a chat and another's taking it.
   */
  closeMs: { turn: number; exit: number; term: number };
  /** Between two attempts to store what the mirror lost. */
  repairMs: number;
  /** Between two questions about MCP servers that start. */
  mcpAskAgainMs: number;
}

export const defaultLimits: SessionLimits = {
  interruptMs: 10_000,
  closeMs: { turn: 1_500, exit: 2_500, term: 1_500 },
  repairMs: 10_000,
  startMs: 60_000,
  silenceMs: 30_000,
  answerMs: 60_000,
  mcpAskAgainMs: 1_000,
};

/** Outside the SDK's types: how many hooks of the start run, whenever that changes. */
interface StartOptions extends Options {
  onStartupHooksRunning(running: number): void;
}

/** The SDK's own limit of a start tells no reason, and one that is given counts the time of hooks. This is none. */
const longestMs = 2 ** 31 - 1;

export interface SdkSessionParts {
  spec: AgentSessionSpec;
  env: Readonly<Record<string, string>>;
  /** The server's own files, from which agents are kept; null where there are none. */
  dataDir: string | null;
  logger: Log;
  limits: SessionLimits;
  /** Frames that the SDK's types do not know, counted over all sessions. */
  countUnmapped(name: string): void;
  /** The session is closed, or lost: no process of it is left. */
  onEnded(): void;
}

export class SdkSession implements AgentSession {
  readonly #spec: AgentSessionSpec;
  readonly #env: Record<string, string>;
  readonly #dataDir: string | null;
  readonly #logger: Log;
  readonly #limits: SessionLimits;
  readonly #countUnmapped: (name: string) => void;
  readonly #onEnded: () => void;
  readonly #input = createPushable<SDKUserMessage>();
  readonly #permissions = new PermissionRequests((event) => this.#route(event));
  readonly #incoming = new IncomingWords(() => this.#tellIncoming());
  readonly #changes: TypedChanges;
  readonly #directory: CurrentDirectory;
  readonly #stderr = new OutputTail(4096);
  readonly #mcp: McpStates;
  /** While a turn runs. */
  readonly #watch: ProcessWatch;
  readonly #startWatch: StartWatch;
  /** Entries that the store is taking: meanwhile the SDK may read nothing of what the program says. */
  #storingEntries = 0;
  #state: MappingState = createMappingState();
  #process: AgentProcess | undefined;
  #mark: SessionMark | undefined;
  /** The end of what the process left behind. */
  #left: Promise<void> | undefined;
  #query: Query | undefined;
  #reading: Promise<void> = Promise.resolve();
  #turn: ClaudeTurn | undefined;
  /** Prompted, and not yet begun by the program. */
  #waiting: ClaudeTurn | undefined;
  /** A turn of the program's own in which nothing has been done so far: perhaps it only says that it has started. */
  #untold: ClaudeTurn | undefined;
  /** Messages of the model since the last result, and those before it, by their ids. */
  readonly #requests = new Set<string>();
  readonly #counted = new Set<string>();
  #backgroundTasks = 0;
  /** The store lacks a part of the transcript that the program's file holds. */
  #dirty = false;
  #nextRepair: NodeJS.Timeout | undefined;
  /** The mirror's appends and repairs go one at a time. */
  readonly #storing = createSerial();
  #interrupting: NodeJS.Timeout | undefined;
  #opening: Promise<void> = Promise.resolve();
  #isOpen = false;
  /** The process is gone, and nothing more is read of it. */
  #isOver = false;
  #closing: Promise<void> | undefined;

  constructor(parts: SdkSessionParts) {
    this.#spec = parts.spec;
    this.#dataDir = parts.dataDir;
    this.#logger = parts.logger;
    this.#limits = parts.limits;
    this.#countUnmapped = (name) => parts.countUnmapped(name);
    this.#onEnded = () => parts.onEnded();
    this.#mcp = new McpStates({
      ask: () => this.#query?.mcpServerStatus() ?? Promise.resolve(undefined),
      tell: (event) => this.#route(event),
      onChanged: (servers) => this.#spec.onMcpServers?.(servers),
      askAgainMs: parts.limits.mcpAskAgainMs,
    });
    this.#watch = new ProcessWatch({
      ...parts,
      chatId: parts.spec.chatId,
      // It answers this in the middle of a turn too, whatever the model or a tool does, and changes nothing by it.
      ask: () =>
        void this.#query?.mcpServerStatus().then(
          () => this.#watch.hear(),
          () => undefined,
        ),
      isExcused: () => this.#storingEntries > 0,
      end: () => this.#endProcess(),
    });
    this.#startWatch = new StartWatch({
      ...parts,
      startMs: parts.limits.startMs,
      chatId: parts.spec.chatId,
      end: () => this.#endProcess(),
    });
    this.#env = providerEnv(parts.env);
    this.#directory = new CurrentDirectory(parts.spec);
    this.#changes = new TypedChanges({
      model: parts.spec.model,
      settings: () => programSettingsOf(this.#query),
      emit: (event) => this.#route(event),
      onProblem: (err) =>
        this.#logger.warn({ chatId: this.#spec.chatId, err }, 'The program did not tell its settings.'),
    });
  }

  get isBusy(): boolean {
    if (this.#isOver) return false;
    return this.#backgroundTasks > 0 || this.#dirty || this.#turn !== undefined || this.#waiting !== undefined;
  }

  open(): Promise<void> {
    this.#opening = this.#open();
    return this.#opening;
  }

  async #open(): Promise<void> {
    const { cwd, permissionMode } = this.#spec;
    await assertDirectory(cwd);
    const transcript = await reconcileTranscript(this.#spec.sessionStore, this.#place());
    const baseline = baselineOf(transcript?.costState);
    this.#state = createMappingState({ baseline, permissionMode });
    const isKnown = transcript !== null;
    if (isKnown) await this.#spec.onResumed?.(baseline.models);
    const model = await modelToStart({ ...this.#spec, isKnown }, this.#env);
    const moved = await this.#directory.begin(transcript?.worktree);
    this.#assertWanted();
    try {
      const held = await heldProvider(this.#spec, this.#env);
      this.#assertWanted();
      this.#startWatch.begin();
      const options = this.#options({ isKnown, held, model });
      const warm = await startup({ options, initializeTimeoutMs: longestMs }).finally(() => this.#startWatch.close());
      this.#assertWanted();
      this.#query = warm.query(this.#input.iterable);
    } catch (error) {
      await this.#endProcess();
      this.#assertWanted();
      const what = `The agent could not start in ${cwd}${model === null ? '' : ` with the model ${model}`}`;
      throw this.#startWatch.failure ?? this.#failure(what, error);
    }
    this.#changes.begin(transcript?.title);
    this.#routeIf(moved);
    this.#isOpen = true;
    this.#reading = this.#read(this.#query);
  }

  #assertWanted(): void {
    if (this.#closing) throw new BooError('agent_failed', 'The session was closed while it opened.');
  }

  async *prompt(prompt: AgentPrompt): AsyncGenerator<AgentEvent> {
    if (this.#waiting || (this.#turn && this.#turn.id !== null))
      throw new BooError('chat_busy', 'This session is in the middle of a turn.');
    if (this.#isOver || this.#closing)
      throw new BooError('agent_failed', 'The agent process has ended. Send the prompt again.');
    const turn = createTurn(prompt.turnId);
    this.#waiting = turn;
    this.#watch.start();
    this.#incoming.expect(prompt.content);
    this.#changes.notePrompt(prompt.content);
    this.#input.push(toUserMessage(prompt, this.#state.sessionId ?? this.#spec.sessionId));
    yield* turn.out.iterable;
  }

  keptRules(decisionId: string): readonly string[] {
    return this.#permissions.keptRules(decisionId);
  }

  checkAnswer(decisionId: string, answer: DecisionAnswer): Promise<AnswerCheck> {
    return this.#permissions.check(decisionId, answer);
  }

  resolve(decisionId: string, answer: DecisionAnswer): boolean {
    const isResolved = this.#permissions.resolve(decisionId, answer);
    if (this.#turn?.isForDecisions === true && this.#permissions.count === 0) {
      this.#finish(this.#turn, endWithoutResult('completed'));
    }
    return isResolved;
  }

  async interrupt(): Promise<void> {
    if (this.#turn?.isForDecisions === true) {
      this.#permissions.withdrawAll();
      this.#finish(this.#turn, endWithoutResult('interrupted'));
    }
    if (this.#interrupting || (!this.#turn && !this.#waiting)) return;
    this.#interrupting = setTimeout(() => {
      this.#logger.warn({ chatId: this.#spec.chatId }, 'The agent did not stop in time; its process is ended.');
      this.#endProcess().catch((error: unknown) => this.#logger.error({ err: error }, 'The agent could not be ended.'));
    }, this.#limits.interruptMs);
    // A turn that waits gets its interrupt when it begins: the program drops one that comes before.
    await this.#sendInterrupt();
  }

  async #sendInterrupt(): Promise<void> {
    const turn = this.#turn;
    if (!turn || turn.isInterrupted) return;
    turn.isInterrupted = true;
    this.#state = withInterruptAsked(this.#state);
    try {
      await this.#query?.interrupt();
    } catch (error) {
      // The limit above does what this could not.
      this.#logger.warn({ chatId: this.#spec.chatId, err: error }, 'The interrupt was not taken.');
    }
  }

  async setModel(model: string | null): Promise<void> {
    const wanted = model ?? (await defaultModel(this.#spec, this.#env));
    await this.#answered((query) => query.setModel(wanted));
    this.#changes.noteModel(model);
  }

  /** The program’s way back leads to the model’s own effort, whatever the user’s settings say: for that it starts anew. */
  async setEffort(effort: Effort | null): Promise<boolean> {
    if (effort === null) return false;
    await this.#query?.applyFlagSettings({ effortLevel: effort });
    return true;
  }

  async setPermissionMode(mode: PermissionMode): Promise<PermissionMode> {
    const answer = await this.#answered((query) => query.setPermissionMode(mode));
    return oneOf(permissionModes, answer?.mode) ?? mode;
  }

  async setAcceptsAgentMessages(accepts: boolean): Promise<void> {
    await this.#answered((query) => query.applyFlagSettings(inboundSetting(accepts)));
  }

  /** What the program is asked for between turns, too, when nobody watches it. */
  async #answered<T>(ask: (query: Query) => Promise<T>): Promise<T | undefined> {
    if (!this.#query) return undefined;
    this.#watch.check();
    try {
      return await ask(this.#query);
    } catch (error) {
      throw this.#watch.failure ?? error;
    } finally {
      if (!this.#turn && !this.#waiting) this.#watch.stop();
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close().finally(() => {
      this.#isOver = true;
      this.#onEnded();
    });
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearTimeout(this.#nextRepair);
    this.#mcp.close();
    if (!this.#isOpen) {
      // What is still opening has perhaps no process yet; then it starts none.
      await this.#endProcess();
      await within(this.#limits.closeMs.exit, this.#opening);
      await this.#endProcess();
      return;
    }
    const { turn, exit } = this.#limits.closeMs;
    const running = this.#waiting ?? this.#turn;
    if (running) {
      await within(turn, this.interrupt());
      await within(turn, running.ended);
    }
    // In order: no more input, the program writes its tail and leaves, the mirror gets that tail, the iterator ends.
    this.#input.close();
    this.#process?.stdin.end();
    const left = await within(exit, this.#reading);
    await this.#endProcess();
    if (!left) await within(exit, this.#reading);
    this.#query?.close();
    clearTimeout(this.#interrupting);
    if (this.#dirty) await this.#repair();
  }

  #place(): TranscriptPlace {
    const sessionId = this.#state.sessionId ?? this.#spec.sessionId;
    return { configDir: configDirOf(this.#env), cwd: this.#spec.cwd, sessionId };
  }

  #options({ isKnown, held, model }: { isKnown: boolean; held: Settings; model: string | null }): StartOptions {
    const { sessionId, cwd, effort, permissionMode, trusted, sessionStore } = this.#spec;
    const kept = this.#dataDir === null ? null : { dataDir: this.#dataDir, configDir: configDirOf(this.#env) };
    return {
      cwd,
      ...(model === null ? {} : { model }),
      ...(effort === null ? {} : { effort }),
      ...(isKnown ? { resume: sessionId } : { sessionId }),
      permissionMode,
      ...(permissionMode === 'bypassPermissions' ? { allowDangerouslySkipPermissions: true } : {}),
      settingSources: trusted ? ['user', 'project', 'local'] : ['user'],
      settings: { ...programSettings(this.#spec, 'claude_sdk', kept), ...held },
      systemPrompt: { type: 'preset', preset: 'claude_code' },
      includePartialMessages: true,
      forwardSubagentText: true,
      // The SDK's own way to resume from a store leaves the user's skills, commands and plugins behind: it gets a mirror
      // that knows of nothing, and the program resumes from its own file, which stands where it looks for it.
      sessionStore: {
        // The program's own project key is made of the directory; the store is this chat's alone.
        append: (key, entries) => {
          if (key.subpath === undefined) {
            this.#changes.noteEntries(entries);
            for (const entry of entries) this.#routeIf(this.#directory.take(entry));
            this.#noteHookStop(entries);
          }
          return this.#storeEntries(() => sessionStore.append({ ...key, projectKey }, entries));
        },
        load: () => Promise.resolve(null),
      },
      sessionStoreFlush: 'eager',
      canUseTool: this.#permissions.canUseTool,
      hooks: this.#incoming.hooks,
      onElicitation: async (request, { signal }) =>
        elicitationResult(await this.#permissions.ask(elicitationAsked(request), signal)),
      env: this.#env,
      onStartupHooksRunning: (running) => this.#startWatch.noteHooks(running),
      spawnClaudeCodeProcess: ({ command, args, cwd: directory, env }) => {
        const launch = withKeysApart({ command, args, env });
        this.#mark = markSession(sessionId);
        const options = { cwd: directory, env: launch.env, mark: this.#mark };
        this.#process = spawnAgent(launch.command, launch.args, options);
        this.#process.once('exit', tellOfProcess(this.#process.pid, this.#spec.chatId, this.#logger));
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
    this.#isOver = true;
    const failure = this.#watch.failure ?? this.#failure('The agent process ended', cause);
    this.#watch.close();
    this.#mcp.close();
    // Whoever asked for the end gets an interrupted turn; nobody asked: a failed one, with its cause.
    const end =
      this.#interrupting && !this.#watch.failure
        ? endWithoutResult('interrupted')
        : endWithoutResult('failed', failure);
    this.#permissions.withdrawAll();
    // What it used is counted from the transcript, which a process that dies leaves in its file.
    if (this.#turn) await this.#repair();
    for (const turn of new Set([this.#turn, this.#waiting])) {
      if (turn) this.#finish(turn, { ...end, uncounted: { except: this.#counted } });
    }
    if (this.#closing) return;
    clearTimeout(this.#nextRepair);
    await this.#endProcess();
    this.#onEnded();
    this.#spec.onLost(failure);
  }

  #take(message: SDKMessage): void {
    this.#watch.hear();
    if (isSign(message)) this.#spec.onSign?.();
    if (isInit(message)) this.#mcp.noteInit((message as { mcp_servers?: unknown }).mcp_servers);
    this.#incoming.noteFrame(message);
    const named = namedBy(message);
    if (this.#waiting?.id && named.includes(this.#waiting.id)) this.#beginWaiting();
    else if (isInit(message) && named.length === 0) this.#beginUnprompted();
    if (this.#turn === this.#untold && isWork(message)) this.#tellTurn();
    this.#noteRequest(message);
    if (message.type === 'result' && this.#isOfAnother(named)) return this.#endOther();
    const { events, state, unmapped, mirrorFailed } = mapSdkMessage(message, this.#state);
    this.#state = state;
    if (unmapped !== undefined) this.#countUnmapped(unmapped);
    if (mirrorFailed) this.#dirty = true;
    for (const event of events) this.#route(event);
    if (message.type === 'result') this.#changes.noteResult();
    this.#tellIncoming();
    if (this.#interrupting) void this.#sendInterrupt();
  }

  #noteRequest(message: SDKMessage): void {
    if (message.type === 'assistant') this.#requests.add(message.message.id);
    if (message.type !== 'result') return;
    for (const id of this.#requests) this.#counted.add(id);
    this.#requests.clear();
  }

  /** The result of something else than the turn that is told now. */
  #isOfAnother(named: readonly unknown[]): boolean {
    if (!this.#turn?.id) return false;
    return this.#turn === this.#waiting || (named.length > 0 && !named.includes(this.#turn.id));
  }

  /** It must not end this turn. Its cost stays in the running totals, and is counted with the next result. */
  #endOther(): void {
    if (this.#turn !== this.#waiting) return;
    this.#state = { ...this.#state, turn: newTurn };
    if (this.#turn) this.#turn.isInterrupted = false;
    this.#turn = undefined;
  }

  #beginWaiting(): void {
    // A turn of the agent's own goes on as this one.
    if (this.#turn && this.#turn !== this.#waiting) this.#finish(this.#turn, endWithoutResult('completed'));
    this.#turn = this.#waiting;
    this.#waiting = undefined;
    this.#incoming.noteBegun();
    this.#permissions.askAgain();
  }

  #beginUnprompted(isForDecisions = false): ClaudeTurn {
    if (this.#turn) {
      this.#turn.isForDecisions &&= isForDecisions;
      return this.#turn;
    }
    // The prompt that waits has begun a turn in the log: what the agent does before it is told there, in this order.
    if (this.#waiting) return (this.#turn = this.#waiting);
    this.#turn = this.#untold = createTurn(null, isForDecisions);
    this.#watch.start();
    return this.#turn;
  }

  #tellTurn(): void {
    const turn = this.#untold;
    this.#untold = undefined;
    if (turn) this.#spec.onUnprompted(turn.out.iterable);
  }

  /** In the turn that runs; without one they wait for the one that they begin. */
  #tellIncoming(): void {
    if (!this.#turn) return;
    for (const message of this.#incoming.take()) {
      this.#tellTurn();
      this.#turn.out.push(message);
    }
  }

  #routeIf(event: AgentEvent | undefined): void {
    if (event) this.#route(event);
  }

  #route(event: AgentEvent): void {
    if (event.type === 'background_tasks') this.#backgroundTasks = event.tasks.length;
    if (!this.#turn && isPreview(event)) return;
    if ((!this.#turn || this.#turn === this.#untold) && isBetweenTurns(event)) {
      this.#spec.onEvent(event);
    } else if (event.type === 'turn_finished') {
      // Without an `init` before it: the program refused the prompt.
      if (!this.#turn && this.#waiting) this.#beginWaiting();
      const turn = this.#turn ?? this.#beginUnprompted();
      // With an end alone it was none.
      if (event.outcome !== 'completed' || event.costUsd > 0) this.#tellTurn();
      this.#finish(turn, event);
      // What a sub-agent in the background still waits for is asked anew, in a turn of its own.
      if (!this.#waiting) this.#permissions.askAgain();
    } else {
      const turn = this.#turn ?? this.#beginUnprompted(event.type === 'decision_requested');
      this.#tellTurn();
      turn.out.push(event);
    }
    if (event.type === 'tool_call') this.#permissions.noteCall(event.toolCallId);
  }

  #finish(turn: ClaudeTurn, end: AgentEvent): void {
    if (this.#turn === turn) this.#turn = undefined;
    if (this.#waiting === turn) this.#waiting = undefined;
    if (this.#untold === turn) this.#untold = undefined;
    turn.out.push(end);
    turn.out.close();
    turn.end();
    if (!this.#turn && !this.#waiting) {
      clearTimeout(this.#interrupting);
      this.#interrupting = undefined;
      this.#watch.stop();
    }
    this.#permissions.forgetCalls();
    if (this.#dirty) void this.#repair();
  }

  /** No frame says why a hook has kept the turn from going on. */
  #noteHookStop(entries: readonly SessionStoreEntry[]): void {
    const reason = entries.map(readHookStop).findLast((words) => words !== undefined);
    if (reason !== undefined) this.#state = withHookStop(this.#state, { isRefusal: false, reason });
  }

  async #storeEntries(store: () => Promise<void>): Promise<void> {
    this.#storingEntries += 1;
    try {
      await this.#storing(store);
    } finally {
      this.#storingEntries -= 1;
    }
  }

  /** Stores what the mirror lost, from the program's own file. */
  async #repair(): Promise<void> {
    clearTimeout(this.#nextRepair);
    try {
      await this.#storing(() => storeSurplus(this.#spec.sessionStore, this.#place()));
      this.#dirty = false;
    } catch (error) {
      this.#logger.warn({ chatId: this.#spec.chatId, err: error }, 'The transcript is not whole in the store yet.');
      if (this.#closing) return;
      this.#nextRepair = setTimeout(() => void this.#repair(), this.#limits.repairMs);
      this.#nextRepair.unref();
    }
  }

  async #endProcess(): Promise<void> {
    const child = this.#process;
    if (!child) return;
    const isGone = (): boolean => child.exitCode !== null || child.signalCode !== null;
    if (!isGone()) await endProcess(child, { graceMs: this.#limits.closeMs.term });
    this.#left ??= this.#endLeft();
    await this.#left;
  }

  async #endLeft(): Promise<void> {
    if (!this.#mark) return;
    for (const notice of endedProcesses(await endSession(this.#mark))) this.#spec.onEvent(notice);
  }

  #failure(what: string, cause: unknown): BooError {
    const said = plainWords(this.#stderr.text, this.#stderr);
    const reason = cause instanceof Error ? cause.message : '';
    return new BooError('agent_failed', [`${what}.`, said || reason].filter(Boolean).join(' '), { cause });
  }
}

/** Outside the SDK's types: what is in force. */
async function programSettingsOf(query: Query | undefined): Promise<unknown> {
  const asked = query as (Query & { getSettings?(): Promise<unknown> }) | undefined;
  return asked?.getSettings?.();
}
