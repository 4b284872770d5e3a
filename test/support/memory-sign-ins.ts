import type { Grant } from '../../src/people/grant.ts';
import { ownersGrant, type SignInCodes } from '../../src/people/sign-ins.ts';

export interface MemorySignIns extends SignInCodes {
  /** By default one of the server's owner. */
  issue(grant?: Grant): { code: string; stored: Promise<void> };
}

/** Codes that work once and do not expire. Every browser that signs in gets this token. */
export function createMemorySignIns(token: string): MemorySignIns {
  const grants = new Map<string, Grant>();
  let issued = 0;
  return {
    issue(grant = ownersGrant) {
      const code = `code-${(issued += 1)}`.padEnd(43, 'x');
      grants.set(code, grant);
      return { code, stored: Promise.resolve() };
    },
    redeem(code) {
      const grant = grants.get(code);
      grants.delete(code);
      return Promise.resolve(grant && { token, principal: grant.principal });
    },
  };
}
