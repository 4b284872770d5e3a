/** The program of a session, one run after another: how it is started, what state it is in, and how it is ended. */
import type { Settings } from '@anthropic-ai/claude-agent-sdk';
import type { Log } from '../../lib/log.ts';
import { BooError } from '../../protocol/error.ts';
import type { TerminalHub } from '../../terminal/terminal-hub.ts';
import type { AgentSessionSpec } from '../agent-backend.ts';
import { type LeftBehind, tellOfProcess } from '../agent-process.ts';
import type { CurrentDirectory } from '../claude/current-directory.ts';
import { modelToStart } from '../claude/default-model.ts';
import { readDirectoryContent } from '../claude/files/directory-content.ts';
import { heldProvider, providerEnv } from '../claude/held-provider.ts';
import { programSettings } from '../claude/program-settings.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { StartWatch } from '../start-watch.ts';
import { prepareConfigDir } from './config-dir.ts';
import type { ProgramCallbacks } from './program-callbacks.ts';
import type { ProgramStatus } from './program-status.ts';
import { type PtyProgram, startProgram } from './pty-program.ts';
import type { PtyTurns } from './pty-turns.ts';
import type { SessionLife } from '../claude/session-life.ts';
import type { SessionTranscript } from './session-transcript.ts';
import type { ChosenSettings, StartSettings } from './start-settings.ts';

export interface SessionProgramParts {
  spec: AgentSessionSpec;
  /** The `claude` program. */
  program: string;
  env: Readonly<Record<string, string>>;
  configDir: string;
  /** The server's own files, which agents are kept out of; null if there are none. */
  dataDir: string | null;
  sandbox?: Sandbox | undefined;
  logger: Log;
  limits: { readyMs: number; startMs: number; interruptMs: number };
  life: SessionLife;
  settings: StartSettings;
  transcript: SessionTranscript;
  directory: CurrentDirectory;
  turns: PtyTurns;
  callbacks: ProgramCallbacks;
  terminal: TerminalHub;
  /** Resolves when keys would go into its input line. */
  readonly ready: () => Promise<void>;
  onStart(): void;
  onStatus(status: ProgramStatus, before: ProgramStatus): void;
  onTakesKeys(): void;
  /** It has drawn something. */
  onOutput(): void;
  /** It has ended, and no other one is to replace it. */
  onExit(program: PtyProgram): void;
}

export class SessionProgram {
  readonly #parts: SessionProgramParts;
  /** Until the program has drawn something. */
  readonly #startWatch: StartWatch;
  #run: PtyProgram | undefined;
  /** Whether the next start loads the directory's settings. */
  #isTrusted: boolean;
  /** Settings that the directory must not override. */
  #held: Settings = {};
  #deadline: NodeJS.Timeout | undefined;

  constructor(parts: SessionProgramParts) {
    this.#parts = parts;
    this.#isTrusted = parts.spec.trusted;
    this.#startWatch = new StartWatch({
      startMs: parts.limits.startMs,
      chatId: parts.spec.chatId,
      logger: parts.logger,
      end: () => this.kill(),
    });
  }

  /** Undefined while there is no program. */
  get status(): ProgramStatus | undefined {
    return this.#run?.status;
  }

  /** Keys would go into its input line. */
  get takesInput(): boolean {
    return this.#run !== undefined && this.#run.takesKeys && ['idle', 'busy'].includes(this.#run.status.state);
  }

  /** An editor or the like has the terminal. Undefined while there is no program. */
  get lendsTerminal(): boolean | undefined {
    return this.#run?.lendsTerminal;
  }

  /** Why its start was given up, once it was. */
  get startFailure(): BooError | undefined {
    return this.#startWatch.failure;
  }

  refresh(): void {
    this.#run?.refresh();
  }

  askToDraw(): void {
    this.#run?.askToDraw();
  }

  /** Call it before the first start. */
  async prepare(): Promise<void> {
    const { spec, env, settings } = this.#parts;
    this.#held = await heldProvider(spec, env);
    await prepareConfigDir(env, settings.chosen.permissionMode);
  }

  /**
   * Starts it with the settings chosen at this moment. Resolves when it takes input, or shows a screen of its own that
   * a person has to deal with. `worktree`: the one its transcript leaves it in.
   */
  async start(worktree?: string | null): Promise<void> {
    const { spec, env, settings, transcript, directory, life, turns } = this.#parts;
    const { chosen } = settings;
    const model = await modelToStart(
      { ...spec, trusted: this.#isTrusted, model: chosen.model, isKnown: transcript.isKnown },
      env,
    );
    const moved = await directory.begin(worktree);
    life.assertWanted();
    if (moved) turns.tell(moved);
    const program = this.#spawn({ ...chosen, model });
    settings.noteStart(chosen);
    await this.#started(program, chosen.model);
  }

  #spawn(chosen: ChosenSettings): PtyProgram {
    const { spec, env, configDir, dataDir, transcript, callbacks, terminal } = this.#parts;
    const { permissionMode } = chosen;
    const trusted = this.#isTrusted;
    const kept = dataDir === null ? null : { dataDir, configDir };
    const { acceptsAgentMessages } = chosen;
    const settings = programSettings({ ...spec, trusted, acceptsAgentMessages }, 'claude_pty', kept);
    const program: PtyProgram = startProgram({
      program: this.#parts.program,
      cwd: spec.cwd,
      env: { ...providerEnv(env), ...callbacks.env },
      configDir,
      sandbox: this.#parts.sandbox,
      sockets: callbacks.sockets,
      size: terminal.size,
      sessionId: transcript.sessionId,
      isKnown: transcript.isKnown,
      model: chosen.model,
      effort: chosen.effort,
      permissionMode,
      trusted,
      settings: {
        ...settings,
        ...this.#held,
        // Whoever chose the mode for the chat has already answered this. The program reads what `prepareConfigDir` writes
        // only at the first start of a config directory.
        ...(permissionMode === 'bypassPermissions' ? { skipDangerousModePermissionPrompt: true } : {}),
        hooks: { ...settings.hooks, ...callbacks.hooks },
      },
      onStatus: (status, before) => this.#parts.onStatus(status, before),
      onTakesKeys: () => this.#parts.onTakesKeys(),
      onOutput: () => {
        this.#startWatch.close();
        this.#parts.onOutput();
      },
    });
    this.#run = program;
    this.#startWatch.begin();
    this.#parts.onStart();
    terminal.connect(program.pty);
    this.#followExit(program);
    return program;
  }

  #followExit(program: PtyProgram): void {
    const { spec, logger } = this.#parts;
    const tellEnd = tellOfProcess(program.pty.pid, spec.chatId, logger);
    void program.exited.then(({ exitCode, signal }) => {
      if (this.#run === program) this.#startWatch.close();
      tellEnd(exitCode, signal);
    });
    void program.exited.then(() => {
      if (this.#run === program) this.#parts.onExit(program);
    });
  }

  /** Resolves when it takes input, or shows a screen of its own that a person has to deal with. */
  async #started(program: PtyProgram, chosenModel: string | null): Promise<void> {
    const { spec, limits, life, ready } = this.#parts;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, limits.readyMs)));
    const ended = program.exited.then((): never => {
      life.assertWanted();
      if (this.#startWatch.failure) throw this.#startWatch.failure;
      const model = chosenModel === null ? '' : ` with the model ${chosenModel}`;
      throw new BooError('agent_failed', `The program did not start in ${spec.cwd}${model}. ${program.lastWords()}`);
    });
    ended.catch(() => undefined);
    try {
      await Promise.race([ready(), late, ended]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Between two runs: updates what the next one starts with and the chat does not choose. */
  async prepareAgain(): Promise<void> {
    this.#isTrusted &&= await this.#isDirectoryAsTrusted();
    await this.#parts.sandbox?.tidy();
    await prepareConfigDir(this.#parts.env, this.#parts.settings.chosen.permissionMode);
  }

  /** A restarted program must not pick up what changed in the directory since the session was opened. */
  async #isDirectoryAsTrusted(): Promise<boolean> {
    const { directory, cwd } = this.#parts.spec;
    if (!directory || directory.isCurrent()) return true;
    const present = await readDirectoryContent(cwd, this.#parts.configDir).catch(() => null);
    return present?.digest === directory.digest;
  }

  /** Kills it unless the interrupted turn ends in time. */
  killUnlessEnded(turn: { ended: Promise<void> }): void {
    const { limits, spec, logger } = this.#parts;
    const deadline = setTimeout(() => {
      logger.warn({ chatId: spec.chatId }, 'The program did not stop in time and is ended.');
      void this.kill();
    }, limits.interruptMs);
    this.#deadline = deadline;
    void turn.ended.then(() => clearTimeout(deadline));
  }

  /** Ends it at once. `onExit` follows. */
  async kill(): Promise<void> {
    await this.#run?.end(0);
  }

  /** Ends it in order, within `graceMs`. Resolves with what it left behind. */
  async end(graceMs: number): Promise<LeftBehind | undefined> {
    clearTimeout(this.#deadline);
    const run = this.#run;
    const left = await run?.end(graceMs);
    if (this.#run === run) this.#run = undefined;
    return left;
  }

  /** Ends it as `end` does, to be replaced by another one: no `onExit` follows. */
  async makeWay(graceMs: number): Promise<LeftBehind | undefined> {
    const run = this.#run;
    this.#run = undefined;
    return run?.end(graceMs);
  }
}
