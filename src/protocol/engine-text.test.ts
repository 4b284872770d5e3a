import { expect, test } from 'vitest';
import { engineText } from './engine-text.ts';

test('an engine is said as the server calls it, with its name; one that it does not know by the name alone', () => {
  const backends = [{ name: 'claude_sdk', label: 'Agent SDK' }];
  expect(engineText('claude_sdk', backends)).toBe('Agent SDK (claude_sdk)');
  expect(engineText('of_another_server', backends)).toBe('of_another_server');
  expect(engineText('claude_sdk')).toBe('claude_sdk');
});
