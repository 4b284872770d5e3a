// What an MCP server asks, as somebody at the terminal sees it.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { endOf, ofType, openSession, runTurn } from '../../../test/contract/agent-backend.ts';
import { addAskingServers, askPrompt, type AskingServers } from '../../../test/support/asking-servers.ts';
import { openPtyHarness, type PtyHarness } from '../../../test/support/pty-harness.ts';
import { sitDown } from '../../../test/support/terminal-seat.ts';
import { until } from '../../../test/support/until.ts';

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
  const { backend } = harness;
  const { chatId } = await openSession(harness, { permissionMode: 'bypassPermissions' });
  const seat = sitDown(backend.terminal(chatId)!);
  await runTurn(backend, chatId, 'stream 1 tokens');
  await until(() => servers.listings() > 0, { timeoutMs: 20_000 });
  let isAsked = false;
  const turn = runTurn(backend, chatId, askPrompt({ server: 'travel', request: 'booking' }), {
    answer() {
      isAsked = true;
      return undefined;
    },
  });
  await until(() => isAsked, { timeoutMs: 20_000 });
  await seat.sees('answer in BooCode');
  seat.type('\x1b');
  const events = await turn;
  expect(endOf(events).outcome).toBe('interrupted');
  // Nobody has answered for the person.
  expect(servers.results('travel').filter((each) => (each as { action: string }).action !== 'cancel')).toEqual([]);
  const [asked] = ofType(events, 'decision_requested');
  await until(() => !backend.resolveDecision(chatId, asked!.decisionId, { outcome: 'deny' }));
  seat.leave();
});
