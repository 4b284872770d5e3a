import { describe, expect, test } from 'vitest';
import { parseRoleRule, roleByClaims, type RoleRule } from './role-rules.ts';

const rules = (text: string): RoleRule[] => text.split(',').map((pair) => parseRoleRule(pair)!);

describe('OIDC-1: the role that claims give', () => {
  test.each([
    ['member=staff,owner=admins', 'groups', { groups: ['staff', 'admins'] }, 'owner'],
    ['owner=admins,viewer=*', 'groups', { groups: ['others'] }, 'viewer'],
    ['owner=admins,viewer=*', 'groups', {}, 'viewer'],
    ['owner=admins', 'groups', { groups: 'admins' }, 'owner'],
    ['owner=a=b', 'groups', { groups: ['a=b'] }, 'owner'],
    ['owner=admins', 'realm_access.roles', { realm_access: { roles: ['admins'] } }, 'owner'],
    ['owner=admins', 'https://example.org/roles', { 'https://example.org/roles': ['admins'] }, 'owner'],
    // The name of a claim goes before what is inside another.
    ['owner=admins', 'a.b', { 'a.b': [], a: { b: ['admins'] } }, null],
    ['owner=admins', 'groups', { groups: ['Admins', 'admins '] }, null],
    ['owner=admins', 'groups', { groups: [['admins']] }, null],
    ['owner=admins', 'groups', { groups: { admins: true } }, null],
    ['owner=toString', 'groups.constructor.name', { groups: [] }, null],
    ['owner=true', 'admin', { admin: true }, null],
  ])('by %s from %s of %j is %s', (text, claim, claims, role) => {
    expect(roleByClaims(rules(text), claim, claims)).toBe(role);
  });

  test('is what the claim says itself, without rules', () => {
    expect(roleByClaims([], 'roles', { roles: ['viewer', 'member', 'root'] })).toBe('member');
    expect(roleByClaims([], 'roles', { roles: ['root'] })).toBeNull();
    expect(roleByClaims([], 'roles', {})).toBeNull();
  });
});

test.each(['owner', 'owner=', 'root=admins', '=x', ''])('%j is no rule', (text) => {
  expect(parseRoleRule(text)).toBeUndefined();
});
