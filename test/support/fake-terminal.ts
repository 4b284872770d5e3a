import type { Reply, Terminal } from '../../src/cli/terminal.ts';
import type { TerminalSize } from '../../src/client/client.ts';
import { unstyled } from '../../src/cli/style.ts';

/** A terminal for tests: records what is printed, and answers questions with the given lines. */
export interface FakeTerminal extends Terminal {
  /** Both outputs in the order written, including questions and answers. */
  readonly transcript: string;
  readonly stdout: string;
  readonly stderr: string;
  /** What was written as bytes, which is in no text. */
  readonly bytes: Buffer;
  /** The question currently on the screen. */
  readonly asking: string | undefined;
  press(): void;
}

export interface FakeInput {
  /** What is typed, line by line; null is the end of the input. Without more lines a question stays open. */
  lines?: (string | null)[];
  isInteractive?: boolean;
  /** The output goes to a screen, as it does unless told otherwise. */
  isOutScreen?: boolean;
  /** The whole piped input. */
  all?: string;
  size?: TerminalSize;
}

const usualSize: TerminalSize = { columns: 80, rows: 24 };

export function createFakeTerminal({
  lines = [],
  isInteractive = false,
  isOutScreen = true,
  all = '',
  size = usualSize,
}: FakeInput = {}): FakeTerminal {
  const written: { to: 'out' | 'err'; text: string }[] = [];
  const pieces: Uint8Array[] = [];
  const interrupts = new Set<() => void>();
  let asking: string | undefined;
  const textOf = (...targets: string[]): string =>
    written.flatMap(({ to, text }) => (targets.includes(to) ? [text] : [])).join('');

  return {
    out: (text) => void written.push({ to: 'out', text }),
    outBytes: (bytes) => void pieces.push(bytes),
    err: (text) => void written.push({ to: 'err', text }),
    outStyle: unstyled,
    errStyle: unstyled,
    isInteractive,
    isOutScreen,
    canRewriteErr: false,
    questions: 'out',
    size,
    onResize: () => () => {},
    forgetTyped: () => Promise.resolve(false),
    keepTyped: () => {},
    ask(question, signal) {
      written.push({ to: 'out', text: question });
      const line = lines.shift();
      if (line !== undefined) {
        written.push({ to: 'out', text: `${line ?? ''}\n` });
        return Promise.resolve<Reply>(line === null ? { kind: 'end' } : { kind: 'line', text: line });
      }
      asking = question;
      return new Promise((resolve) => {
        signal?.addEventListener('abort', () => {
          asking = undefined;
          written.push({ to: 'out', text: '\n' });
          resolve({ kind: 'withdrawn' });
        });
      });
    },
    readAll: () => Promise.resolve(all),
    onInterrupt(handler) {
      interrupts.add(handler);
      return () => interrupts.delete(handler);
    },
    press() {
      for (const handler of interrupts) handler();
    },
    get bytes() {
      return Buffer.concat(pieces);
    },
    get transcript() {
      return textOf('out', 'err');
    },
    get stdout() {
      return textOf('out');
    },
    get stderr() {
      return textOf('err');
    },
    get asking() {
      return asking;
    },
  };
}
