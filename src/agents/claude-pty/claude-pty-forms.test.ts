// What an MCP server asks, as somebody at the terminal sees it.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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

test('DECIDE-7: where hooks are switched off the program asks in its own dialog alone, and that is told', async () => {
  const own = await openPtyHarness();
  try {
    await mkdir(own.agent.configDir, { recursive: true });
    await writeFile(join(own.agent.configDir, 'settings.json'), JSON.stringify({ disableAllHooks: true }));
    const { chatId } = await openSession(own);
    let isTold = false;
    const turn = runTurn(own.backend, chatId, 'run: touch never', {
      onEvent: (event) => (isTold ||= event.type === 'notice' && event.code === 'terminal_waits'),
    });
    await until(() => isTold, { timeoutMs: 30_000, what: 'the word that a dialog waits' });
    await own.backend.interrupt(chatId);
    const events = await turn;
    expect(ofType(events, 'decision_requested')).toEqual([]);
    expect(ofType(events, 'notice').filter(({ code }) => code === 'terminal_waits')).toHaveLength(1);
  } finally {
    await own.close();
  }
});
