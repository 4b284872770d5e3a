/** One run of the terminal program: its process, what it says of its state, and how it is ended. */
import type { PermissionMode } from '../../protocol/chat.ts';
import type { TerminalSize } from '../../protocol/terminal.ts';
import { endMarked } from '../agent-process.ts';
import { OutputTail } from '../../lib/output-tail.ts';
import { plainWords } from '../../lib/plain-words.ts';
import { withKeysApart } from '../claude/apart-keys.ts';
import { lendsTerminal } from './lends-terminal.ts';
import { type ProgramStatus, type StatusWatch, watchStatus } from './program-status.ts';
import { openPseudoTerminal, type PseudoTerminal, type TerminalExit } from './terminal/pseudo-terminal.ts';

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
  permissionMode: PermissionMode;
  trusted: boolean;
  /** Further settings, as the program's settings files hold them. */
  settings: object;
  onStatus(status: ProgramStatus, before: ProgramStatus): void;
  onTakesKeys(): void;
}

export interface PtyProgram {
  readonly pty: PseudoTerminal;
  readonly status: ProgramStatus;
  /**
   * Keys go to the program itself. Before that the terminal still makes line breaks of Enter, although the status file
   * may be there.
   */
  readonly takesKeys: boolean;
  /** Looks at the status file at once. */
  refresh(): void;
  readonly exited: Promise<TerminalExit>;
  /** The last it wrote, as words. */
  lastWords(): string;
  /** SIGTERM, on which it writes the rest of its transcript and leaves; after `graceMs` SIGKILL. Its tools go with it. */
  end(graceMs: number): Promise<void>;
}

/** The program switches bracketed paste on when it reads its keys, and off before it lends its terminal to an editor. */
// oxlint-disable-next-line no-control-regex -- the sequence itself
const pasteMode = /\x1b\[\?2004([hl])/g;

/** As much as a sequence that was cut may have of it before. */
const longestCut = 7;

/** Marks what the program starts, so that it is found after the program was killed. */
export const sessionMark = 'BOOCODE_SESSION';

export function startProgram(options: ProgramOptions): PtyProgram {
  const { sessionId, isKnown, model, permissionMode, trusted, settings } = options;
  const args = [
    ...(isKnown ? ['--resume', sessionId] : ['--session-id', sessionId]),
    ...(model === null ? [] : ['--model', model]),
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
    [sessionMark]: sessionId,
    // Whether the directory is trusted is the chat's to say, see the sources above: the program need not ask.
    CLAUDE_CODE_SANDBOXED: '1',
  };
  const launch = withKeysApart({ command: options.program, args, env });
  const pty = openPseudoTerminal(launch.command, launch.args, {
    cwd: options.cwd,
    env: launch.env,
    size: options.size,
  });
  const tail = new OutputTail(4096);
  let bracketsPastes = false;
  let beforeIt = '';
  const status: StatusWatch = watchStatus(options.configDir, pty.pid, (now, before) => options.onStatus(now, before));
  const exited = pty.exited.finally(() => status.close());
  return {
    pty: tapped(pty, (data) => {
      tail.add(Buffer.from(data));
      const text = beforeIt + Buffer.from(data).toString('latin1');
      beforeIt = text.slice(-longestCut);
      const [, last] = [...text.matchAll(pasteMode)].at(-1) ?? [];
      if (last === undefined) return;
      bracketsPastes = last === 'h';
      if (bracketsPastes) options.onTakesKeys();
    }),
    get takesKeys() {
      // Editors switch it on as well.
      return bracketsPastes && !lendsTerminal(pty.pid);
    },
    exited,
    get status() {
      return status.status;
    },
    refresh: () => status.refresh(),
    lastWords: () => plainWords(tail.text, tail).slice(-maxWordsLength),
    async end(graceMs) {
      pty.kill('SIGTERM');
      const timer = setTimeout(() => pty.kill('SIGKILL'), graceMs);
      await exited;
      clearTimeout(timer);
      await endMarked(sessionMark, sessionId);
    },
  };
}

const maxWordsLength = 600;

/** The same terminal, whose output somebody else sees too. */
function tapped(pty: PseudoTerminal, tap: (data: Uint8Array) => void): PseudoTerminal {
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
    resize: (size) => pty.resize(size),
    pause: () => pty.pause(),
    resume: () => pty.resume(),
    kill: (signal) => pty.kill(signal),
  };
}
