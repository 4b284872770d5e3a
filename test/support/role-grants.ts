import { type Role, roles } from '../../src/protocol/principal.ts';

/** The token of somebody with this role. */
export const tokenOf = (role: Role): string => `the-token-of-a-${role}`;

/** Knows these tokens, in place of a database. */
export const roleGrants = {
  find(token: string) {
    const role = roles.find((each) => token === tokenOf(each));
    const principal = role && { id: `some-${role}`, name: `Some ${role}`, role };
    return Promise.resolve(principal && { principal, by: 'host' as const });
  },
  isEnded: () => false,
};
