/** Responses on connections that Node's HTTP server has released, or could not make a request of. */
import { STATUS_CODES } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { hangUp } from './hang-up.ts';

const answerTimeoutMs = 30_000;

/** The last response on a connection. */
export async function writeRawResponse(socket: Duplex, response: Response, hasBody: boolean): Promise<void> {
  const { status } = response;
  const headers = [...response.headers].map(([name, value]) => `${name}: ${value}\r\n`).join('');
  // A client that does not read its response is disconnected; Node's own limit no longer applies after the upgrade.
  if (socket instanceof Socket) socket.setTimeout(answerTimeoutMs, () => socket.destroy());
  socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${headers}connection: close\r\n\r\n`);
  const reader = response.body?.getReader();
  socket.once('close', () => void reader?.cancel().catch(() => undefined));
  for (let piece = await reader?.read(); hasBody && piece?.done === false; piece = await reader?.read()) {
    if (socket.destroyed) return;
    if (!socket.write(piece.value)) await drained(socket);
  }
  if (!hasBody) await reader?.cancel();
  // Node no longer manages the connection: without this it would stay open as long as its client wants.
  hangUp(socket);
}

function drained(socket: Duplex): Promise<void> {
  return new Promise((done) => {
    socket.once('drain', done);
    socket.once('close', done);
  });
}
