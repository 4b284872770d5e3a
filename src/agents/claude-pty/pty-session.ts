/**
 * One session of the real `claude` program in a terminal. What is typed for the chat goes in as keys; what the agent says
 * and does comes from the transcript that the program writes, and whether it works or waits from its status file. The
 * screen is for people alone.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Settings } from '@anthropic-ai/claude-agent-sdk';
import type { Log } from '../../lib/log.ts';
import type { Effort, PermissionMode } from '../../protocol/chat.ts';
import { tellOfProcess } from '../agent-process.ts';
import { BooError } from '../../protocol/error.ts';
import type { AgentBody } from '../../protocol/event.ts';
import { endedProcesses } from '../ended-processes.ts';
import type {
  AgentEvent,
  AgentPrompt,
  AgentSession,
  AgentSessionSpec,
  AnswerCheck,
  DecisionAnswer,
} from '../agent-backend.ts';
import { baselineOf } from '../claude/mapping/model-costs.ts';
import type { ClaudeTurn } from '../claude/claude-turn.ts';
import { readDirectoryContent } from '../claude/files/directory-content.ts';
import { CurrentDirectory } from '../claude/current-directory.ts';
import { modelToStart } from '../claude/default-model.ts';
import { heldProvider, providerEnv } from '../claude/held-provider.ts';
import { McpServers } from '../claude/mcp-servers.ts';
import { programSettings } from '../claude/program-settings.ts';
import { assertDirectory } from '../claude/files/working-directory.ts';
import {
  configDirOf,
  projectDirectory,
  reconcileTranscript,
  type TranscriptPlace,
} from '../claude/files/transcript-file.ts';
import { ProcessWatch, type WatchLimits } from '../process-watch.ts';
import { StartWatch } from '../start-watch.ts';
import { prepareConfigDir } from './config-dir.ts';
import type { CostReceiver } from './cost-receiver.ts';
import { type HookServer, openHookServer } from './hook-server.ts';
import type { ProgramStatus } from './program-status.ts';
import { type PtyProgram, startProgram } from './pty-program.ts';
import { lateLinesMs, missingLineMs, PtyTurns } from './pty-turns.ts';
import { SessionCosts } from './session-costs.ts';
import type { Passthrough } from '../../terminal/passable.ts';
import { TerminalHub } from '../../terminal/terminal-hub.ts';
import { EarlyKeys } from './early-keys.ts';
import { SilentDialog } from './silent-dialog.ts';
import { formHooks, isFormCall, noticeOf } from './terminal-forms.ts';
import { TerminalQuestions } from './terminal-questions.ts';
import { followTranscript, type TranscriptFollower } from './transcript-follower.ts';
import { TranscriptMirror } from './transcript-mirror.ts';
import { TypedChanges } from './typed-changes.ts';
import { Typist } from './typist.ts';
import { within } from '../../lib/within.ts';

export interface SessionLimits extends WatchLimits {
  /** A program that does not take input by then has perhaps a screen of its own open: its session is open all the same. */
  readyMs: number;
  /** A program that has drawn nothing by then is ended; 0 never. */
  startMs: number;
  /** An interrupt that has not ended the turn by then ends the program. */
  interruptMs: number;
  /** How long a session that is closed may take to end its turn, and then to leave. */
  closeMs: { turn: number; exit: number };
  /** After a prompt was typed: when Enter is pressed once more, and when it is given up. */
  takenMs: { again: number; failed: number };
  /** Between two attempts to store what could not be stored. */
  repairMs: number;
  /** A question's dialog takes no key of viewers before it has been on the screen for so long. */
  unseenMs: number;
}

export const defaultLimits: SessionLimits = {
  readyMs: 5_000,
  startMs: 60_000,
  interruptMs: 8_000,
  closeMs: { turn: 2_000, exit: 3_000 },
  takenMs: { again: 4_000, failed: 12_000 },
  repairMs: 10_000,
  // As long as browsers wait with their permission prompts.
  unseenMs: 500,
  silenceMs: 30_000,
  answerMs: 60_000,
};

/** As by two Ctrl-D, or `/exit`. */
const wasLeft = 'The program was left. It starts again with the next prompt, or when its terminal is opened.';

export interface PtySessionParts {
  spec: AgentSessionSpec;
  /** The `claude` program. */
  program: string;
  env: Readonly<Record<string, string>>;
  /** The server's own files, from which agents are kept; null where there are none. */
  dataDir: string | null;
  logger: Log;
  passthrough: readonly Passthrough[];
  limits: SessionLimits;
  costs: CostReceiver;
  countUnmapped(name: string): void;
  /** The session is closed, or lost: no process of it is left. */
  onEnded(): void;
}

export class PtySession implements AgentSession {
  readonly #parts: PtySessionParts;
  readonly #spec: AgentSessionSpec;
  readonly #logger: Log;
  readonly #limits: SessionLimits;
  readonly #configDir: string;
  readonly terminal: TerminalHub;
  readonly #mirror: TranscriptMirror;
  readonly #questions: TerminalQuestions;
  readonly #silentDialog: SilentDialog;
  readonly #mcpServers = new McpServers({
    tell: (event) => this.#turns.tell(event),
    onChanged: (servers) => this.#spec.onMcpServers?.(servers),
  });
  /** While a turn runs. A program that works draws: its spinner, twice a second and more. */
  readonly #watch: ProcessWatch;
  /** Until the program has drawn something. */
  readonly #startWatch: StartWatch;
  readonly #earlyKeys: EarlyKeys;
  readonly #directory: CurrentDirectory;
  #turns!: PtyTurns;
  #typist!: Typist;
  #program: PtyProgram | undefined;
  #hooks: HookServer | undefined;
  #costs: ReturnType<CostReceiver['register']> | undefined;
  #follower: TranscriptFollower | undefined;
  /** The session the program is in: its own choice after `/clear` or `/resume`. */
  #sessionId: string;
  #isKnown = false;
  /** Whether the directory's settings are loaded, at the next start of the program. */
  #isTrusted = false;
  /** What the directory does not get to say. */
  #held: Settings = {};
  #model: string | null;
  #effort: Effort | null;
  #permissionMode: PermissionMode;
  #acceptsAgentMessages: boolean;
  #interrupting: NodeJS.Timeout | undefined;
  #restarting: Promise<void> | undefined;
  /** A setting changed that the program takes at its start only. */
  #isStale = false;
  #opening: Promise<void> = Promise.resolve();
  #isOpen = false;
  #statusChanges = 0;
  #closing: Promise<void> | undefined;
  /** Closed, or lost. */
  #isOver = false;

  constructor(parts: PtySessionParts) {
    this.#parts = parts;
    this.#spec = parts.spec;
    this.#logger = parts.logger;
    this.#limits = parts.limits;
    this.#configDir = configDirOf(parts.env);
    this.#sessionId = parts.spec.sessionId;
    this.#directory = new CurrentDirectory(parts.spec);
    this.#model = parts.spec.model;
    this.#effort = parts.spec.effort;
    this.#permissionMode = parts.spec.permissionMode;
    this.#acceptsAgentMessages = parts.spec.acceptsAgentMessages;
    this.terminal = new TerminalHub({
      takesKeys: () => !this.#earlyKeys.isEarly,
      // An editor knows what to make of it.
      takesSuspendKey: () => this.#program?.lendsTerminal === true,
      onInput: () => this.#typist.noteKeys(),
      passthrough: parts.passthrough,
    });
    this.#mirror = new TranscriptMirror({
      store: parts.spec.sessionStore,
      logger: parts.logger,
      chatId: parts.spec.chatId,
      place: () => this.#place(),
      repairMs: parts.limits.repairMs,
    });
    this.#questions = new TerminalQuestions({
      emit: (event) => this.#turns.tell(event),
      openCalls: () => this.#turns.openCalls,
      isInterrupting: () => this.#interrupting !== undefined,
      lateLines: () => this.#lateLines(),
    });
    this.#earlyKeys = new EarlyKeys(this.#limits.unseenMs);
    this.#watch = new ProcessWatch({
      ...parts,
      chatId: parts.spec.chatId,
      ask: () => this.#program?.askToDraw(),
      // Its dialog stands still until somebody answers what was asked here, and an editor draws as it likes.
      isExcused: () => this.#questions.count > 0 || this.#program?.lendsTerminal !== false,
      end: async () => {
        await this.#program?.end(0);
      },
    });
    this.#startWatch = new StartWatch({
      ...parts,
      startMs: parts.limits.startMs,
      chatId: parts.spec.chatId,
      end: async () => {
        await this.#program?.end(0);
      },
    });
    this.#silentDialog = new SilentDialog({
      isKnown: () => this.#questions.count > 0 || this.terminal.viewerCount > 0 || !this.#turns.current,
      tell: (event) => this.#turns.tell(event),
    });
  }

  get isBusy(): boolean {
    if (this.#isOver) return false;
    return (
      this.#turns.current !== undefined ||
      this.#turns.hasBackgroundTasks ||
      this.#program?.status.state === 'busy' ||
      this.#mirror.isDirty ||
      this.terminal.viewerCount > 0
    );
  }

  open(): Promise<void> {
    this.#opening = this.#open();
    return this.#opening;
  }

  async #open(): Promise<void> {
    const { cwd, sessionStore } = this.#spec;
    await assertDirectory(cwd);
    const transcript = await reconcileTranscript(sessionStore, this.#place());
    this.#isKnown = transcript !== null;
    const baseline = baselineOf(transcript?.costState);
    if (this.#isKnown) await this.#spec.onResumed?.(baseline.models);
    const costs = new SessionCosts(baseline);
    this.#turns = new PtyTurns({
      sessionId: this.#sessionId,
      model: this.#model,
      permissionMode: this.#permissionMode,
      costs,
      changes: new TypedChanges(transcript?.title),
      directory: this.#directory,
      onChanged: (event) => this.#noteChange(event),
      parentOf: (subpath) => this.#parentOf(subpath),
      onUnprompted: (events) => this.#spec.onUnprompted(events),
      onEvent: (event) => this.#spec.onEvent(event),
      onTurn: () => this.#watch.start(),
      onMcpServers: (servers) => this.#mcpServers.merge(servers),
      onToolCall: (id) => this.#questions.onToolCall(id),
      onToolResult: (id, denied) => this.#questions.onToolResult(id, denied),
      onRefused: () => this.#typist.noteKeys(),
      onRest: () => this.#onRest(),
      countUnmapped: (name) => this.#parts.countUnmapped(name),
    });
    this.#typist = new Typist({
      terminal: this.terminal,
      turns: this.#turns,
      program: () => this.#program,
      isClosing: () => this.#closing !== undefined,
      takenMs: this.#limits.takenMs,
      settle: () => this.#settle(),
      onNotTaken: () => this.#watch.check(),
      restarted: () => this.#restarting,
    });
    this.#isTrusted = this.#spec.trusted;
    this.#held = await heldProvider(this.#spec, this.#parts.env);
    await prepareConfigDir(this.#parts.env, this.#permissionMode);
    this.#assertWanted();
    this.#costs = this.#parts.costs.register((cost) => costs.add(cost));
    try {
      this.#hooks = await openHookServer((call) => {
        const told = noticeOf(call);
        if (told) this.#turns.tell(told);
        if (told) return call.answer(null);
        if (!isFormCall(call)) this.#earlyKeys.noteQuestion();
        this.#questions.take(call).catch((error: unknown) => this.#warn(error, 'A question of the program was lost.'));
      });
      this.#assertWanted();
      const directory = await projectDirectory(this.#place());
      this.#follower = followTranscript({
        directory,
        relocatedTo: transcript?.relocatedTo ?? [],
        sessionId: this.#sessionId,
        from: this.#isKnown ? 'end' : 'start',
        onLines: (lines) => {
          this.#mirror.add(lines);
          this.#turns.take(lines).catch((error: unknown) => this.#warn(error, 'A line of the transcript was lost.'));
        },
        onProblem: (problem) => this.#warn(problem, 'The transcript could not be read as it should.'),
      });
      this.#assertWanted();
      await this.#start(transcript?.worktree);
      await this.#started();
      this.#isOpen = true;
    } catch (error) {
      await this.#release();
      this.#assertWanted();
      throw error;
    }
  }

  #assertWanted(): void {
    if (this.#closing) throw new BooError('agent_failed', 'The session was closed while it opened.');
  }

  #place(): TranscriptPlace {
    return { configDir: this.#configDir, cwd: this.#spec.cwd, sessionId: this.#sessionId };
  }

  async #start(worktree?: string | null): Promise<void> {
    const { dataDir } = this.#parts;
    const model = await modelToStart(
      { ...this.#spec, trusted: this.#isTrusted, model: this.#model, isKnown: this.#isKnown },
      this.#parts.env,
    );
    const moved = await this.#directory.begin(worktree);
    this.#assertWanted();
    if (moved) this.#turns.tell(moved);
    const kept = dataDir === null ? null : { dataDir, configDir: this.#configDir };
    const trusted = this.#isTrusted;
    const settings = programSettings(
      { ...this.#spec, trusted, acceptsAgentMessages: this.#acceptsAgentMessages },
      'claude_pty',
      kept,
    );
    const program: PtyProgram = startProgram({
      program: this.#parts.program,
      cwd: this.#spec.cwd,
      env: { ...providerEnv(this.#parts.env), ...this.#costs?.env },
      configDir: this.#configDir,
      size: this.terminal.size,
      sessionId: this.#sessionId,
      isKnown: this.#isKnown,
      model,
      effort: this.#effort,
      permissionMode: this.#permissionMode,
      trusted,
      settings: {
        ...settings,
        ...this.#held,
        // Whoever chose the mode for the chat has answered this. What `prepareConfigDir` writes down is read only at the
        // first start of a config directory.
        ...(this.#permissionMode === 'bypassPermissions' ? { skipDangerousModePermissionPrompt: true } : {}),
        hooks: {
          ...settings.hooks,
          PermissionRequest: [{ matcher: '', hooks: [this.#hooks!.command] }],
          ...formHooks(this.#hooks!.command),
        },
      },
      onStatus: (status, before) => this.#onStatus(status, before),
      onTakesKeys: () => this.#typist.look(),
      onOutput: () => {
        this.#startWatch.close();
        this.#watch.hear();
        this.#typist.noteOutput();
      },
    });
    this.#program = program;
    this.#startWatch.begin();
    this.#typist.forgetKeys();
    this.#isStale = false;
    this.terminal.connect(program.pty);
    const tellEnd = tellOfProcess(program.pty.pid, this.#spec.chatId, this.#logger);
    void program.exited.then(({ exitCode, signal }) => {
      if (this.#program === program) this.#startWatch.close();
      tellEnd(exitCode, signal);
    });
    void program.exited.then(() => this.#onExit(program));
  }

  /** Resolves when the program takes input, or shows a screen of its own that somebody has to see to. */
  async #started(): Promise<void> {
    const program = this.#program!;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, this.#limits.readyMs)));
    const ended = program.exited.then((): never => {
      this.#assertWanted();
      if (this.#startWatch.failure) throw this.#startWatch.failure;
      const model = this.#model === null ? '' : ` with the model ${this.#model}`;
      throw new BooError(
        'agent_failed',
        `The program did not start in ${this.#spec.cwd}${model}. ${program.lastWords()}`,
      );
    });
    ended.catch(() => undefined);
    try {
      await Promise.race([this.#typist.ready(), late, ended]);
    } finally {
      clearTimeout(timer);
    }
  }

  async *prompt(prompt: AgentPrompt): AsyncGenerator<AgentEvent> {
    if (this.#isOver || this.#closing)
      throw new BooError('agent_failed', 'The agent process has ended. Send the prompt again.');
    yield* this.#typist.prompt(prompt);
  }

  keptRules(decisionId: string): readonly string[] {
    return this.#questions.keptRules(decisionId);
  }

  checkAnswer(decisionId: string, answer: DecisionAnswer): Promise<AnswerCheck> {
    return this.#questions.check(decisionId, answer);
  }

  resolve(decisionId: string, answer: DecisionAnswer): boolean {
    const isResolved = this.#questions.resolve(decisionId, answer);
    if (isResolved && this.#questions.count === 0) this.#turns.endDecisions('completed');
    // Some dialogs are closed by nobody but a person at the terminal.
    if (isResolved) this.#silentDialog.note(this.#program?.status);
    return isResolved;
  }

  interrupt(): Promise<void> {
    this.#interrupt();
    return Promise.resolve();
  }

  #interrupt(): void {
    this.#typist.noteInterrupt();
    const turn = this.#turns.current;
    if (!turn || this.#interrupting) return;
    if (turn.isForDecisions) {
      this.#questions.withdrawAll();
      this.#turns.endDecisions('interrupted');
      return;
    }
    this.#interrupting = setTimeout(() => {
      this.#logger.warn({ chatId: this.#spec.chatId }, 'The program did not stop in time and is ended.');
      void this.#program?.end(0);
    }, this.#limits.interruptMs);
    this.#turns.noteInterrupt();
    this.#questions.withdrawAll();
    this.#typist.stop(turn);
  }

  async setModel(model: string | null): Promise<void> {
    if (model === this.#model) return;
    this.#model = model;
    await this.#renew();
  }

  async setEffort(effort: Effort | null): Promise<boolean> {
    if (effort === this.#effort) return true;
    this.#effort = effort;
    await this.#renew();
    return true;
  }

  async setPermissionMode(mode: PermissionMode): Promise<PermissionMode> {
    if (mode === this.#permissionMode) return mode;
    if (this.#turns.current && this.#turns.current.id !== null) {
      throw new BooError('chat_busy', 'The terminal program changes its permission mode between turns only.');
    }
    this.#permissionMode = mode;
    await this.#renew();
    return mode;
  }

  async setAcceptsAgentMessages(accepts: boolean): Promise<void> {
    if (accepts === this.#acceptsAgentMessages) return;
    this.#acceptsAgentMessages = accepts;
    await this.#renew();
  }

  /** A person has changed it in the program, which would be undone by the next start. */
  #noteChange(event: AgentBody): void {
    if (event.type === 'current_model_update') this.#model = event.model;
    if (event.type === 'current_effort_update') this.#effort = event.effort;
    if (event.type === 'current_mode_update') this.#permissionMode = event.permissionMode;
  }

  /** Starts the program anew, with what it takes at its start only; in the middle of a turn, after it. */
  async #renew(): Promise<void> {
    this.#isStale = true;
    if (this.#turns.current) return;
    this.#restarting ??= this.#restart().finally(() => (this.#restarting = undefined));
    await this.#restarting;
  }

  async #restart(): Promise<void> {
    const old = this.#program;
    this.#program = undefined;
    const left = await old?.end(this.#limits.closeMs.exit);
    await this.#settle();
    if (left) for (const notice of endedProcesses(left)) this.#spec.onEvent(notice);
    if (this.#closing) return;
    this.#turns.forgetTasks();
    this.#isKnown ||= this.#turns.hasBegun;
    this.#isTrusted &&= await this.#isDirectoryAsTrusted();
    await prepareConfigDir(this.#parts.env, this.#permissionMode);
    await this.#start();
    await this.#started();
  }

  /** What has changed in the directory since the session was opened is not taken up by a program that starts anew. */
  async #isDirectoryAsTrusted(): Promise<boolean> {
    const { directory, cwd } = this.#spec;
    if (!directory || directory.isCurrent()) return true;
    const present = await readDirectoryContent(cwd, this.#configDir).catch(() => null);
    return present?.digest === directory.digest;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close().finally(() => this.#end());
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (!this.#follower) {
      // Still opening: it sees to its own end.
      await this.#opening.catch(() => undefined);
      return this.#release();
    }
    this.#typist.look();
    const running = this.#turns.current;
    if (running) {
      this.#interrupt();
      await within(this.#limits.closeMs.turn, running.ended);
    }
    await this.#restarting?.catch(() => undefined);
    await this.#release();
  }

  /** Ends all that the session holds. What the program said last is told, stored and counted before this resolves. */
  async #release(reason = 'The session was closed.'): Promise<void> {
    this.#watch.close();
    clearTimeout(this.#interrupting);
    this.#silentDialog.note();
    const left = await this.#program?.end(this.#limits.closeMs.exit);
    this.#program = undefined;
    await this.#settle();
    await this.#mirror.stored();
    await this.#turns?.end('interrupted');
    if (left) for (const notice of endedProcesses(left)) this.#spec.onEvent(notice);
    this.#questions.withdrawAll();
    await this.#follower?.close();
    await this.#mirror.close();
    await this.#tellRest(this.#turns?.remainder());
    this.#costs?.forget();
    await this.#hooks?.close();
    this.terminal.end(reason);
  }

  async #tellRest(rest: Parameters<AgentSessionSpec['onCost']>[0] | undefined): Promise<void> {
    if (rest && Object.keys(rest.models).length > 0) await this.#spec.onCost(rest);
  }

  /** Resolves when everything that stands in the files was told. */
  async #settle(): Promise<void> {
    await this.#follower?.catchUp();
    await this.#turns?.settled();
  }

  #onStatus(status: ProgramStatus, before: ProgramStatus): void {
    this.#statusChanges += 1;
    this.#silentDialog.note(status);
    this.#earlyKeys.noteStatus(status);
    this.#typist.look();
    if (status.sessionId !== null && status.sessionId !== this.#sessionId) this.#switchTo(status.sessionId);
    const turn = this.#turns.current;
    if (status.state === 'idle' && turn) this.#finishLater(turn);
    if (before.state === 'waiting' && status.state === 'busy') {
      this.#afterLateLines(() => {
        if (this.#program?.status.state === 'busy') this.#questions.onDialogClosed();
      });
    }
  }

  /** The program is idle: its turn is over once its last lines have come. Most turns end by such a line. */
  #finishLater(turn: ClaudeTurn): void {
    const rest = this.#statusChanges;
    // A short turn may have come and gone since: its own rest is another one, and its lines are later.
    const isOver = (): boolean => this.#statusChanges !== rest || !this.#turns.isTaken || this.#turns.current !== turn;
    this.#afterLateLines(() => {
      if (isOver()) return;
      if (this.#turns.endsWithoutLine) return void this.#turns.rest(turn);
      setTimeout(() => {
        if (!isOver()) void this.#turns.rest(turn);
      }, missingLineMs).unref();
    });
  }

  #afterLateLines(task: () => void): void {
    this.#lateLines()
      .then(task)
      .catch((error: unknown) => this.#warn(error, 'The transcript could not be read.'));
  }

  /** Resolves when the lines that the program still had to write were told. */
  async #lateLines(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, lateLinesMs).unref());
    await this.#settle();
  }

  #switchTo(sessionId: string): void {
    this.#sessionId = sessionId;
    this.#isKnown = true;
    (async () => {
      await this.#follower?.switchTo(sessionId, 'start');
      await this.#tellRest(await this.#turns.switchTo(sessionId));
    })().catch((error: unknown) => this.#warn(error, 'The program’s new session could not be followed.'));
  }

  #onRest(): void {
    clearTimeout(this.#interrupting);
    this.#interrupting = undefined;
    this.#questions.onTurnEnd();
    const waiting = this.#turns.current;
    if (!waiting) this.#watch.stop();
    // What ran was somebody else's, and the program rests: the prompt that was typed beside it may never come.
    else if (this.#program?.status.state === 'idle') this.#finishLater(waiting);
    this.#typist.look();
    if (this.#isStale && !this.#closing) {
      this.#renew().catch((error: unknown) => this.#warn(error, 'The program could not be started anew.'));
    }
  }

  async #onExit(program: PtyProgram): Promise<void> {
    if (this.#program !== program || this.#closing || !this.#isOpen) return;
    const { exitCode, signal } = await program.exited;
    const how = signal === null ? `with code ${exitCode}` : `by signal ${signal}`;
    const words = exitCode === 0 ? '' : program.lastWords();
    const unheard = this.#watch.failure ?? this.#startWatch.failure;
    const cause = unheard ?? new BooError('agent_failed', `The terminal program ended ${how}. ${words}`.trim());
    const wasInterrupted = this.#interrupting !== undefined && !unheard;
    await program.end(0);
    await this.#settle();
    await this.#mirror.stored();
    await this.#turns.end(wasInterrupted ? 'interrupted' : 'failed', cause);
    this.#typist.look();
    if (this.#closing) return;
    this.#closing = this.#release(exitCode === 0 ? wasLeft : cause.message);
    await this.#closing;
    this.#end();
    this.#spec.onLost(cause);
  }

  #end(): void {
    this.#isOver = true;
    this.#parts.onEnded();
  }

  /** The call that a sub-agent works for: the program notes it beside the sub-agent's transcript. */
  #parentOf(subpath: string): string | undefined {
    for (const directory of this.#follower?.directories ?? []) {
      try {
        const file = join(directory, this.#sessionId, `${subpath}.meta.json`);
        const { toolUseId } = JSON.parse(readFileSync(file, 'utf8')) as { toolUseId?: unknown };
        if (typeof toolUseId === 'string') return toolUseId;
      } catch {
        // Not written there, or not yet: the sub-agent is then known by its own name.
      }
    }
    return undefined;
  }

  #warn(error: unknown, message: string): void {
    this.#logger.warn({ chatId: this.#spec.chatId, err: error }, message);
  }
}
