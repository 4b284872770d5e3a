/** Connections to other hosts. Each request has one of its own, so that one that fails to connect has surely not been sent. */
import { type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';

const connectLimitMs = 3_000;
/** When the system asks whether a silent peer is still there. */
const probeAfterMs = 10_000;

export interface PeerCall {
  /** Where the host is reached: a URL, maybe with a path, without a slash at its end. */
  address: string;
  method: string;
  /** The path with its query. */
  target: string;
  headers: Record<string, string>;
  body?: Uint8Array;
  /** How long nothing may arrive, before the answer begins and within it. Without it for any time. */
  silenceLimitMs?: number | undefined;
  /** Ends the connection. */
  signal?: AbortSignal | undefined;
}

/** The other host did not answer. If `wasSent`, it may have done what it was asked for. */
export class PeerError extends Error {
  override readonly name = 'PeerError';
  readonly wasSent: boolean;

  constructor(cause: unknown, wasSent: boolean) {
    super('The other host did not answer', { cause });
    this.wasSent = wasSent;
  }
}

/** The answer, as soon as it begins. Rejects with PeerError. */
export function callPeer(call: PeerCall): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = connect(call, reject);
    request.once('response', resolve);
    request.end(call.body);
  });
}

export type PeerUpgrade = { answer: IncomingMessage } | { response: IncomingMessage; socket: Duplex; head: Buffer };

/** A request for a WebSocket: the connection, or the answer that refuses it. Rejects with PeerError. */
export function upgradePeer(call: PeerCall): Promise<PeerUpgrade> {
  return new Promise((resolve, reject) => {
    const request = connect(call, reject);
    request.once('upgrade', (response, socket, head) => {
      // It may break before whoever gets it listens; then it is destroyed, which can be seen.
      socket.on('error', () => undefined);
      resolve({ response, socket, head });
    });
    request.once('response', (answer) => resolve({ answer }));
    request.end();
  });
}

function connect(
  { address, method, target, headers, silenceLimitMs, signal }: PeerCall,
  fail: (error: PeerError) => void,
): ClientRequest {
  const url = new URL(address + target);
  const isSecure = url.protocol === 'https:';
  const request = (isSecure ? httpsRequest : httpRequest)(url, {
    method,
    headers,
    signal,
    agent: false,
    timeout: silenceLimitMs,
  });
  request.once('timeout', () => request.destroy(new Error('The other host is silent.')));
  let isConnected = false;
  request.once('socket', (socket) => {
    const timer = setTimeout(() => request.destroy(new Error('The connection took too long.')), connectLimitMs);
    socket.once('close', () => clearTimeout(timer));
    socket.once(isSecure ? 'secureConnect' : 'connect', () => {
      clearTimeout(timer);
      isConnected = true;
      socket.setKeepAlive(true, probeAfterMs);
      socket.setNoDelay(true);
    });
  });
  request.on('error', (error) => fail(new PeerError(error, isConnected)));
  return request;
}
