import { createHash, randomBytes } from 'node:crypto';
import { systemClock, type Clock } from '../lib/clock.ts';

export interface SignInCodes {
  /** A new code: 256 random bits that open the door once, within ten minutes. */
  issue(): string;
  /** True the first time, for a code that is alive. */
  redeem(code: string): boolean;
}

/** How long a code opens the door. */
export const signInCodeMs = 10 * 60_000;
const maxAlive = 8;

/** The oldest code dies when there are too many. */
export function createSignInCodes(clock: Clock = systemClock): SignInCodes {
  // Kept by digest: looking one up takes no time that depends on how much of a code was guessed.
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
