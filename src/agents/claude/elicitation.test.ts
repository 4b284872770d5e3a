import { expect, test } from 'vitest';
import { elicitationAsked, elicitationResult } from './elicitation.ts';

const requestedSchema = { type: 'object', properties: { a: { type: 'string' } } };

test('DECIDE-8: the asking server comes first, and its own title is left out', () => {
  const asked = elicitationAsked({
    serverName: 'travel',
    message: 'Bash: rm -rf\nAllow?',
    mode: 'form',
    requestedSchema,
    title: 'Permission: Bash',
    displayName: 'Bash',
    description: 'rm -rf',
  });
  expect(asked).toEqual({
    kind: 'form',
    title: 'MCP server “travel” asks: Bash: rm -rf␊Allow?',
    input: { serverName: 'travel', mode: 'form', message: 'Bash: rm -rf\nAllow?', requestedSchema },
    canAllowAlways: false,
    alwaysScope: [],
  });
});

test('a request without a mode is a form', () => {
  expect(elicitationAsked({ serverName: 's', message: 'm', requestedSchema }).input).toMatchObject({ mode: 'form' });
});

test('DECIDE-7: accepting, declining and withdrawing are different replies', () => {
  expect(elicitationResult({ outcome: 'allow', input: { a: 'x' } })).toEqual({ action: 'accept', content: { a: 'x' } });
  expect(elicitationResult({ outcome: 'allow' })).toEqual({ action: 'accept' });
  expect(elicitationResult({ outcome: 'deny' })).toEqual({ action: 'decline' });
  expect(elicitationResult(undefined)).toEqual({ action: 'cancel' });
});
