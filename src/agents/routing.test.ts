import { describe, expect, test } from 'vitest';
import { ScriptedBackend } from '../../test/support/scripted-backend.ts';
import { createRouting } from './routing.ts';

const sdk = new ScriptedBackend(undefined, 'claude_sdk');
const pty = new ScriptedBackend(undefined, 'claude_pty');
const noPty = { name: 'claude_pty', reason: 'There are no terminals here. Install some.' } as const;

describe('ROUTE-1: a new chat', () => {
  test.each([
    [false, undefined, 'claude_pty'],
    [true, undefined, 'claude_sdk'],
    [false, 'claude_sdk', 'claude_sdk'],
    [true, 'claude_pty', 'claude_pty'],
  ] as const)('with the gate at %s that names %s runs on %s', (sdkByDefault, asked, chosen) => {
    const routing = createRouting({ sdkByDefault, backends: [sdk, pty] });
    expect(routing.choose('claude', asked)).toBe(chosen);
    expect(routing.defaultBackend).toBe(sdkByDefault ? 'claude_sdk' : 'claude_pty');
    expect(routing.backendFor(chosen).name).toBe(chosen);
  });
});

describe('ROUTE-2: a backend that cannot run here', () => {
  test('refuses with its reason, and says how to have the other one', () => {
    const routing = createRouting({ sdkByDefault: false, backends: [sdk, noPty] });
    for (const use of [
      () => routing.choose('claude', undefined),
      () => routing.choose('claude', 'claude_pty'),
      () => routing.backendFor('claude_pty'),
    ]) {
      expect(use).toThrow(expect.objectContaining({ code: 'backend_unavailable' }) as Error);
      expect(use).toThrow(
        /^There are no terminals here\. Install some\. Or .*"backend": "claude_sdk".*CLAUDE_SDK_BACKEND=1/,
      );
    }
    expect(routing.choose('claude', 'claude_sdk')).toBe('claude_sdk');
  });

  test('is described with the same sentence, and with no capability', () => {
    const routing = createRouting({ sdkByDefault: true, backends: [sdk, noPty] });
    expect(routing.describe()).toEqual([
      { name: 'claude_sdk', agent: 'claude', available: true, reason: null, capabilities: sdk.capabilities },
      {
        name: 'claude_pty',
        agent: 'claude',
        available: false,
        reason: expect.stringMatching(/^There are no terminals here\./) as string,
        capabilities: { deltas: false, terminal: false, images: false },
      },
    ]);
  });

  test('where there is no other one it does not name one', () => {
    const routing = createRouting({ sdkByDefault: true, backends: [noPty] });
    expect(() => routing.backendFor('claude_pty')).toThrow(/^There are no terminals here\. Install some\.$/);
    expect(() => routing.backendFor('claude_sdk')).toThrow('claude_sdk is not part of this server.');
  });
});

test('ROUTE-1: the terminal shows a terminal and no deltas, the SDK the opposite', () => {
  const described = createRouting({ sdkByDefault: true, backends: [sdk, pty] }).describe();
  expect(described.map(({ name, capabilities }) => [name, capabilities.terminal, capabilities.deltas])).toEqual([
    ['claude_sdk', false, true],
    ['claude_pty', true, false],
  ]);
});
