import { connect, type Socket } from 'node:net';
import { type DatabaseTls, noTls, secure, tlsTrouble } from './database-tls.ts';
import { cannotConnect, codeOf } from './storage-error.ts';

export interface HostAddress {
  host: string;
  port: number;
}

/** The host answered, but without TLS. */
export class TlsError extends Error {
  readonly code = cannotConnect;
}

const sslRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
const [saysYes, saysNo] = [...Buffer.from('SN')];
const keepAliveMs = 60_000;

/**
 * Connects to one host of a database over TCP, and negotiates TLS if wanted. `done` is called once, with a socket that
 * has no listeners, or with why it failed: a `TlsError`, or the system's error. Returns a function that gives up
 * without calling it.
 */
export function reachHost(
  place: HostAddress,
  tls: DatabaseTls | null,
  done: (result: { socket: Socket } | { error: Error }) => void,
): () => void {
  let socket = connect({ ...place, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs });
  let isSecuring = false;
  const release = (): void => {
    socket.removeAllListeners();
  };
  const giveUp = (): void => {
    release();
    socket.on('error', () => undefined);
    socket.destroy();
  };
  const fail = (error: Error): void => {
    giveUp();
    done({ error: isSecuring ? tlsError(error, place, tls) : error });
  };
  const succeed = (): void => {
    release();
    done({ socket });
  };
  const watch = (): void => {
    socket.once('error', fail);
    socket.once('close', () => fail(connectionFailure('CONNECTION_CLOSED')));
  };
  const begin = (asked: DatabaseTls): void => {
    release();
    socket = secure(socket, place.host, asked);
    socket.once('secureConnect', succeed);
    watch();
  };
  watch();
  socket.once('connect', () => {
    if (!tls) return succeed();
    isSecuring = true;
    if (tls.isDirect) return begin(tls);
    socket.write(sslRequest);
    socket.once('data', (answer) => {
      // More than this byte would come from someone in between, and be mistaken for data protected by TLS.
      if (answer.length === 1 && answer[0] === saysYes) return begin(tls);
      if (answer.length === 1 && answer[0] === saysNo && tls.mode === 'prefer') return succeed();
      fail(connectionFailure(answer.length === 1 ? noTls : 'EPROTO'));
    });
  });
  return giveUp;
}

/** A TLS failure in words. */
export function tlsError(error: Error, place: HostAddress, tls: DatabaseTls | null): Error {
  return tls ? new TlsError(tlsTrouble(codeOf(error), place, tls), { cause: error }) : error;
}

/** With a code known to `isPassing`. */
export function connectionFailure(code: string): Error {
  return Object.assign(new Error(`There is no connection to the database (${code}).`), { code });
}
