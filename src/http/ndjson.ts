/** Newline-delimited JSON as a response of any length: no more of it is generated than the reader consumes. */
export interface LinesOptions {
  /** Called once, with the error that interrupted the lines, if any. The reader sees the response break off. */
  onEnd(error?: unknown): void;
}

export interface LinesBody {
  body: ReadableStream<Uint8Array>;
  /** Aborts the response. */
  abort(): void;
}

/** `texts` contain whole lines, each with its newline. */
export function linesBody(texts: AsyncIterable<string>, options: LinesOptions): LinesBody {
  const iterator = texts[Symbol.asyncIterator]();
  let controller: ReadableStreamDefaultController<Uint8Array>;
  let isOver = false;
  const finish = (error?: unknown): void => {
    if (isOver) return;
    isOver = true;
    options.onEnd(error);
  };
  const stop = async (): Promise<void> => {
    finish();
    await iterator.return?.();
  };
  const body = new ReadableStream<Uint8Array>(
    {
      start(given) {
        controller = given;
      },
      async pull() {
        try {
          const { done, value } = await iterator.next();
          if (isOver) return;
          if (done !== true) return controller.enqueue(Buffer.from(value));
          finish();
          controller.close();
        } catch (error) {
          if (isOver) return;
          finish(error);
          controller.error(error);
        }
      },
      cancel: stop,
    },
    // Generate nothing before it is requested.
    { highWaterMark: 0 },
  );
  return {
    body,
    abort() {
      if (isOver) return;
      controller.error(new Error('The server is closing.'));
      stop().catch(() => undefined);
    },
  };
}
