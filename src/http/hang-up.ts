import type { Duplex, Readable } from 'node:stream';

/** For the answer to arrive: a client that is still sending when its connection goes loses what it has not read. */
const lingerMs = 500;
const lingerBytes = 1024 * 1024;

/**
 * Ends a connection whose answer is written, however its client behaves: what it still sends is thrown away, for a moment
 * and up to a bound, and then the connection is gone. `source` is where that comes from.
 */
export function hangUp(socket: Duplex, source: Readable = socket): void {
  let bytes = 0;
  const destroy = (): void => void socket.destroy();
  const timer = setTimeout(destroy, lingerMs);
  timer.unref();
  socket.once('close', () => clearTimeout(timer));
  socket.on('error', destroy);
  socket.end();
  source.on('data', (piece: Buffer) => {
    bytes += piece.length;
    if (bytes > lingerBytes) destroy();
  });
  source.once('end', destroy);
  source.resume();
  // Node lets what nobody has begun to read pass by uncounted.
  source.read(0);
}
