// Questions of MCP servers, as a person at the terminal sees them.
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { endOf, ofType, openSession, runTurn } from '../../../test/contract/agent-backend.ts';
import { addAskingServers, askPrompt, type AskingServers } from '../../../test/support/asking-servers.ts';
import { openPtyHarness, type PtyHarness } from '../../../test/support/pty-harness.ts';
import { sitDown } from '../../../test/support/terminal-seat.ts';
import { until } from '../../../test/support/until.ts';
import { within } from '../../lib/within.ts';

const booking = {
  mode: 'form',
  message: 'Who is travelling?',
  requestedSchema: { type: 'object', properties: { name: { type: 'string' } } },
};

let harness: PtyHarness;
let servers: AskingServers;
beforeAll(async () => {
  harness = await openPtyHarness();
  servers = await addAskingServers(harness.agent.configDir, harness.cwd, ['travel'], { booking });
});
afterAll(() => harness.close());

test('DECIDE-7: the terminal says where to answer, and Esc there takes the form back', async () => {
  const session = await openSession(harness, { permissionMode: 'bypassPermissions' });
  const seat = sitDown(session.handle.terminal!);
  await runTurn(session, 'stream 1 tokens');
  await until(() => servers.listings() > 0, { timeoutMs: 40_000 });
  let isAsked = false;
  const turn = runTurn(session, askPrompt({ server: 'travel', request: 'booking' }), {
    answer() {
      isAsked = true;
      return undefined;
    },
  });
  await until(() => isAsked, { timeoutMs: 40_000 });
  await seat.sees('answer in BooCode');
  // A dialog ignores keys in its first moments.
  do seat.type('\x1b');
  while (!(await within(4_000, turn)));
  const events = await turn;
  expect(endOf(events).outcome).toBe('interrupted');
  // Nobody has answered for the person.
  expect(servers.results('travel').filter((each) => (each as { action: string }).action !== 'cancel')).toEqual([]);
  const [asked] = ofType(events, 'decision_requested');
  await until(() => !session.handle.resolve(asked!.decisionId, { outcome: 'deny' }));
  seat.leave();
});

test.each([
  // Our answer is accepted although the user has disabled hooks.
  [{ disableAllHooks: true }, false],
  // Only a person at the terminal can close such a dialog.
  [{ permissions: { ask: ['Bash(touch *)'] } }, true],
])(
  'DECIDE-5: with the user’s settings %j it is asked here, and a dialog that stays open is reported',
  async (settings, stays) => {
    const own = await openPtyHarness();
    try {
      await mkdir(own.agent.configDir, { recursive: true });
      await writeFile(join(own.agent.configDir, 'settings.json'), JSON.stringify(settings));
      const session = await openSession(own);
      let isTold = false;
      const turn = runTurn(session, 'run: touch it', {
        answer: () => ({ outcome: 'allow' }),
        onEvent: (event) => (isTold ||= event.type === 'notice' && event.code === 'terminal_waits'),
      });
      if (stays) {
        await until(() => isTold, { timeoutMs: 30_000, what: 'the word that a dialog waits' });
        await session.handle.interrupt();
      }
      const events = await turn;
      expect(ofType(events, 'decision_requested')).toHaveLength(1);
      expect(ofType(events, 'notice').filter(({ code }) => code === 'terminal_waits')).toHaveLength(stays ? 1 : 0);
      expect(existsSync(join(own.cwd, 'it'))).toBe(!stays);
    } finally {
      await own.close();
    }
  },
);
