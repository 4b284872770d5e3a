import { createHash, randomBytes } from 'node:crypto';
import { systemClock, type Clock } from '../lib/clock.ts';

export interface SignInCodes {
  /** Creates a code: 256 random bits that sign in once, within ten minutes. */
  issue(): string;
  /** True the first time, for a valid code. */
  redeem(code: string): boolean;
}

/** How long a code is valid. */
export const signInCodeMs = 10 * 60_000;
const maxAlive = 8;

/** The oldest codes are dropped beyond this number. */
export function createSignInCodes(clock: Clock = systemClock): SignInCodes {
  // Stored by digest, so that the time of a lookup does not depend on how much of a code was guessed.
  const expiryOf = new Map<string, number>();
  const digest = (code: string): string => createHash('sha256').update(code).digest('hex');

  return {
    issue() {
      const code = randomBytes(32).toString('base64url');
      expiryOf.set(digest(code), clock.monotonicMs() + signInCodeMs);
      for (const key of expiryOf.keys()) if (expiryOf.size > maxAlive) expiryOf.delete(key);
      return code;
    },
    redeem(code) {
      const key = digest(code);
      const expiry = expiryOf.get(key);
      expiryOf.delete(key);
      return expiry !== undefined && clock.monotonicMs() < expiry;
    },
  };
}
