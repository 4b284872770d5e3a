/** Puts the parts of a terminal session together. It starts nothing. */
import { join } from 'node:path';
import type { Log } from '../../lib/log.ts';
import type { Passthrough } from '../../terminal/passable.ts';
import { TerminalHub } from '../../terminal/terminal-hub.ts';
import type { AgentSessionSpec } from '../agent-backend.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { CurrentDirectory } from '../claude/current-directory.ts';
import { configDirOf } from '../claude/files/transcript-file.ts';
import { McpServers } from '../claude/mcp-servers.ts';
import { ProcessWatch } from '../process-watch.ts';
import { BackgroundTasks } from './background-tasks.ts';
import type { CostReceiver } from './cost-receiver.ts';
import type { DisplayReceiver } from './display-receiver.ts';
import { DisplayedMessages } from './displayed-messages.ts';
import { EarlyKeys } from './early-keys.ts';
import { InputLine } from './input-line.ts';
import { LateLines } from './late-lines.ts';
import { ProgramCallbacks } from './program-callbacks.ts';
import type { PtyProgram } from './pty-program.ts';
import { PtyTurns } from './pty-turns.ts';
import { SessionCosts } from './session-costs.ts';
import { SessionLife } from '../claude/session-life.ts';
import { SideFiles } from '../claude/side-files.ts';
import { givenByHost, WakeUps } from '../claude/wake-ups.ts';
import type { SessionLimits } from './session-limits.ts';
import { SessionProgram } from './session-program.ts';
import { SessionTranscript } from './session-transcript.ts';
import { SilentDialog } from './silent-dialog.ts';
import { StartSettings } from './start-settings.ts';
import { StatusFollower } from './status-follower.ts';
import { TerminalQuestions } from './terminal-questions.ts';
import { TerminalSpending } from './terminal-spending.ts';
import { TranscriptReader } from './transcript-reader.ts';
import { TurnState } from './turn-state.ts';
import { TypedChanges } from './typed-changes.ts';
import { Typist } from './typist.ts';

export interface PtySessionParts {
  spec: AgentSessionSpec;
  /** The `claude` program. */
  program: string;
  env: Readonly<Record<string, string>>;
  /** The server's own files, which agents are kept out of; null if there are none. */
  dataDir: string | null;
  sandbox?: Sandbox | undefined;
  logger: Log;
  passthrough: readonly Passthrough[];
  limits: SessionLimits;
  costs: CostReceiver;
  display: DisplayReceiver;
  countUnmapped(name: string): void;
  /** The session is closed or lost: none of its processes is left. */
  onEnded(): void;
}

export interface SessionEvents {
  /** No more may be spent. */
  onSpent(): void;
  /** A turn has ended. */
  onTurnEnd(): void;
  /** The program has ended, and no other one is to replace it. */
  onExit(program: PtyProgram): void;
}

export type WiredSession = ReturnType<typeof wireSession>;

export function wireSession(parts: PtySessionParts, events: SessionEvents) {
  const { spec, logger, limits, env } = parts;
  const configDir = configDirOf(env);
  const { chatId } = spec;
  const onProblem = (error: unknown, message: string): void => logger.warn({ chatId, err: error }, message);

  const life = new SessionLife();
  const turn = new TurnState();
  const settings = new StartSettings(spec);
  const tasks = new BackgroundTasks();
  const costs = new SessionCosts();
  const changes = new TypedChanges();
  const wakeUps = new WakeUps(Date.now, (change) => spec.onScheduled?.(change));
  const directory = new CurrentDirectory(spec);
  const earlyKeys = new EarlyKeys(limits.unseenMs);
  const transcript = new SessionTranscript({
    spec,
    configDir,
    logger,
    limits,
    isTaken: () => turn.current?.out.isEmpty ?? true,
    onStoredCall: (id) => questions.onStoredCall(id),
    onProblem,
  });
  const sideFiles = new SideFiles({ spec, logger, place: () => transcript.place });

  const terminal = new TerminalHub({
    takesKeys: () => !earlyKeys.isEarly,
    // An editor knows what to do with it.
    takesSuspendKey: () => program.lendsTerminal === true,
    onInput: () => inputLine.noteKeys(),
    passthrough: parts.passthrough,
  });
  const inputLine = new InputLine(terminal);
  const questions: TerminalQuestions = new TerminalQuestions({
    emit: (event) => turns.tell(event),
    openCalls: () => turns.mapping.openCalls,
    isInterrupting: () => turn.isInterrupting,
    lateLines: () => lines.told(),
  });
  const watch = new ProcessWatch({
    limits,
    chatId,
    logger,
    ask: () => program.askToDraw(),
    // Its dialog does not redraw until someone answers the question here, and an editor draws when it likes.
    isExcused: () => questions.count > 0 || program.lendsTerminal !== false,
    end: () => program.kill(),
  });
  const displayed = new DisplayedMessages((delta) => turns.preview(delta));
  const turns: PtyTurns = new PtyTurns({
    spec,
    turn,
    displayed,
    costs,
    settings,
    questions,
    watch,
    onProgress: () => spending.look(),
    onEnd: () => events.onTurnEnd(),
    countUnmapped: (name) => parts.countUnmapped(name),
  });
  const lines: LateLines = new LateLines({ transcript, turns, onProblem });
  const mcpServers = new McpServers({
    tell: (event) => turns.tell(event),
    onChanged: (servers) => spec.onMcpServers?.(servers),
  });
  const reader = new TranscriptReader({
    turn,
    turns,
    tasks,
    costs,
    changes,
    directory,
    transcript,
    questions,
    mcpServers,
    inputLine,
  });
  const spending: TerminalSpending = new TerminalSpending({
    spec,
    costs,
    turns,
    turn,
    interrupt: () => events.onSpent(),
    onProblem,
  });
  const callbacks = new ProgramCallbacks({
    spending,
    receiver: parts.costs,
    display: parts.display,
    displayed,
    env,
    settingsDirectories: [configDir, join(spec.cwd, '.claude'), '/etc/claude-code'],
    costs,
    turns,
    questions,
    earlyKeys,
    async onPrompt(words) {
      if (turn.expected?.is([{ type: 'text', text: words }])) return undefined;
      return (await spec.isScheduled?.(words)) ? givenByHost : undefined;
    },
    onProblem,
  });
  const program: SessionProgram = new SessionProgram({
    ...parts,
    configDir,
    life,
    settings,
    transcript,
    directory,
    turns,
    callbacks,
    terminal,
    ready: () => typist.ready(),
    onStart: () => inputLine.forgetKeys(),
    onStatus: (status, before) => statusFollower.noteStatus(status, before),
    onTakesKeys: () => typist.look(),
    onOutput: () => {
      watch.hear();
      inputLine.noteOutput();
    },
    onExit: (ended) => events.onExit(ended),
  });
  const { takenMs } = limits;
  const typist: Typist = new Typist({ life, program, turn, turns, lines, inputLine, tasks, watch, takenMs });
  const silentDialog = new SilentDialog({
    isKnown: () => questions.count > 0 || terminal.viewerCount > 0 || !turn.current,
    tell: (event) => turns.tell(event),
  });
  const statusFollower: StatusFollower = new StatusFollower({
    spec,
    program,
    transcript,
    turn,
    turns,
    typist,
    lines,
    questions,
    silentDialog,
    earlyKeys,
    onProblem,
  });
  return {
    life,
    turn,
    turns,
    tasks,
    settings,
    changes,
    directory,
    terminal,
    transcript,
    sideFiles,
    reader,
    lines,
    questions,
    watch,
    callbacks,
    program,
    typist,
    silentDialog,
    statusFollower,
    wakeUps,
    onProblem,
  };
}
