/**
 * A queue whose reading end is an async iterable: values are pushed from anywhere and come out in push order. One
 * consumer. Unbounded: the producer decides how much is queued.
 */
export interface Pushable<T> {
  /** Hands the value to a waiting consumer, or buffers it. Ignored after `close()`. */
  push(value: T): void;
  /** Ends the iteration once the buffer has been delivered. Idempotent. */
  close(): void;
  readonly closed: boolean;
  /** Everything that was pushed has been taken, or is not wanted any more. */
  readonly isEmpty: boolean;
  readonly iterable: AsyncIterable<T>;
}

export function createPushable<T>(): Pushable<T> {
  // Read from `head`, written at the end; consumed slots are freed in bulk, so a value costs constant time.
  let buffer: (T | undefined)[] = [];
  let head = 0;
  let closed = false;
  let parked: ((result: IteratorResult<T, undefined>) => void) | undefined;
  let taken = false;

  const done: IteratorReturnResult<undefined> = { done: true, value: undefined };

  function shift(): T {
    const value = buffer[head] as T;
    buffer[head] = undefined;
    head += 1;
    if (head === buffer.length) {
      buffer = [];
      head = 0;
    } else if (head >= 1024 && head * 2 >= buffer.length) {
      buffer = buffer.slice(head);
      head = 0;
    }
    return value;
  }

  function close(): void {
    closed = true;
    const wake = parked;
    parked = undefined;
    wake?.(done);
  }

  const iterator: AsyncIterator<T, undefined> = {
    next() {
      if (parked) return Promise.reject(new Error('A pushable has one consumer: a read is already waiting.'));
      if (head < buffer.length) return Promise.resolve({ done: false, value: shift() });
      if (closed) return Promise.resolve(done);
      return new Promise((resolve) => {
        parked = resolve;
      });
    },
    return() {
      buffer = [];
      head = 0;
      close();
      return Promise.resolve(done);
    },
  };

  return {
    push(value) {
      if (closed) return;
      if (parked) {
        const wake = parked;
        parked = undefined;
        wake({ done: false, value });
      } else {
        buffer.push(value);
      }
    },
    close,
    get closed() {
      return closed;
    },
    get isEmpty() {
      return head === buffer.length;
    },
    iterable: {
      [Symbol.asyncIterator]() {
        if (taken) throw new Error('A pushable has one consumer: it is already being read.');
        taken = true;
        return iterator;
      },
    },
  };
}
