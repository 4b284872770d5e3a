import type { Duplex, Readable } from 'node:stream';

/** For how long, and up to what, a client may go on sending that is not listened to any more. */
export interface Linger {
  ms: number;
  bytes: number;
}

export const brief: Linger = { ms: 500, bytes: 1024 * 1024 };
/** For who has shown a credential: with most clients an answer is lost when they cannot send their body to its end. */
export const patient: Linger = { ms: 5_000, bytes: 32 * 1024 * 1024 };

/**
 * Ends a connection whose answer is written, however its client behaves: what it still sends is thrown away, for a while
 * and up to a bound, so that the answer arrives, and then the connection is gone. `source` is where that comes from.
 */
export function hangUp(socket: Duplex, source: Readable = socket, linger = brief): void {
  let bytes = 0;
  const destroy = (): void => void socket.destroy();
  const timer = setTimeout(destroy, linger.ms);
  timer.unref();
  socket.once('close', () => clearTimeout(timer));
  socket.on('error', destroy);
  socket.end();
  // Whoever read it before has stopped in the middle, and would hold it back.
  source.removeAllListeners('data');
  source.on('data', (piece: Buffer) => {
    bytes += piece.length;
    if (bytes > linger.bytes) destroy();
  });
  source.once('end', destroy);
  source.resume();
}
