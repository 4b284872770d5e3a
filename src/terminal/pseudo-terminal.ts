/**
 * A program in a pseudo-terminal.
 *
 * Everything the program wrote is delivered before `exited` resolves, including what the kernel still holds when it
 * ends.
 */
import { readSync } from 'node:fs';
import type { ReadStream } from 'node:tty';
import type * as NodePty from '@lydell/node-pty';
import { BooError } from '../protocol/error.ts';
import type { TerminalSize } from '../protocol/terminal.ts';
import { PtyInput } from './pty-input.ts';

export interface TerminalExit {
  exitCode: number | null;
  signal: number | null;
}

export interface PseudoTerminal {
  readonly pid: number;
  /** One listener; earlier output is kept for it. The listener owns the bytes. */
  onData(listener: (data: Uint8Array) => void): void;
  /** Keys. Buffered in memory while the program reads slowly; dropped once the program has ended. */
  write(data: string | Uint8Array): void;
  /** Bytes of input the program's terminal has not accepted yet. */
  readonly waitingBytes: number;
  resize(size: TerminalSize): void;
  /** No more data until `resume`; a program that keeps writing blocks. */
  pause(): void;
  resume(): void;
  /** After the last data. */
  readonly exited: Promise<TerminalExit>;
  /** Does nothing once the program has ended. */
  kill(signal: NodeJS.Signals): void;
}

let loading: Promise<{ ok: true } | { ok: false; reason: string }> | undefined;
let nodePty: typeof NodePty | undefined;

/** Loads the native module, once. It is missing on platforms without a build. */
export function loadPseudoTerminals(): Promise<{ ok: true } | { ok: false; reason: string }> {
  loading ??= import('@lydell/node-pty').then(
    (loaded) => {
      nodePty = loaded;
      return { ok: true };
    },
    (error: unknown) => ({ ok: false, reason: sentenceFor(error) }),
  );
  return loading;
}

function sentenceFor(error: unknown): string {
  const [firstLine = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
  return `Pseudo-terminals do not work on this machine (${process.platform}, ${process.arch}): ${firstLine}`;
}

/** After `loadPseudoTerminals`. Throws `terminal_unavailable` if that failed, or if no terminal is available. */
export function openPseudoTerminal(
  command: string,
  args: readonly string[],
  options: { cwd: string; env: Record<string, string>; size: TerminalSize },
): PseudoTerminal {
  if (!nodePty) throw new BooError('terminal_unavailable', 'The pseudo-terminal module is not loaded.');
  let pty: NodePty.IPty;
  try {
    pty = nodePty.spawn(command, [...args], {
      name: options.env['TERM'] ?? 'xterm-256color',
      cols: options.size.columns,
      rows: options.size.rows,
      cwd: options.cwd,
      env: options.env,
      encoding: null,
    });
  } catch (cause) {
    throw new BooError('terminal_unavailable', `No terminal could be opened: ${String(cause)}`, { cause });
  }
  const { _socket: socket, _fd: fd } = pty as unknown as { _socket: ReadStream; _fd: number };
  const input = new PtyInput(fd);
  let isOpen = true;
  let early: Uint8Array[] = [];
  let listener = (data: Uint8Array): void => void early.push(data);
  readToTheEnd(socket, fd, {
    data: (data) => listener(data),
    closing() {
      isOpen = false;
      input.close();
    },
  });
  let hasExited = false;
  const exited = new Promise<TerminalExit>((resolve) => {
    pty.onExit(({ exitCode, signal }) => {
      hasExited = true;
      // A program ended by a signal has no exit code.
      resolve(signal ? { exitCode: null, signal } : { exitCode, signal: null });
    });
  });

  return {
    pid: pty.pid,
    exited,
    get waitingBytes() {
      return input.waitingBytes;
    },
    onData(given) {
      listener = given;
      const kept = early;
      early = [];
      for (const data of kept) given(data);
    },
    write: (data) => input.write(data),
    resize({ columns, rows }) {
      if (isOpen) pty.resize(columns, rows);
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    kill(signal) {
      // Once the program was reaped, the pid may belong to another process.
      if (!hasExited) pty.kill(signal);
    },
  };
}

const quietMs = 200;

/**
 * node-pty and libuv each lose the end of a program's output. When the program has ended, node-pty waits 200 ms and
 * then destroys the socket, even if it is paused: we read it to its end instead, or, if a child of the program holds
 * the terminal open, until nothing has arrived for 200 ms. And when the other side hangs up, libuv reports the end
 * after the next read that does not fill its buffer, which on a terminal is every read: we read what the kernel still
 * holds.
 */
function readToTheEnd(socket: ReadStream, fd: number, on: { data(data: Uint8Array): void; closing(): void }): void {
  const destroy = socket.destroy.bind(socket);
  const close = (error?: Error): ReadStream => {
    on.closing();
    return destroy(error);
  };
  socket.on('data', (data) => on.data(data as unknown as Uint8Array));
  socket.on('end', () => {
    for (let rest = readNow(fd); rest; rest = readNow(fd)) on.data(rest);
  });
  // EIO is how a terminal ends.
  socket.on('error', () => undefined);
  let isLast = false;
  socket.destroy = (error) => {
    if (error || socket.readableEnded) return close(error);
    if (isLast) return socket;
    isLast = true;
    let timer = setTimeout(close, quietMs);
    socket.on('data', () => {
      clearTimeout(timer);
      timer = setTimeout(close, quietMs);
    });
    socket.once('close', () => clearTimeout(timer));
    return socket.resume();
  };
}

/** What the descriptor holds now; null for nothing. */
function readNow(fd: number): Uint8Array | null {
  const buffer = Buffer.alloc(64 * 1024);
  try {
    const length = readSync(fd, buffer);
    return length === 0 ? null : buffer.subarray(0, length);
  } catch {
    // EIO: its end. EAGAIN: nothing.
    return null;
  }
}
