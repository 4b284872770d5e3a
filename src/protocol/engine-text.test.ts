import { expect, test } from 'vitest';
import { engineText } from './engine-text.ts';

test('an engine is shown with the server’s label and its name, an unknown one with its name only', () => {
  const backends = [{ name: 'claude_sdk', label: 'Agent SDK' }];
  expect(engineText('claude_sdk', backends)).toBe('Agent SDK (claude_sdk)');
  expect(engineText('of_another_server', backends)).toBe('of_another_server');
  expect(engineText('claude_sdk')).toBe('claude_sdk');
});
