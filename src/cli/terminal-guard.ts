/**
 * Restores the terminal even if this program is killed and can do nothing itself. A shell in its own session waits on a
 * pipe: if the pipe ends without a message, it writes the sequence that undoes the program's modes, and restores the
 * settings, unless someone has changed them meanwhile.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import type { Writable } from 'node:stream';

export interface TerminalGuard {
  /** Before the terminal is changed in a way that this undoes. */
  expect(undo: string): void;
  /** After raw mode was switched on. */
  noteRawMode(): void;
  /** The terminal is restored: nothing is left to do. */
  release(): void;
}

// $1 is the settings to restore. The script contains no user input.
const script = `
trap '' HUP INT QUIT TERM TSTP TTIN TTOU PIPE
undo='' raw=''
while IFS= read -r line; do
  case $line in
    done) exit 0 ;;
    raw=*) raw=\${line#raw=} ;;
    undo=*) undo=\${line#undo=} ;;
  esac
done
if [ -z "$raw" ] || [ "$(stty -g <&3)" = "$raw" ]; then stty "$1" <&3; fi
printf '%b' "$undo"
`;

/** Undefined if the terminal's settings cannot be read. */
export function startTerminalGuard(): TerminalGuard | undefined {
  const saved = settings();
  if (saved === undefined) return undefined;
  const shell: ChildProcess = spawn('/bin/sh', ['-c', script, 'boocode-guard', saved], {
    stdio: ['pipe', 'inherit', 'ignore', 0],
    // What ends this program's process group must not end it.
    detached: true,
  });
  const pipe = shell.stdin as Writable;
  shell.on('error', () => undefined);
  pipe.on('error', () => undefined);
  shell.unref();
  const say = (line: string): void => void pipe.write(`${line}\n`);
  return {
    expect: (undo) => say(`undo=${octal(undo)}`),
    noteRawMode() {
      const raw = settings();
      if (raw !== undefined) say(`raw=${raw}`);
    },
    release() {
      say('done');
      pipe.end();
    },
  };
}

function settings(): string | undefined {
  const { status, stdout } = spawnSync('stty', ['-g'], { stdio: ['inherit', 'pipe', 'ignore'], encoding: 'utf8' });
  const text = stdout?.trim();
  return status === 0 && text ? text : undefined;
}

/** In the format of `printf %b`. */
function octal(text: string): string {
  return [...Buffer.from(text)].map((byte) => `\\0${byte.toString(8).padStart(3, '0')}`).join('');
}
