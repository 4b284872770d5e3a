import type { ReadStream, WriteStream } from 'node:tty';

/** So long nothing may come, in ms: longer than the pause between two keys of somebody who types, or a held key's. */
const quietMs = 300;
const ctrlC = '\u0003';

/**
 * Reads and forgets what comes from a keyboard until there is a pause, in which the size has not changed either. Ctrl-C
 * does what it always does. True when anything was forgotten.
 */
export function readQuietly(stdin: ReadStream, screen: WriteStream, signal?: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    let isForgotten = false;
    let timer: NodeJS.Timeout | undefined;
    const wait = (): void => {
      clearTimeout(timer);
      timer = setTimeout(end, quietMs);
    };
    const forget = (data: Buffer | string): void => {
      const text = String(data);
      if (text.includes(ctrlC)) process.emit('SIGINT');
      if (text.replaceAll(ctrlC, '') !== '') isForgotten = true;
      wait();
    };
    function end(): void {
      clearTimeout(timer);
      stdin.off('data', forget);
      stdin.off('end', end);
      screen.off('resize', wait);
      signal?.removeEventListener('abort', end);
      stdin.pause();
      stdin.setRawMode(false);
      resolve(isForgotten);
    }
    // What was typed before stands in the kernel, up to the last half line; without lines all of it comes now.
    stdin.setRawMode(true);
    stdin.on('data', forget);
    stdin.on('end', end);
    screen.on('resize', wait);
    signal?.addEventListener('abort', end);
    stdin.resume();
    if (signal?.aborted === true) end();
    else wait();
  });
}
