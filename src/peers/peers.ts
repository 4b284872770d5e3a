/**
 * What this host knows of the others on its database, and how they recognize each other's requests.
 *
 * The keys are in the database, so whoever may use it is one of its hosts. Only the database's clock counts: the clocks of
 * hosts may be hours apart.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { BooError } from '../protocol/error.ts';
import type { Principal } from '../protocol/principal.ts';
import type { Sql } from '../store/database.ts';
import { silentAfterMs } from '../store/hosts.ts';
import { inTime } from '../store/in-time.ts';
import { type PeerLimits, type PeerState, readPeers } from '../store/peers.ts';
import { digestOf, forwardedHeader, keyIdOf, openSigned, sign } from './signature.ts';

const dayMs = 24 * 3_600_000;
const refreshEveryMs = 5_000;
/** How soon an unknown key or an old signature has the keys read again. */
const refreshAgainMs = 1_000;
/** How far the time of a request may be from that of its receiver. */
const maxAgeMs = 60_000;

export const peerLimits: PeerLimits = { silentAfterMs, rotateAfterMs: dayMs, keepForMs: 3 * dayMs };

export interface PeersParts {
  sql: Sql;
  hostId: string;
  clock: Clock;
  logger: Log;
  limits?: PeerLimits;
}

/** Whom a request is from that a host makes for itself. */
export const hostItself: Principal = { id: 'host', name: 'host', role: 'owner' };

/** A request to another host. */
export interface PeerRequest {
  /** The host that it is for. */
  to: string;
  method: string;
  /** The path with its query. */
  target: string;
  body: Uint8Array;
  principal: Principal;
}

/** A request that another host has sent on. */
export interface Forwarded {
  from: string;
  principal: Principal;
  /** SHA-256 of the body that it must have, in base64url. */
  bodyDigest: string;
}

export class Peers {
  readonly #parts: PeersParts;
  #state: PeerState | undefined;
  #offsetMs = 0;
  #refreshedAtMs = -Infinity;
  #cancel: (() => void) | undefined;
  #refreshing: Promise<void> | undefined;
  #isFailing = false;
  #isStopped = false;
  /** Of accepted requests, with the time after which they are too old anyway. */
  readonly #seen = new Map<string, number>();

  constructor(parts: PeersParts) {
    this.#parts = parts;
  }

  /** Whether other hosts are up. */
  get hasOthers(): boolean {
    return this.#state?.hasOthers ?? false;
  }

  /** Resolves when the keys are known. Throws if the database cannot be asked. */
  async start(): Promise<void> {
    await this.#read();
    this.#schedule();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel?.();
    await this.#refreshing;
  }

  /** The header that the request needs. */
  sign({ to, method, target, body, principal }: PeerRequest): string {
    const key = this.#state?.keys[0];
    if (!key) throw new BooError('internal', 'There is no key for other hosts yet.');
    const { hostId: from } = this.#parts;
    const nonce = randomBytes(16).toString('base64url');
    return sign(key, { from, to, at: this.#nowMs, nonce, method, target, body: digestOf(body), principal });
  }

  /**
   * Who sent a request on, and on whose behalf. Throws `unauthorized` for a header that no host of this database has made for
   * this very request, and `wrong_host` for one that is for another host.
   */
  async verify(header: string, request: Pick<PeerRequest, 'method' | 'target'>): Promise<Forwarded> {
    let key = this.#key(header);
    if (!key) {
      await this.#readAgain();
      key = this.#key(header);
    }
    const signed = key && openSigned(key, header);
    if (!signed) throw refusal('is not signed with a key of this database.');
    if (signed.to !== this.#parts.hostId) {
      throw new BooError('wrong_host', 'This request is for another host than the one that has got it.', {
        details: { hostId: this.#parts.hostId },
      });
    }
    if (!this.#isFresh(signed.at)) await this.#readAgain();
    if (!this.#isFresh(signed.at)) throw refusal('is too old.');
    if (signed.method !== request.method || signed.target !== request.target) throw refusal('is for another request.');
    if (!this.#use(signed.nonce)) throw refusal('was used before.');
    return { from: signed.from, principal: signed.principal, bodyDigest: signed.body };
  }

  get #nowMs(): number {
    return this.#parts.clock.monotonicMs() + this.#offsetMs;
  }

  #key(header: string) {
    const id = keyIdOf(header);
    return this.#state?.keys.find((key) => key.id === id);
  }

  #isFresh(atMs: number): boolean {
    return Math.abs(this.#nowMs - atMs) <= maxAgeMs;
  }

  #use(nonce: string): boolean {
    const nowMs = this.#nowMs;
    // Oldest first.
    for (const [old, untilMs] of this.#seen) {
      if (untilMs > nowMs) break;
      this.#seen.delete(old);
    }
    if (this.#seen.has(nonce)) return false;
    this.#seen.set(nonce, nowMs + 2 * maxAgeMs);
    return true;
  }

  async #read(): Promise<void> {
    const { sql, hostId, clock, limits = peerLimits } = this.#parts;
    const askedAtMs = (this.#refreshedAtMs = clock.monotonicMs());
    const key = { id: randomUUID(), secret: randomBytes(32).toString('base64') };
    const state = await inTime(readPeers(sql, hostId, key, limits));
    this.#state = state;
    this.#offsetMs = state.nowMs - (askedAtMs + clock.monotonicMs()) / 2;
  }

  async #readAgain(): Promise<void> {
    await this.#refreshing;
    // Strangers can send any number of headers.
    if (this.#parts.clock.monotonicMs() - this.#refreshedAtMs < refreshAgainMs) return;
    await this.#refresh();
  }

  #refresh(): Promise<void> {
    this.#refreshing ??= this.#read()
      .then(
        () => {
          this.#isFailing = false;
        },
        (err: unknown) => {
          if (!this.#isFailing) this.#parts.logger.warn({ err }, 'The other hosts could not be read; trying again.');
          this.#isFailing = true;
        },
      )
      .finally(() => (this.#refreshing = undefined));
    return this.#refreshing;
  }

  #schedule(): void {
    if (this.#isStopped) return;
    this.#cancel = this.#parts.clock.after(refreshEveryMs, () => void this.#refresh().then(() => this.#schedule()));
  }
}

function refusal(problem: string): BooError {
  return new BooError('unauthorized', `${forwardedHeader}: ${problem}`, { details: { field: forwardedHeader } });
}
