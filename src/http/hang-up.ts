import type { Duplex, Readable } from 'node:stream';

/** How long a client may continue to send when nothing is read anymore, and how much. */
export interface Linger {
  ms: number;
  bytes: number;
}

export const brief: Linger = { ms: 500, bytes: 1024 * 1024 };
/** For clients with a valid credential: most clients lose the response if they cannot send their body to its end. */
export const patient: Linger = { ms: 5_000, bytes: 32 * 1024 * 1024 };

/**
 * Ends a connection whose response is written, however its client behaves: further input is discarded, for a limited
 * time and size, so that the response arrives; then the connection is closed. `source` is where the input comes from.
 */
export function hangUp(socket: Duplex, source: Readable = socket, linger = brief): void {
  let bytes = 0;
  const destroy = (): void => void socket.destroy();
  const timer = setTimeout(destroy, linger.ms);
  timer.unref();
  socket.once('close', () => clearTimeout(timer));
  socket.on('error', destroy);
  socket.end();
  // The previous reader stopped in the middle and would hold it back.
  source.removeAllListeners('data');
  source.on('data', (piece: Buffer) => {
    bytes += piece.length;
    if (bytes > linger.bytes) destroy();
  });
  source.once('end', destroy);
  source.resume();
}
