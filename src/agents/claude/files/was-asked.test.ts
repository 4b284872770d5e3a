import { InMemorySessionStore } from '@anthropic-ai/claude-agent-sdk';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { endOf, openSession, runTurn } from '../../../../test/contract/agent-backend.ts';
import { openPtyHarness, type PtyHarness } from '../../../../test/support/pty-harness.ts';
import { openSdkHarness, type SdkHarness } from '../../../../test/support/sdk-harness.ts';
import { until } from '../../../../test/support/until.ts';
import type { BegunPrompt } from '../../agent-backend.ts';
import { configDirOf, findTranscriptFile, removeTranscript } from './transcript-file.ts';

let harness: SdkHarness | PtyHarness;
afterEach(() => harness.close());

const open = { claude_sdk: openSdkHarness, claude_pty: openPtyHarness };
const text = (words: string) => [{ type: 'text' as const, text: words }];

/** Everything in the store now precedes a turn that starts now. */
async function storedIn(store: InMemorySessionStore, sessionId: string): Promise<BegunPrompt['storedBefore']> {
  const entries = (await store.load({ projectKey: 'chat', sessionId })) ?? [];
  const known = new Set(entries.flatMap(({ uuid }) => uuid ?? []));
  return (uuids) => Promise.resolve(new Set(uuids.filter((uuid) => known.has(uuid))));
}
const none: BegunPrompt['storedBefore'] = () => Promise.resolve(new Set());

/** Kills the agent, without waiting until its session has noticed. */
function killAgent(signal: 'SIGKILL' | 'SIGTERM'): void {
  for (const agent of harness.leftovers('')) {
    try {
      process.kill(agent.pid, signal);
    } catch {
      // It ended by itself after it was listed: one of its short commands.
    }
  }
}

describe.each(['claude_sdk', 'claude_pty'] as const)('the transcript of %s', (engine) => {
  test('PROMPT-10: detects whether a prompt reached the program, from this machine’s files and from the store', async () => {
    harness = await open[engine]();
    const { backend } = harness;
    const spec = { sessionStore: new InMemorySessionStore(), sessionId: crypto.randomUUID() };
    const session = await openSession(harness, spec);
    const turnId = crypto.randomUUID();
    await runTurn(session, 'who are you', { turnId });
    const stored = { ...spec, cwd: harness.cwd };
    await session.handle.close();
    const asked = { turnId, content: text('who are you'), storedBefore: none };
    const unasked = { turnId: crypto.randomUUID(), content: text('what did I say'), storedBefore: none };
    expect(await backend.wasAsked(stored, asked)).toBe(true);
    expect(await backend.wasAsked(stored, unasked)).toBe(false);
    const { sessionId } = spec;
    await removeTranscript({ configDir: configDirOf(harness.agent.env), cwd: harness.cwd, sessionId });
    expect(await backend.wasAsked(stored, asked)).toBe(true);
    expect(await backend.wasAsked(stored, unasked)).toBe(false);
  });

  test('PROMPT-10: a program that was ended while working on a prompt had received it; one that died before had not', async () => {
    harness = await open[engine]();
    const { backend, model } = harness;
    const spec = { sessionStore: new InMemorySessionStore(), sessionId: crypto.randomUUID() };
    let session = await openSession(harness, spec);
    await runTurn(session, 'who are you');
    const stored = { ...spec, cwd: harness.cwd };
    const ask = async (words: string, whileItRuns: () => Promise<void> | void) => {
      const prompt = {
        turnId: crypto.randomUUID(),
        content: text(words),
        storedBefore: await storedIn(spec.sessionStore, spec.sessionId),
      };
      const turn = runTurn(session, words, { turnId: prompt.turnId });
      // A prompt to an ended session is refused.
      const outcome = turn.then((events) => endOf(events).outcome).catch(() => 'refused');
      await whileItRuns();
      const ended = await outcome;
      await until(() => session.lost.length > 0, { what: 'the loss of the session' });
      return { outcome: ended, wasAsked: await backend.wasAsked(stored, prompt) };
    };
    const before = model.requests.length;
    killAgent('SIGKILL');
    // Nothing has noticed it yet.
    const early = await ask('who are you', () => undefined);
    expect(early.wasAsked).toBe(false);
    expect(model.requests.length).toBe(before);

    // As when its host dies: it gets SIGTERM, and writes what is pending.
    session = await openSession(harness, spec);
    const late = await ask('silence', () =>
      until(() => model.requests.at(-1)?.script === 'silence').then(() => killAgent('SIGTERM')),
    );
    expect(late).toEqual({ outcome: 'failed', wasAsked: true });
  });

  test('PROMPT-10: looks where the program has moved its transcript, and in the store if the file is older', async () => {
    harness = await open[engine]();
    const { backend, cwd, agent } = harness;
    const spec = { sessionStore: new InMemorySessionStore(), sessionId: crypto.randomUUID() };
    const session = await openSession(harness, spec);
    const turnId = crypto.randomUUID();
    await runTurn(session, 'who are you', { turnId });
    await session.handle.close();
    const stored = { ...spec, cwd };
    const asked = { turnId, content: text('who are you'), storedBefore: none };
    const file = await findTranscriptFile({ configDir: configDirOf(agent.env), ...stored });
    const elsewhere = join(dirname(dirname(file!)), 'a-worktree', basename(file!));
    await mkdir(dirname(elsewhere));
    await rename(file!, elsewhere);
    const unstored = { ...session, sessionStore: new InMemorySessionStore() };
    expect(await backend.wasAsked(unstored, asked)).toBe(true);
    await writeFile(elsewhere, '{"type":"mode","mode":"normal"}\n');
    expect(await backend.wasAsked(unstored, asked)).toBe(false);
    expect(await backend.wasAsked(stored, asked)).toBe(true);
  });
});
