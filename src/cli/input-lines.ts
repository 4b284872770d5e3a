import type { Readable } from 'node:stream';

/** The lines of a stream that is not a terminal, one at a time. It is read only on request. */
export interface InputLines {
  /** The next line, null at the end, undefined if the signal came first; the line is then kept for the next call. */
  next(signal?: AbortSignal): Promise<string | null | undefined>;
  /** Everything that is left. */
  rest(): Promise<string>;
}

export function openInputLines(input: Readable): InputLines {
  let buffer = '';
  let ended = false;
  let wake = (): void => {};

  input.setEncoding('utf8');
  input.pause();
  input.on('data', (text: string) => {
    buffer += text;
    wake();
  });
  for (const end of ['end', 'close', 'error']) {
    input.on(end, () => {
      ended = true;
      wake();
    });
  }

  async function more(signal?: AbortSignal): Promise<void> {
    const woken = new Promise<void>((resolve) => (wake = resolve));
    const stop = (): void => wake();
    signal?.addEventListener('abort', stop);
    input.resume();
    await woken;
    input.pause();
    signal?.removeEventListener('abort', stop);
  }

  return {
    async next(signal) {
      for (;;) {
        if (signal?.aborted) return undefined;
        const end = buffer.indexOf('\n');
        if (end >= 0) {
          const line = buffer.slice(0, end);
          buffer = buffer.slice(end + 1);
          return line.replace(/\r$/, '');
        }
        if (ended) {
          const line = buffer;
          buffer = '';
          return line === '' ? null : line;
        }
        await more(signal);
      }
    },
    async rest() {
      while (!ended) await more();
      const text = buffer;
      buffer = '';
      return text;
    },
  };
}
