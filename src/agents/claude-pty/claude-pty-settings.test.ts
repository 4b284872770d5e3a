// A setting that the terminal program reads only when it starts, changed while it starts.
import { expect, test } from 'vitest';
import { endOf, openSession, runTurn } from '../../../test/contract/agent-backend.ts';
import { openPtyHarness } from '../../../test/support/pty-harness.ts';
import { until } from '../../../test/support/until.ts';

test('a setting that is changed while the program starts with another one applies to the next turn', async () => {
  const harness = await openPtyHarness();
  try {
    const session = await openSession(harness);
    const programs = () => harness.leftovers('').filter(({ command }) => command.includes('--permission-mode'));
    const first = session.handle.setModel('claude-sonnet-4-5');
    await until(() => programs().some(({ command }) => command.includes('claude-sonnet-4-5')));
    expect(await session.handle.setEffort('high')).toBe(true);
    await first;
    expect(endOf(await runTurn(session, 'stream 1 tokens')).outcome).toBe('completed');
    // For a moment, a command that the program starts looks like the program itself.
    await until(() => programs().length === 1, { what: 'one program' });
    expect(programs()[0]?.command).toMatch(/--model.claude-sonnet-4-5.--effort.high/);
  } finally {
    await harness.close();
  }
});
