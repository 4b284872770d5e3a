/** Sign-in links: what they are for, once, and the sessions of browsers that they open. */
import { randomUUID } from 'node:crypto';
import type { Log } from '../lib/log.ts';
import type { Principal } from '../protocol/principal.ts';
import { findTokens } from '../store/access-tokens.ts';
import { ask } from '../store/ask.ts';
import type { Sql } from '../store/database.ts';
import { deleteServersCodes, insertSignInCode, type NewSignInCode, useSignInCode } from '../store/sign-in-codes.ts';
import { browserIdleDays, digestOf, type Grant, grantOf, newCode, newToken, owner, personIdOf } from './grant.ts';
import type { Grants } from './grants.ts';

/** How long a code is valid. */
export const signInCodeMs = 10 * 60_000;

/** A browser that has signed in. */
export interface SignedIn {
  token: string;
  principal: Principal;
}

export interface SignInCodes {
  /**
   * A code that signs one browser in for whoever asks, within ten minutes, on any host of the database. It works once it is
   * stored, and `stored` fails if it could not be; then it is tried again when it is used here. The session ends no later
   * than the token by which it was asked for, or `notAfter`.
   */
  issue(grant: Grant, notAfter?: Date): { code: string; stored: Promise<void> };
  /** Undefined unless the code is valid; it is used up only if the browser is signed in. Throws `storage_unavailable`. */
  redeem(code: string, label: string): Promise<SignedIn | undefined>;
}

/** By the server's own token. */
export const ownersGrant: Grant = { principal: owner, by: 'server' };

export class SignIns implements SignInCodes {
  readonly #parts: { sql: Sql; grants: Grants; logger: Log };
  /** What is not known to be stored. */
  readonly #unstored = new Map<string, NewSignInCode>();

  constructor(parts: { sql: Sql; grants: Grants; logger: Log }) {
    this.#parts = parts;
  }

  issue({ principal, by }: Grant, notAfter?: Date): { code: string; stored: Promise<void> } {
    const code = newCode();
    const made = {
      digest: digestOf(code),
      personId: personIdOf(principal),
      role: principal.role,
      madeBy: typeof by === 'object' ? by.id : null,
      notAfter: notAfter ?? (typeof by === 'object' ? by.expiresAt : null),
      expiresInSeconds: signInCodeMs / 1000,
    };
    this.#unstored.set(made.digest, made);
    for (const digest of this.#unstored.keys()) if (this.#unstored.size > 100) this.#unstored.delete(digest);
    const stored = this.#store(made);
    stored.catch((err: unknown) => this.#parts.logger.warn({ err }, 'A sign-in link could not be stored.'));
    return { code, stored };
  }

  async redeem(code: string, label: string): Promise<SignedIn | undefined> {
    const { sql, grants, logger } = this.#parts;
    const digest = digestOf(code);
    const unstored = this.#unstored.get(digest);
    if (unstored) await this.#store(unstored);
    const token = newToken();
    const session = { id: randomUUID(), digest: digestOf(token), name: label, idleDays: browserIdleDays };
    const surplus = (await ask(() => useSignInCode(sql, digest, session))) ?? [];
    if (surplus.length > 0) grants.end(({ by }) => typeof by === 'object' && surplus.includes(by.id));
    // A repeated write does not tell whether the first one took place, but this does.
    const [row] = await ask(() => findTokens(sql, [session.digest]));
    if (!row) return undefined;
    const { principal } = grantOf(row);
    logger.info({ session: row.id, principal: principal.id }, 'A browser has signed in.');
    return { token, principal };
  }

  /** Ends the links that were made with the server's own token, which was replaced. */
  async endServers(): Promise<void> {
    this.#unstored.clear();
    await ask(() => deleteServersCodes(this.#parts.sql));
  }

  async #store(made: NewSignInCode): Promise<void> {
    await ask(() => insertSignInCode(this.#parts.sql, made));
    this.#unstored.delete(made.digest);
  }
}
