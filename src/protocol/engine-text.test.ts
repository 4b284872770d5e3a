import { expect, test } from 'vitest';
import { backendNames } from './chat.ts';
import { engineText } from './engine-text.ts';

test('WEB-58: says of every engine what it is, and the name that it has elsewhere', () => {
  expect(backendNames.map(engineText)).toEqual(['terminal program (claude_pty)', 'Agent SDK (claude_sdk)']);
  expect(engineText('of_a_later_server')).toBe('of_a_later_server');
});
