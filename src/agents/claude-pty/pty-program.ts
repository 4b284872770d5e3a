/** One run of the terminal program: its process, its reported state, and how it is ended. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Effort, PermissionMode } from '../../protocol/chat.ts';
import type { TerminalSize } from '../../protocol/terminal.ts';
import { endSession, type LeftBehind, openAgentTerminal } from '../agent-process.ts';
import { markSession } from '../process-marks.ts';
import { programPid, programPidInside, signalSandboxed } from '../sandbox/program-pid.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { OutputTail } from '../../lib/output-tail.ts';
import { plainWords } from '../../lib/plain-words.ts';
import { withKeysApart } from '../claude/apart-keys.ts';
import { lendsTerminal } from './lends-terminal.ts';
import { type ProgramStatus, type StatusWatch, watchStatus } from './program-status.ts';
import type { PseudoTerminal, TerminalExit } from '../../terminal/pseudo-terminal.ts';

export interface ProgramOptions {
  program: string;
  cwd: string;
  env: Record<string, string>;
  configDir: string;
  sandbox?: Sandbox | undefined;
  /** Directories that it needs in a sandbox. */
  sockets?: readonly string[];
  size: TerminalSize;
  sessionId: string;
  /** The session has a transcript to resume from. */
  isKnown: boolean;
  model: string | null;
  effort: Effort | null;
  permissionMode: PermissionMode;
  trusted: boolean;
  /** Additional settings, in the format of the program's settings files. */
  settings: object;
  onStatus(status: ProgramStatus, before: ProgramStatus): void;
  onTakesKeys(): void;
  /** It has drawn something. */
  onOutput(): void;
}

export interface PtyProgram {
  readonly pty: PseudoTerminal;
  readonly status: ProgramStatus;
  /**
   * The program itself receives keys. Before that the terminal still turns Enter into line breaks, although the status
   * file may exist.
   */
  readonly takesKeys: boolean;
  /** An editor or the like has the terminal. */
  readonly lendsTerminal: boolean;
  /** Checks the status file immediately. */
  refresh(): void;
  /** Briefly resizes its terminal: a live program redraws its screen. */
  askToDraw(): void;
  readonly exited: Promise<TerminalExit>;
  /** The last text it wrote. */
  lastWords(): string;
  /**
   * Sends SIGTERM, on which the program writes the rest of its transcript and exits, and SIGKILL after `graceMs`.
   * Everything it has started ends with it: resolves with what did not exit by itself.
   */
  end(graceMs: number): Promise<LeftBehind>;
}

/** The program turns bracketed paste on when it reads keys, and off before it lends its terminal to an editor. */
// oxlint-disable-next-line no-control-regex -- the sequence itself
const pasteMode = /\x1b\[\?2004([hl])/g;

/** Longer than the program takes to notice a resize. */
const otherSizeMs = 500;

/** If a key suspends it, it waits for the signal with which a shell continues it, but there is no shell. */
const goOnMs = 250;

/** The longest part of a sequence that the previous chunk may contain. */
const longestCut = 7;

export function startProgram(options: ProgramOptions): PtyProgram {
  const { sessionId, isKnown, model, effort, permissionMode, trusted, settings } = options;
  const args = [
    ...(isKnown ? ['--resume', sessionId] : ['--session-id', sessionId]),
    ...(model === null ? [] : ['--model', model]),
    ...(effort === null ? [] : ['--effort', effort]),
    ...(permissionMode === 'bypassPermissions' ? ['--dangerously-skip-permissions'] : []),
    '--permission-mode',
    permissionMode,
    // Keeps out what an untrusted directory contains, above all hooks.
    '--setting-sources',
    trusted ? 'user,project,local' : 'user',
    '--settings',
    JSON.stringify(settings),
  ];
  const env = {
    ...options.env,
    TERM: 'xterm-256color',
    COLORTERM: 'truecolor',
    // The chat decides whether the directory is trusted (see the sources above), so the program need not ask.
    CLAUDE_CODE_SANDBOXED: '1',
  };
  const mark = markSession(sessionId);
  const { sandbox } = options;
  // In a sandbox the process id is the same every time: what the last one said must not pass for this one's.
  if (sandbox) rmSync(join(options.configDir, 'sessions'), { recursive: true, force: true });
  const command = sandbox?.wrap(options.program, args, options.sockets) ?? { command: options.program, args };
  const launch = withKeysApart({ ...command, env });
  const pty = openAgentTerminal(launch.command, launch.args, {
    cwd: options.cwd,
    env: launch.env,
    size: options.size,
    mark,
  });
  const tail = new OutputTail(4096);
  let isOver = false;
  const pid = (): number => (sandbox ? (programPid(pty.pid) ?? pty.pid) : pty.pid);
  const kill = (signal: NodeJS.Signals): void => {
    if (!sandbox) pty.kill(signal);
    else if (!isOver) signalSandboxed(pty.pid, signal);
  };
  let { size } = options;
  let ending: Promise<LeftBehind> | undefined;
  let bracketsPastes = false;
  let beforeIt = '';
  let goingOn: NodeJS.Timeout | undefined;
  const status: StatusWatch = watchStatus(options.configDir, sandbox ? programPidInside : pty.pid, (now, before) =>
    options.onStatus(now, before),
  );
  const exited = pty.exited.finally(() => {
    isOver = true;
    clearInterval(goingOn);
    status.close();
  });
  return {
    pty: tapped(
      pty,
      (data) => {
        options.onOutput();
        tail.add(Buffer.from(data));
        const text = beforeIt + Buffer.from(data).toString('latin1');
        beforeIt = text.slice(-longestCut);
        const [, last] = [...text.matchAll(pasteMode)].at(-1) ?? [];
        if (last === undefined) return;
        bracketsPastes = last === 'h';
        clearInterval(goingOn);
        if (bracketsPastes) return options.onTakesKeys();
        // A program that is exiting or has lent its terminal ignores the signal.
        goingOn = setInterval(() => {
          if (!lendsTerminal(pid())) kill('SIGCONT');
        }, goOnMs);
      },
      (given) => (size = given),
      kill,
    ),
    get takesKeys() {
      // Editors turn it on as well.
      return bracketsPastes && !lendsTerminal(pid());
    },
    get lendsTerminal() {
      return lendsTerminal(pid());
    },
    exited,
    get status() {
      return status.status;
    },
    refresh: () => status.refresh(),
    askToDraw() {
      pty.resize({ ...size, rows: Math.max(1, size.rows - 1) });
      setTimeout(() => pty.resize(size), otherSizeMs).unref();
    },
    lastWords: () => plainWords(tail.text, tail).slice(-maxWordsLength),
    async end(graceMs) {
      kill('SIGTERM');
      const timer = setTimeout(() => kill('SIGKILL'), graceMs);
      await exited;
      clearTimeout(timer);
      return (ending ??= endSession(mark));
    },
  };
}

const maxWordsLength = 600;

/** The same terminal, with its output and size also visible to others. */
function tapped(
  pty: PseudoTerminal,
  tap: (data: Uint8Array) => void,
  onResize: (size: TerminalSize) => void,
  kill: (signal: NodeJS.Signals) => void,
): PseudoTerminal {
  return {
    pid: pty.pid,
    exited: pty.exited,
    get waitingBytes() {
      return pty.waitingBytes;
    },
    onData: (listener) =>
      pty.onData((data) => {
        tap(data);
        listener(data);
      }),
    write: (data) => pty.write(data),
    resize(size) {
      onResize(size);
      pty.resize(size);
    },
    pause: () => pty.pause(),
    resume: () => pty.resume(),
    kill,
  };
}
