/**
 * A program in a pseudo-terminal, owned by this process as any agent is.
 *
 * All that the program wrote is delivered before `exited` resolves, also what the kernel still held while reading was
 * paused: node-pty gives up on that after 200 ms, see `keepReading`.
 */
import type { Socket } from 'node:net';
import type { IPty } from '@lydell/node-pty';
import { BooError } from '../../../protocol/error.ts';
import type { TerminalSize } from '../../../protocol/terminal.ts';
import { markedEnv, ownedCommand } from '../../agent-process.ts';

export interface TerminalExit {
  exitCode: number | null;
  signal: number | null;
}

export interface PseudoTerminal {
  readonly pid: number;
  /** One listener; what was written before it is set is kept for it. The bytes are the listener's own. */
  onData(listener: (data: Uint8Array) => void): void;
  /** Keys. Waits in memory while the program reads slowly; dropped once the program has ended. */
  write(data: string | Uint8Array): void;
  /** Bytes of input that the program's terminal has not taken yet. */
  readonly waitingBytes: number;
  resize(size: TerminalSize): void;
  /** No more data until `resume`; a program that goes on writing waits. */
  pause(): void;
  resume(): void;
  /** After the last data. */
  readonly exited: Promise<TerminalExit>;
  /** Nothing happens once the program has ended. */
  kill(signal: NodeJS.Signals): void;
}

type NodePty = typeof import('@lydell/node-pty');
let loading: Promise<{ ok: true } | { ok: false; reason: string }> | undefined;
let nodePty: NodePty | undefined;

/** Loads the native part, once. It is missing on platforms that nobody built it for. */
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

/** After `loadPseudoTerminals`. Throws `terminal_unavailable` where that failed, and where no terminal can be had. */
export function openPseudoTerminal(
  command: string,
  args: readonly string[],
  options: { cwd: string; env: Record<string, string>; size: TerminalSize },
): PseudoTerminal {
  if (!nodePty) throw new BooError('terminal_unavailable', 'Pseudo-terminals are not loaded.');
  const owned = ownedCommand(command, args);
  let pty: IPty;
  try {
    pty = nodePty.spawn(owned.command, owned.args, {
      name: options.env['TERM'] ?? 'xterm-256color',
      cols: options.size.columns,
      rows: options.size.rows,
      cwd: options.cwd,
      env: markedEnv(options.env),
      encoding: null,
    });
  } catch (cause) {
    throw new BooError('terminal_unavailable', `No terminal could be opened: ${String(cause)}`, { cause });
  }
  const socket = socketOf(pty);
  keepReading(socket);
  // Writing to a program that has ended fails, which is no news: its end is.
  socket.on('error', () => undefined);

  let ended = false;
  let early: Uint8Array[] = [];
  let listener = (data: Uint8Array): void => void early.push(data);
  pty.onData((data) => listener(data as unknown as Uint8Array));
  const exited = new Promise<TerminalExit>((resolve) => {
    pty.onExit(({ exitCode, signal }) => {
      ended = true;
      // A program that a signal ended has no exit code.
      resolve(signal ? { exitCode: null, signal } : { exitCode, signal: null });
    });
  });

  return {
    pid: pty.pid,
    exited,
    get waitingBytes() {
      return ended ? 0 : socket.writableLength;
    },
    onData(given) {
      listener = given;
      const kept = early;
      early = [];
      for (const data of kept) given(data);
    },
    write(data) {
      if (!ended && socket.writable && data.length > 0) socket.write(data);
    },
    resize({ columns, rows }) {
      if (ended) return;
      try {
        pty.resize(columns, rows);
      } catch (error) {
        // EBADF: the terminal was closed and the word of its end is on its way.
        if (!socket.destroyed) throw error;
      }
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    kill(signal) {
      // The pid may belong to somebody else once the program was waited for.
      if (!ended) pty.kill(signal);
    },
  };
}

/** node-pty offers no way to learn how much it still has to write. */
function socketOf(pty: IPty): Socket {
  return (pty as unknown as { _socket: Socket })._socket;
}

const quietMs = 200;

/**
 * When the program has ended, node-pty waits 200 ms for the end of the data and then destroys the socket, whether or
 * not there was more to read. Instead, the socket is then read to its end, or, where a child of the program holds the
 * terminal open, until nothing came for 200 ms.
 */
function keepReading(socket: Socket): void {
  const destroy = socket.destroy.bind(socket);
  socket.destroy = (error) => {
    if (error) return destroy(error);
    let timer = setTimeout(destroy, quietMs);
    socket.on('data', () => {
      clearTimeout(timer);
      timer = setTimeout(destroy, quietMs);
    });
    socket.once('close', () => clearTimeout(timer));
    return socket.resume();
  };
}
