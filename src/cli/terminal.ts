/**
 * Where a command reads and writes. While a question is on the screen, other output waits for the end of its line and
 * then appears above the question, so neither tears the other apart.
 */
import { createInterface } from 'node:readline';
import { type InputLines, openInputLines } from './input-lines.ts';
import { keepTyped } from './keep-typed.ts';
import type { TerminalSize } from '../client/client.ts';
import { askForBrackets, openPersonInput, typedText } from './person-input.ts';
import { plainText } from './plain-text.ts';
import { type Style, styleFor } from './style.ts';
import { readQuietly } from './read-quietly.ts';

/** The outcome of a question: a line, the end of the input, or nothing because it was withdrawn. */
export type Reply = { kind: 'line'; text: string } | { kind: 'end' } | { kind: 'withdrawn' };

export interface Terminal {
  readonly out: (text: string) => void;
  /** Exactly these bytes, for another program. */
  readonly outBytes: (bytes: Uint8Array) => void;
  readonly err: (text: string) => void;
  readonly outStyle: Style;
  readonly errStyle: Style;
  /** Whether a person types here. */
  readonly isInteractive: boolean;
  /** Whether the output goes to a screen, on which control characters would act. */
  readonly isOutScreen: boolean;
  /** Whether errors go to a screen, where a line can be rewritten. */
  readonly canRewriteErr: boolean;
  /** Where questions are asked, and where their subject has to be shown. */
  readonly questions: Target;
  /** The current width and height of where questions are asked. */
  readonly size: TerminalSize;
  /** Calls back whenever the size changes, until the returned function is called. */
  onResize(handler: () => void): () => void;
  /** Asks for one line; one question at a time. If `takesSpace` says so, a single space is a line at once. */
  ask(question: string, signal?: AbortSignal, options?: { takesSpace?: boolean }): Promise<Reply>;
  /**
   * Discards earlier input, and resolves when neither input nor the size has changed for a moment: what is typed from
   * then on is about what is on the screen. True if something was discarded.
   */
  forgetTyped(signal?: AbortSignal): Promise<boolean>;
  /** From now on Ctrl-C keeps input typed while nothing is asked: it appears in the next line. */
  keepTyped(): void;
  /** The whole input, for a piped prompt. */
  readAll(): Promise<string>;
  /** Calls back on every Ctrl-C until the returned function is called; without it, Ctrl-C ends the process. */
  onInterrupt(handler: () => void): () => void;
}

export type Target = 'out' | 'err';

const usualSize: TerminalSize = { columns: 80, rows: 24 };

export function openTerminal(env: NodeJS.ProcessEnv): Terminal {
  const { stdin, stdout, stderr } = process;
  const streams = { out: stdout, err: stderr };
  // A question must be visible: if the output goes to a file, it goes to standard error.
  const questions: Target = !stdout.isTTY && stderr.isTTY ? 'err' : 'out';
  const isInteractive = stdin.isTTY === true && streams[questions].isTTY === true;
  let lines: InputLines | undefined;
  const inputLines = (): InputLines => (lines ??= openInputLines(stdin));
  let history: string[] = [];
  let hasAsked = false;
  let redraw: (() => void) | undefined;
  const held: Record<Target, string> = { out: '', err: '' };

  // A reader that has seen enough, such as `head`, closes the pipe: stop writing.
  for (const stream of [stdout, stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  }

  function write(target: Target, text: string): void {
    if (!redraw) {
      streams[target].write(text);
      return;
    }
    held[target] += text;
    const end = held[target].lastIndexOf('\n') + 1;
    if (end === 0) return;
    streams[questions].write('\r\x1b[K');
    streams[target].write(held[target].slice(0, end));
    held[target] = held[target].slice(end);
    redraw();
  }

  function release(): void {
    redraw = undefined;
    for (const target of ['out', 'err'] as const) {
      const text = held[target];
      held[target] = '';
      if (text !== '') streams[target].write(text);
    }
  }

  function askPerson(question: string, signal?: AbortSignal, takesSpace = false): Promise<Reply> {
    return new Promise((resolve) => {
      if (!hasAsked) askForBrackets(streams[questions]);
      hasAsked = true;
      const input = openPersonInput(stdin);
      const typing = createInterface({
        input: input.stream,
        output: streams[questions],
        terminal: true,
        history: [...history],
      });
      let reply: Reply = { kind: 'end' };
      let isLineEnded = false;
      const onKey = (): void => {
        if (!takesSpace || typing.line !== ' ') return;
        reply = { kind: 'line', text: '' };
        typing.close();
      };
      const withdraw = (): void => {
        reply = { kind: 'withdrawn' };
        typing.close();
      };
      typing.on('history', (entries: string[]) => (history = entries));
      typing.on('SIGINT', () => process.emit('SIGINT'));
      typing.on('line', (text) => {
        reply = { kind: 'line', text: typedText(text) };
        isLineEnded = true;
        typing.close();
      });
      typing.on('close', () => {
        signal?.removeEventListener('abort', withdraw);
        input.close();
        if (!isLineEnded) streams[questions].write('\n');
        release();
        resolve(reply);
      });
      signal?.addEventListener('abort', withdraw);
      input.stream.on('keypress', onKey);
      typing.setPrompt(question);
      redraw = () => typing.prompt(true);
      typing.prompt();
    });
  }

  async function askPipe(question: string, signal?: AbortSignal): Promise<Reply> {
    write(questions, question);
    const line = await inputLines().next(signal);
    // Piped input was not echoed when it was typed.
    write(questions, typeof line === 'string' ? `${plainText(line)}\n` : '\n');
    if (line === undefined) return { kind: 'withdrawn' };
    return line === null ? { kind: 'end' } : { kind: 'line', text: line };
  }

  return {
    out: (text) => write('out', text),
    outBytes: (bytes) => void stdout.write(bytes),
    err: (text) => write('err', text),
    outStyle: styleFor(stdout, env),
    errStyle: styleFor(stderr, env),
    isInteractive,
    isOutScreen: stdout.isTTY === true,
    canRewriteErr: stderr.isTTY === true && env['TERM'] !== 'dumb',
    questions,
    get size() {
      const { columns, rows } = streams[questions];
      // A terminal that does not know its size reports nothing, or zero.
      return { columns: columns || usualSize.columns, rows: rows || usualSize.rows };
    },
    onResize(handler) {
      streams[questions].on('resize', handler);
      return () => streams[questions].off('resize', handler);
    },
    ask(question, signal, { takesSpace } = {}) {
      if (signal?.aborted) return Promise.resolve({ kind: 'withdrawn' });
      return isInteractive ? askPerson(question, signal, takesSpace) : askPipe(question, signal);
    },
    forgetTyped: (signal) => (isInteractive ? readQuietly(stdin, streams[questions], signal) : Promise.resolve(false)),
    keepTyped: () => void (isInteractive && keepTyped()),
    readAll: () => inputLines().rest(),
    onInterrupt(handler) {
      process.on('SIGINT', handler);
      return () => process.off('SIGINT', handler);
    },
  };
}
