import { describe, expect, test } from 'vitest';
import { scriptedAgent } from '../../test/support/scripted-agent.ts';
import { ScriptedBackend } from '../../test/support/scripted-backend.ts';
import type { Agent, BackendDeclaration } from './agent.ts';
import { Agents } from './agents.ts';

const sdk = new ScriptedBackend(undefined, 'claude_sdk');
const pty = new ScriptedBackend(undefined, 'claude_pty');
const noPty = { reason: 'There are no terminals here. Install some.' };

function agent(...given: [BackendDeclaration['runs'], string][]): Agent {
  const [first, ...others] = given.map(([runs, name]) => ({
    name,
    label: `the ${name}`,
    hint: `as ${name}`,
    howToChoose: `Or take ${name}.`,
    runs,
  }));
  return { ...scriptedAgent([sdk]), backends: [first!, ...others] };
}
const both = agent([sdk, 'claude_sdk'], [pty, 'claude_pty']);

describe('ROUTE-1: a new chat', () => {
  test.each([
    [undefined, 'claude_sdk'],
    ['claude_sdk', 'claude_sdk'],
    ['claude_pty', 'claude_pty'],
  ] as const)('that names %s runs on %s, since the first backend is the default', (asked, chosen) => {
    const agents = new Agents([both]);
    expect(agents.choose('claude', asked)).toBe(chosen);
    expect(agents.describe().defaultBackend).toBe('claude_sdk');
    expect(agents.backendFor(chosen).name).toBe(chosen);
  });

  test('that names an undeclared agent or backend is refused with the available names', () => {
    const agents = new Agents([
      both,
      { ...both, name: 'other', backends: [{ ...both.backends[0], name: 'other_cli' }] },
    ]);
    const refusal = (field: string) =>
      expect.objectContaining({ code: 'invalid_request', details: { field } }) as Error;
    expect(() => agents.choose('claude', 'nobody')).toThrow(refusal('backend'));
    expect(() => agents.choose('claude', 'nobody')).toThrow(/“nobody”\. Use one of: claude_sdk, claude_pty\.$/);
    expect(() => agents.choose('nobody', undefined)).toThrow(refusal('agent'));
    expect(() => agents.choose('nobody', undefined)).toThrow(/Use one of: claude, other\.$/);
    // A backend belongs to one agent.
    expect(() => agents.choose('claude', 'other_cli')).toThrow(refusal('backend'));
  });
});

describe('ROUTE-2: a backend that cannot run here', () => {
  const agents = new Agents([agent([noPty, 'claude_pty'], [sdk, 'claude_sdk'])]);

  test('refuses with its reason, and says how to choose the other one', () => {
    for (const use of [
      () => agents.choose('claude', undefined),
      () => agents.choose('claude', 'claude_pty'),
      () => agents.backendFor('claude_pty'),
    ]) {
      expect(use).toThrow(expect.objectContaining({ code: 'backend_unavailable' }) as Error);
      expect(use).toThrow(/^There are no terminals here\. Install some\. Or take claude_sdk\.$/);
    }
    expect(agents.choose('claude', 'claude_sdk')).toBe('claude_sdk');
  });

  test('is described with the same sentence, and without capabilities', () => {
    expect(agents.describe().backends).toMatchObject([
      {
        name: 'claude_pty',
        agent: 'claude',
        label: 'the claude_pty',
        hint: 'as claude_pty',
        available: false,
        reason: expect.stringMatching(/^There are no terminals here\./) as string,
        capabilities: { deltas: false, terminal: false, images: false, durableDecisions: false, continuesTurns: false },
      },
      { name: 'claude_sdk', available: true, reason: null, capabilities: sdk.capabilities },
    ]);
  });

  test('does not suggest another one if there is none', () => {
    const alone = new Agents([agent([noPty, 'claude_pty'])]);
    expect(() => alone.backendFor('claude_pty')).toThrow(/^There are no terminals here\. Install some\.$/);
    expect(() => alone.backendFor('claude_sdk')).toThrow('claude_sdk is not part of this server.');
  });
});

test('ROUTE-3: an agent is described with what it offers', () => {
  const silent: Agent = { ...both, name: 'silent', permissionModes: ['plan'] };
  delete (silent as { createHistory?: unknown }).createHistory;
  expect(
    new Agents([both, { ...silent, backends: [{ ...both.backends[0], name: 'silent_cli' }] }]).describe().agents,
  ).toEqual([
    {
      name: 'claude',
      label: 'Claude',
      permissionModes: both.permissionModes,
      models: [],
      imports: true,
      signIn: false,
    },
    { name: 'silent', label: 'Claude', permissionModes: ['plan'], models: [], imports: false, signIn: false },
  ]);
});
