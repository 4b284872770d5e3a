// The program enters a worktree in the middle of a session, and moves its files there.
import { mkdtemp, readdir, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InMemorySessionStore } from '@anthropic-ai/claude-agent-sdk';
import { describe, expect, test } from 'vitest';
import { initRepository } from '../../test/support/git-repository.ts';
import { endOf, ofType, openSession, readTurn, runTurn, textIn } from '../../test/contract/agent-backend.ts';
import { leaveDirectory, removeTranscript } from './claude/files/transcript-file.ts';
import { openPtyHarness } from '../../test/support/pty-harness.ts';
import { openSdkHarness } from '../../test/support/sdk-harness.ts';
import { until } from '../../test/support/until.ts';

describe.each([
  ['claude_sdk', openSdkHarness],
  ['claude_pty', openPtyHarness],
] as const)('%s', (_, openHarness) => {
  test('TRANSCRIPT-12: what happens there, sub-agents included, is reported, stored, remembered, and erased', async () => {
    const harness = await openHarness();
    const { backend, cwd } = harness;
    const elsewhere = await realpath(await mkdtemp(join(tmpdir(), 'boocode-elsewhere-')));
    initRepository(cwd);
    const spec = { sessionStore: new InMemorySessionStore(), sessionId: crypto.randomUUID() };
    const key = { projectKey: 'chat', sessionId: spec.sessionId };
    const left = async (): Promise<string[]> =>
      (await readdir(join(harness.agent.configDir, 'projects'), { recursive: true })).filter((name) =>
        name.includes(spec.sessionId),
      );
    try {
      let session = await openSession(harness, spec);
      const say = (text: string) => runTurn(session, text, { answer: () => ({ outcome: 'allow' }) });
      expect(textIn(await say('call EnterWorktree: {"name": "alpha"}'))).toContain('Created worktree');
      const turn = await say('use a sub-agent: stream 3 tokens');
      expect(endOf(turn).outcome).toBe('completed');
      const [call] = ofType(turn, 'tool_call').filter(({ toolName }) => toolName === 'Agent');
      // In a terminal the program may move the sub-agent to the background; then its end starts a turn.
      if (textIn(turn).includes('in the background')) {
        const [own] = await until(() => (session.unprompted.length > 0 ? session.unprompted : null), {
          timeoutMs: 40_000,
          what: 'the turn that the end of the sub-agent begins',
        });
        turn.push(...session.between, ...(await readTurn(session, own!)));
      }
      // The sub-agent's messages belong to the call that started it.
      const below = ofType(turn, 'agent_message').filter((event) => event.parentToolCallId === call?.toolCallId);
      expect(below.map(({ content }) => content)).toEqual([[{ type: 'text', text: 't1 t2 t3 ' }]]);
      await session.handle.close();
      expect(await spec.sessionStore.listSubkeys(key)).toHaveLength(1);

      session = await openSession(harness, spec);
      expect(textIn(await say('what did I say'))).toContain('use a sub-agent: stream 3 tokens');
      await session.handle.close();
      // A moved chat continues in its new directory, not in the worktree.
      await leaveDirectory(spec.sessionStore, { configDir: harness.agent.configDir, sessionId: spec.sessionId, cwd });
      expect(await left()).toEqual([]);
      session = await openSession({ backend, cwd: elsewhere }, spec);
      expect(textIn(await say('run: env pwd'))).toContain(`\n${elsewhere}`);
      await session.handle.close();
      expect(await left()).not.toEqual([]);
      await removeTranscript({ configDir: harness.agent.configDir, sessionId: spec.sessionId, cwd });
      expect(await left()).toEqual([]);
    } finally {
      await harness.close();
      await rm(elsewhere, { recursive: true, force: true });
    }
  }, 120_000);

  test('BRANCH-15: what was said before, in and after a worktree is stored once and in order, sub-agents included, and all of it is erased', async () => {
    const harness = await openHarness();
    const { cwd } = harness;
    initRepository(cwd);
    const spec = { sessionStore: new InMemorySessionStore(), sessionId: crypto.randomUUID() };
    const key = { projectKey: 'chat', sessionId: spec.sessionId };
    try {
      const session = await openSession(harness, spec);
      const say = (text: string) => runTurn(session, text, { answer: () => ({ outcome: 'allow' }) });
      /** With all that the end of a sub-agent in the background begins. */
      const useSubAgent = async (): Promise<void> => {
        const turns = session.unprompted.length;
        if (!textIn(await say('use a sub-agent: stream 3 tokens')).includes('in the background')) return;
        const next = await until(() => session.unprompted[turns] ?? null, {
          timeoutMs: 40_000,
          what: 'the turn that the end of the sub-agent begins',
        });
        await readTurn(session, next);
      };
      await useSubAgent();
      expect(textIn(await say('call EnterWorktree: {"name": "alpha"}'))).toContain('Created worktree');
      await useSubAgent();
      await say('call ExitWorktree: {"action": "keep"}');
      await useSubAgent();
      await say('say the end');
      await session.handle.close();

      expect(await spec.sessionStore.listSubkeys(key)).toHaveLength(3);
      const entries = (await spec.sessionStore.load(key)) ?? [];
      const uuids = entries.flatMap(({ uuid }) => (typeof uuid === 'string' ? [uuid] : []));
      expect(new Set(uuids).size).toBe(uuids.length);
      const text = JSON.stringify(entries);
      const places = ['EnterWorktree', 'ExitWorktree', 'say the end'].map((word) => text.indexOf(word));
      expect(places.every((place) => place >= 0)).toBe(true);
      expect(places.toSorted((one, other) => one - other)).toEqual(places);
      expect(text.split('use a sub-agent: stream 3 tokens').length).toBeGreaterThanOrEqual(4);

      await removeTranscript({ configDir: harness.agent.configDir, sessionId: spec.sessionId, cwd });
      const left = await readdir(join(harness.agent.configDir, 'projects'), { recursive: true });
      expect(left.filter((name) => name.includes(spec.sessionId))).toEqual([]);
    } finally {
      await harness.close();
    }
  }, 240_000);
});
