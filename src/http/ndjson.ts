/** Newline-delimited JSON as an answer of any length: no more of it is made than the reader takes. */
export interface LinesOptions {
  /** Once, with the error that broke the lines, if one did. The reader sees its answer break off. */
  onEnd(error?: unknown): void;
}

export interface LinesBody {
  body: ReadableStream<Uint8Array>;
  /** Breaks the answer off. */
  abort(): void;
}

/** `texts` hold whole lines, each with its newline. */
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
    // Nothing is made before it is asked for.
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
