/** What a request's credential gives: who asks, and by what. */
import { createHash, randomBytes } from 'node:crypto';
import { hasRole, type Principal, type Role } from '../protocol/principal.ts';
import type { TokenRow } from '../store/access-tokens.ts';

/** The owner of the server's token, and so of everything opened with it. */
export const owner: Principal = { id: 'owner', name: 'owner', role: 'owner' };

export interface Grant {
  readonly principal: Principal;
  /** The server's own token, another host that has sent the request on, or one of the people's tokens. */
  readonly by: 'server' | 'host' | TokenRow;
}

/** A browser that has signed in stays so while it is used, and this long after. */
export const browserIdleDays = 90;

/** So that a token is recognized where it should not be, such as in a repository. */
const tokenPrefix = 'boo_';
const tokenPattern = /^boo_[\w-]{43}$/;

/** 256 random bits. */
export const newToken = (): string => tokenPrefix + newCode();
export const newCode = (): string => randomBytes(32).toString('base64url');
export const looksLikeToken = (text: string): boolean => tokenPattern.test(text);

/** Secrets have so many bits that nobody can guess them from this, so it needs no salt. */
export const digestOf = (secret: string): string => createHash('sha256').update(secret).digest('hex');

/** Null: the server's owner. */
export const personIdOf = ({ id }: Principal): string | null => (/^[\da-f-]{36}$/.test(id) ? id : null);

export const lesserRole = (one: Role, other: Role): Role => (hasRole(one, other) ? other : one);

export function grantOf(row: TokenRow): Grant {
  const { personId, personName, personRole, role } = row;
  const person =
    personId === null ? owner : { id: personId, name: personName ?? 'somebody', role: personRole ?? 'viewer' };
  return { principal: { ...person, role: lesserRole(person.role, role) }, by: row };
}
