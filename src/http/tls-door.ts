/**
 * TLS before HTTP: the first byte of a connection tells a TLS handshake from a request in clear text, which gets a plain
 * answer instead of a broken connection.
 */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Log } from '../lib/log.ts';
import { BooError } from '../protocol/error.ts';
import { problemResponse } from './problem.ts';
import { writeRawResponse } from './raw-response.ts';
import { secure } from './security-headers.ts';
import type { TlsFiles } from './tls-files.ts';

const handshakeLimitMs = 10_000;
const handshakeByte = 0x16;

/** Calls `serve` with the socket above the connection once its handshake is done. */
export function createTlsDoor(files: Pick<TlsFiles, 'context'>, log: Log) {
  return (raw: Socket, serve: (socket: TLSSocket) => void): void => {
    const timer = setTimeout(() => raw.destroy(), handshakeLimitMs);
    timer.unref();
    raw.once('close', () => clearTimeout(timer));
    raw.on('error', () => raw.destroy());
    raw.on('end', () => raw.destroy());
    raw.once('readable', () => {
      const first = raw.read(1) as Buffer | null;
      if (first === null) return;
      raw.unshift(first);
      if (first[0] !== handshakeByte) {
        clearTimeout(timer);
        return refuse(raw, log);
      }
      const socket = new TLSSocket(raw, {
        isServer: true,
        secureContext: files.context,
        ALPNProtocols: ['http/1.1'],
        requestCert: false,
      });
      // Nothing that a stranger's handshake does is an error of ours.
      socket.on('error', () => socket.destroy());
      socket.once('close', () => raw.destroy());
      socket.once('secure', () => {
        clearTimeout(timer);
        raw.removeAllListeners('end');
        serve(socket);
      });
      return undefined;
    });
  };
}

function refuse(raw: Socket, log: Log): void {
  const error = new BooError(
    'invalid_request',
    'This port speaks HTTPS only: use an address that begins with https://.',
  );
  writeRawResponse(raw, secure(problemResponse(error, log)), true).catch(() => raw.destroy());
}
