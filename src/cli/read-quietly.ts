import type { ReadStream, WriteStream } from 'node:tty';

/** How long it must be quiet, in ms: longer than the pause between two keys of someone typing, or of a held key. */
const quietMs = 300;
const ctrlC = '\u0003';

/**
 * Discards keyboard input until there is a pause without input or a size change. Ctrl-C works as usual. True if
 * anything was discarded.
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
    // Earlier input is in the kernel, up to the last partial line; without line mode all of it arrives now.
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
