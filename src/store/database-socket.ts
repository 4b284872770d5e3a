/**
 * A TCP connection to a database, as the driver expects it. The driver's own socket compares the certificate of an
 * address with `localhost`, does not explain TLS failures, and tries several hosts in a loop that never reports why.
 */
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { DatabaseAddress } from './database-address.ts';
import { connectionFailure, type HostAddress, reachHost, tlsError, TlsError } from './reach-host.ts';
import { cannotConnect, codeOf } from './storage-error.ts';

/** Opens the sockets of one pool. They exist at once; writes wait until a host has been reached. */
export function databaseSockets(address: DatabaseAddress, silence: Silence = { limitMs: 0 }): () => Duplex {
  const turn = { host: 0 };
  return () => new DatabaseSocket(address, turn, silence);
}

/** May be changed for connections that are open. */
export interface Silence {
  /** A connection on which a question gets not one byte of its answer for this long is dead, and closed. 0: never. */
  limitMs: number;
}

/** One host, tried in one way. */
interface Attempt {
  host: number;
  isSecure: boolean;
}

const startup = 196_608;
const cancelRequest = 80_877_102;
const [errorResponse = 0] = Buffer.from('E');

const graceMs = 500;

/** ReadyForQuery ends every answer. */
function endsAnswer(data: Buffer): boolean {
  return data.length >= 6 && data[data.length - 6] === 0x5a && data.readInt32BE(data.length - 5) === 5;
}

class DatabaseSocket extends Duplex {
  readonly #address: DatabaseAddress;
  /** The host that the pool's connections try first: after losing one, the next. */
  readonly #turn: { host: number };
  /** Remaining attempts; the first is in progress. */
  #attempts: Attempt[];
  readonly #failures: string[] = [];
  #socket: Socket | null = null;
  #stop: () => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;
  /** What was sent before the server's first answer: it can be sent again to another host, or in another way. */
  #opening: Buffer[] | null = [];
  /** A server's message in place of an authentication request, if another attempt remains. */
  #refusal: Buffer[] = [];
  #isRefused = false;
  readonly #silence: Silence;
  /** Runs while the server owes an answer. */
  #waiting: NodeJS.Timeout | undefined;

  constructor(address: DatabaseAddress, turn: { host: number }, silence: Silence) {
    super({ allowHalfOpen: false });
    this.#address = address;
    this.#turn = turn;
    this.#silence = silence;
    const { hosts, tls } = address;
    const ways = { none: [false], allow: [false, true], prefer: [true, false], wanted: [true] };
    const way = tls === null ? 'none' : tls.mode === 'allow' || tls.mode === 'prefer' ? tls.mode : 'wanted';
    const order = hosts.map((_, step) => (turn.host + step) % hosts.length);
    this.#attempts = order.flatMap((host) => ways[way].map((isSecure) => ({ host, isSecure })));
  }

  /** The driver only ends sockets whose state is `open`. */
  get readyState(): 'open' | 'closed' {
    return this.destroyed ? 'closed' : 'open';
  }

  #try(): void {
    const { tls, connectTimeoutS } = this.#address;
    this.#timer = setTimeout(() => this.#failed(connectionFailure('CONNECT_TIMEOUT')), connectTimeoutS * 1000);
    this.#stop = reachHost(this.#place, this.#attempt.isSecure ? tls : null, (result) => {
      if ('error' in result) this.#failed(result.error);
      else this.#open(result.socket);
    });
  }

  get #attempt(): Attempt {
    return this.#attempts[0] as Attempt;
  }

  get #place(): HostAddress {
    return this.#address.hosts[this.#attempt.host] as HostAddress;
  }

  #open(socket: Socket): void {
    this.#socket = socket;
    this.#stop = () => {
      socket.removeAllListeners();
      socket.on('error', () => undefined);
      socket.destroy();
    };
    socket.on('data', (data) => this.#receive(data));
    socket.once('end', () => this.#ended());
    socket.once('close', () => {
      if (!socket.readableEnded) this.#ended();
    });
    socket.on('error', (error) => {
      if (!this.#opening) this.destroy(error);
      // Like a server that rejects our certificate: it says so only now.
      else this.#failed(this.#attempt.isSecure ? tlsError(error, this.#place, this.#address.tls) : error);
    });
    if (this.#opening?.length) socket.write(Buffer.concat(this.#opening));
  }

  #receive(data: Buffer): void {
    if (this.#opening && data[0] === errorResponse && this.#hasOtherWay()) {
      this.#isRefused = true;
      this.#refusal = [];
    }
    if (this.#isRefused) return void this.#refusal.push(data);
    if (this.#opening) {
      // From here on this is the connection, whatever happens to it.
      this.#opening = null;
      clearTimeout(this.#timer);
    }
    if (endsAnswer(data)) this.#stopWaiting();
    else if (this.#waiting) this.#wait();
    if (!this.push(data)) this.#socket?.pause();
  }

  /**
   * The system itself notices only after a quarter of an hour that nobody acknowledges what was sent, and until then the
   * connection counts as busy.
   */
  #wait(): void {
    this.#stopWaiting();
    const { limitMs } = this.#silence;
    if (limitMs === 0) return;
    this.#waiting = setTimeout(() => {
      // After a sleep of this process the answer may be here, and has yet to be read.
      this.#waiting = setTimeout(() => {
        if (this.#socket?.isPaused() === true) return this.#wait();
        this.destroy(connectionFailure('ETIMEDOUT'));
      }, graceMs);
      this.#waiting.unref();
    }, limitMs);
    this.#waiting.unref();
  }

  #stopWaiting(): void {
    clearTimeout(this.#waiting);
    this.#waiting = undefined;
  }

  #ended(): void {
    if (this.readableEnded || this.destroyed) return;
    // A cancel request gets no answer.
    const isCancel = this.#opening?.[0]?.readInt32BE(4) === cancelRequest;
    if (!this.#opening || isCancel) this.push(null);
    else this.#failed(connectionFailure('CONNECTION_CLOSED'));
  }

  #hasOtherWay(): boolean {
    return this.#attempts[1]?.host === this.#attempt.host;
  }

  /** Continues with what is left, as libpq does: the other way with a host that answered, or the next host. */
  #failed(error: Error): void {
    this.#letGo();
    this.#passTurn();
    const { host } = this.#attempt;
    const staysHere = error instanceof TlsError || this.#isRefused;
    this.#isRefused = false;
    const left = this.#attempts.slice(1).filter((each) => staysHere || each.host !== host);
    if (left[0]?.host !== host) this.#failures.push(this.#reason(error));
    this.#attempts = left;
    if (left.length > 0) this.#try();
    else this.#giveUp(error);
  }

  #reason(error: Error): string {
    const { host, port } = this.#place;
    return error instanceof TlsError ? error.message : `${host}:${port} cannot be reached (${codeOf(error)}).`;
  }

  #giveUp(error: Error): void {
    if (this.#refusal.length > 0) this.push(Buffer.concat(this.#refusal));
    else if (this.#failures.length === 1) return void this.destroy(error);
    // The driver discards socket errors while there are other hosts, but not a server's messages.
    else this.push(fatal(`None of the database's hosts works. ${this.#failures.join(' ')}`));
    this.push(null);
  }

  /** Unless another connection has done so already. */
  #passTurn(): void {
    const { host } = this.#attempt;
    if (this.#turn.host === host) this.#turn.host = (host + 1) % this.#address.hosts.length;
  }

  #letGo(): void {
    clearTimeout(this.#timer);
    this.#stop();
    this.#stop = () => undefined;
    this.#socket = null;
  }

  override _read(): void {
    this.#socket?.resume();
  }

  override _write(data: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    if (this.#opening?.length === 0) {
      // Not earlier: if it fails, the driver must have nothing left to write, see `padding`.
      this.#opening.push(withoutRest(data));
      this.#try();
      callback();
    } else if (this.#opening) {
      this.#opening.push(data);
      this.#socket?.write(data);
      callback();
    } else if (this.#socket) {
      if (!this.#waiting) this.#wait();
      this.#socket.write(data, callback);
    } else {
      callback();
    }
  }

  override _final(callback: (error?: Error | null) => void): void {
    if (this.#opening || !this.#socket) this.destroy();
    else this.#socket.end();
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (!this.#opening) this.#passTurn();
    this.#stopWaiting();
    this.#letGo();
    callback(error);
  }
}

/**
 * Sent with the driver's startup parameters. The driver writes long data at once, and everything else slightly later.
 * If a connection ends within that delay, it never writes again, but buffers until the data is long enough.
 */
export const padding = { boocode_padding: 'x'.repeat(1024) };
const paddingBytes = Buffer.from(Object.entries(padding).flat().join('\0') + '\0');

/** The startup message without the padding, and without leftovers of an earlier connection. */
function withoutRest(data: Buffer): Buffer {
  let at = data.length - 8;
  while (at >= 0 && !(data.readUInt32BE(at) === data.length - at && data.readUInt32BE(at + 4) === startup)) at -= 1;
  const pad = data.lastIndexOf(paddingBytes);
  if (at < 0 || pad < at) return data;
  const message = Buffer.concat([data.subarray(at, pad), data.subarray(pad + paddingBytes.length)]);
  message.writeUInt32BE(message.length, 0);
  return message;
}

/** A server message that ends a connection. */
function fatal(message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${cannotConnect}\0M${message}\0\0`);
  const head = Buffer.from([errorResponse, 0, 0, 0, 0]);
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}
