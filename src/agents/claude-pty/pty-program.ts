/** One run of the terminal program: its process, what it says of its state, and how it is ended. */
import type { Effort, PermissionMode } from '../../protocol/chat.ts';
import type { TerminalSize } from '../../protocol/terminal.ts';
import { endSession, type LeftBehind, openAgentTerminal } from '../agent-process.ts';
import { markSession } from '../process-marks.ts';
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
  size: TerminalSize;
  sessionId: string;
  /** The session has a transcript to go on from. */
  isKnown: boolean;
  model: string | null;
  effort: Effort | null;
  permissionMode: PermissionMode;
  trusted: boolean;
  /** Further settings, as the program's settings files hold them. */
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
   * Keys go to the program itself. Before that the terminal still makes line breaks of Enter, although the status file
   * may be there.
   */
  readonly takesKeys: boolean;
  /** An editor or the like has the terminal. */
  readonly lendsTerminal: boolean;
  /** Looks at the status file at once. */
  refresh(): void;
  /** Gives its terminal another size for a moment: one that lives draws its screen anew. */
  askToDraw(): void;
  readonly exited: Promise<TerminalExit>;
  /** The last it wrote, as words. */
  lastWords(): string;
  /**
   * SIGTERM, on which it writes the rest of its transcript and leaves; after `graceMs` SIGKILL. All that it has started
   * goes with it: resolves with what did not go by itself.
   */
  end(graceMs: number): Promise<LeftBehind>;
}

/** The program switches bracketed paste on when it reads its keys, and off before it lends its terminal to an editor. */
// oxlint-disable-next-line no-control-regex -- the sequence itself
const pasteMode = /\x1b\[\?2004([hl])/g;

/** Longer than the program takes to see a change of size. */
const otherSizeMs = 500;

/** Suspended by a key, it waits for the signal with which a shell lets it go on, and no shell is there. */
const goOnMs = 250;

/** As much as a sequence that was cut may have of it before. */
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
    // What an untrusted directory brings along, hooks above all, stays out.
    '--setting-sources',
    trusted ? 'user,project,local' : 'user',
    '--settings',
    JSON.stringify(settings),
  ];
  const env = {
    ...options.env,
    TERM: 'xterm-256color',
    COLORTERM: 'truecolor',
    // Whether the directory is trusted is the chat's to say, see the sources above: the program need not ask.
    CLAUDE_CODE_SANDBOXED: '1',
  };
  const mark = markSession(sessionId);
  const launch = withKeysApart({ command: options.program, args, env });
  const pty = openAgentTerminal(launch.command, launch.args, {
    cwd: options.cwd,
    env: launch.env,
    size: options.size,
    mark,
  });
  const tail = new OutputTail(4096);
  let { size } = options;
  let ending: Promise<LeftBehind> | undefined;
  let bracketsPastes = false;
  let beforeIt = '';
  let goingOn: NodeJS.Timeout | undefined;
  const status: StatusWatch = watchStatus(options.configDir, pty.pid, (now, before) => options.onStatus(now, before));
  const exited = pty.exited.finally(() => {
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
        // One that leaves, or has lent its terminal, makes nothing of the signal.
        goingOn = setInterval(() => {
          if (!lendsTerminal(pty.pid)) pty.kill('SIGCONT');
        }, goOnMs);
      },
      (given) => (size = given),
    ),
    get takesKeys() {
      // Editors switch it on as well.
      return bracketsPastes && !lendsTerminal(pty.pid);
    },
    get lendsTerminal() {
      return lendsTerminal(pty.pid);
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
      pty.kill('SIGTERM');
      const timer = setTimeout(() => pty.kill('SIGKILL'), graceMs);
      await exited;
      clearTimeout(timer);
      return (ending ??= endSession(mark));
    },
  };
}

const maxWordsLength = 600;

/** The same terminal, whose output and size somebody else sees too. */
function tapped(
  pty: PseudoTerminal,
  tap: (data: Uint8Array) => void,
  onResize: (size: TerminalSize) => void,
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
    kill: (signal) => pty.kill(signal),
  };
}
