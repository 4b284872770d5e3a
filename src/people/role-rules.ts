/** Which role somebody has here, by what an identity provider says of them. */
import { hasRole, type Role, roles } from '../protocol/principal.ts';

/** `value` is one of the claim's; `*` is everybody who can sign in there. */
export interface RoleRule {
  readonly role: Role;
  readonly value: string;
}

/** `owner=admins`. Undefined if it is no such pair. */
export function parseRoleRule(text: string): RoleRule | undefined {
  const [, name, value = ''] = /^(\w+)=(.+)$/s.exec(text) ?? [];
  const role = roles.find((each) => each === name);
  return role && { role, value };
}

/** The highest one that a rule gives; without rules, the claim names roles itself. Null: none. */
export function roleByClaims(
  rules: readonly RoleRule[],
  claim: string,
  claims: Readonly<Record<string, unknown>>,
): Role | null {
  const values = valuesOf(claims, claim);
  const given =
    rules.length === 0
      ? roles.filter((role) => values.includes(role))
      : rules.filter(({ value }) => value === '*' || values.includes(value)).map(({ role }) => role);
  return given.reduce<Role | null>((best, role) => (best !== null && hasRole(best, role) ? best : role), null);
}

/** A claim is one text or a list; `realm_access.roles` is one inside another, unless it is the name of one. */
function valuesOf(claims: Readonly<Record<string, unknown>>, claim: string): string[] {
  let found: unknown = claims[claim];
  if (!Object.hasOwn(claims, claim)) {
    found = claims;
    for (const part of claim.split('.')) {
      const inside: unknown = found;
      found =
        typeof inside === 'object' && inside !== null && Object.hasOwn(inside, part)
          ? (inside as Record<string, unknown>)[part]
          : undefined;
    }
  }
  const list: unknown[] = Array.isArray(found) ? found : [found];
  return list.filter((each) => typeof each === 'string');
}
