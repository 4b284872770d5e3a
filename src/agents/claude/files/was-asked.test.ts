import { InMemorySessionStore } from '@anthropic-ai/claude-agent-sdk';
import { afterEach, describe, expect, test } from 'vitest';
import { endOf, openSession, runTurn } from '../../../../test/contract/agent-backend.ts';
import { openPtyHarness, type PtyHarness } from '../../../../test/support/pty-harness.ts';
import { openSdkHarness, type SdkHarness } from '../../../../test/support/sdk-harness.ts';
import { until } from '../../../../test/support/until.ts';

let harness: SdkHarness | PtyHarness;
afterEach(() => harness.close());

const open = { claude_sdk: openSdkHarness, claude_pty: openPtyHarness };
const text = (words: string) => [{ type: 'text' as const, text: words }];

/** Ends the agent; nobody waits until its session knows. */
function killAgent(signal: 'SIGKILL' | 'SIGTERM'): void {
  for (const agent of harness.leftovers('')) process.kill(agent.pid, signal);
}

describe.each(['claude_sdk', 'claude_pty'] as const)('the transcript of %s', (engine) => {
  test('PROMPT-10: tells whether a prompt had reached the program, on this machine and from the store', async () => {
    harness = await open[engine]();
    const { backend } = harness;
    const spec = { sessionStore: new InMemorySessionStore(), sessionId: crypto.randomUUID() };
    const { chatId } = await openSession(harness, spec);
    const turnId = crypto.randomUUID();
    await runTurn(backend, chatId, 'who are you', { turnId });
    const session = { ...spec, cwd: harness.cwd };
    await backend.closeSession(chatId);
    const asked = { turnId, content: text('who are you') };
    const unasked = { turnId: crypto.randomUUID(), content: text('what did I say') };
    expect(await backend.wasAsked(session, asked)).toBe(true);
    expect(await backend.wasAsked(session, unasked)).toBe(false);
    await backend.removeSession({ sessionId: spec.sessionId, cwd: harness.cwd });
    expect(await backend.wasAsked(session, asked)).toBe(true);
    expect(await backend.wasAsked(session, unasked)).toBe(false);
  });

  test('PROMPT-10: a program that is ended while it works on a prompt had been asked; one that died before had not', async () => {
    harness = await open[engine]();
    const { backend, model } = harness;
    const spec = { sessionStore: new InMemorySessionStore(), sessionId: crypto.randomUUID() };
    let { chatId, lost } = await openSession(harness, spec);
    await runTurn(backend, chatId, 'who are you');
    const session = { ...spec, cwd: harness.cwd };
    const ask = async (words: string, whileItRuns: () => Promise<void> | void) => {
      const prompt = { turnId: crypto.randomUUID(), content: text(words) };
      const turn = runTurn(backend, chatId, words, { turnId: prompt.turnId });
      // One to a session that is over is refused.
      const outcome = turn.then((events) => endOf(events).outcome).catch(() => 'refused');
      await whileItRuns();
      const ended = await outcome;
      await until(() => lost.length > 0, { what: 'the loss of the session' });
      return { outcome: ended, wasAsked: await backend.wasAsked(session, prompt) };
    };
    const before = model.requests.length;
    killAgent('SIGKILL');
    // Nothing has noticed it yet.
    const early = await ask('count to three', () => undefined);
    expect(early.wasAsked).toBe(false);
    expect(model.requests.length).toBe(before);

    // As when its host dies: it gets SIGTERM, and writes what it had to write.
    ({ chatId, lost } = await openSession(harness, spec));
    const late = await ask('silence', () =>
      until(() => model.requests.at(-1)?.script === 'silence').then(() => killAgent('SIGTERM')),
    );
    expect(late).toEqual({ outcome: 'failed', wasAsked: true });
  });
});
