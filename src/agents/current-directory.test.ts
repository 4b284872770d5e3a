// The program can change its own directory, with a shell command or by entering a worktree.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { InMemorySessionStore } from '@anthropic-ai/claude-agent-sdk';
import { describe, expect, test } from 'vitest';
import { initRepository } from '../../test/support/git-repository.ts';
import { type OpenedSession, ofType, openSession, runTurn, textIn } from '../../test/contract/agent-backend.ts';
import { openPtyHarness } from '../../test/support/pty-harness.ts';
import { openSdkHarness } from '../../test/support/sdk-harness.ts';
import type { AgentEvent } from './agent-backend.ts';

const type = 'current_directory_update';
const told = (events: readonly AgentEvent[]) => ofType(events, type);

describe.each([
  ['claude_sdk', openSdkHarness],
  ['claude_pty', openPtyHarness],
] as const)('%s', (_, openHarness) => {
  test('AGENT-34, AGENT-35: each change is reported once, including where a new process starts', async () => {
    const harness = await openHarness();
    const { cwd } = harness;
    const sub = join(cwd, 'sub');
    const alpha = join(cwd, '.claude', 'worktrees', 'alpha');
    initRepository(cwd);
    await mkdir(sub);
    const spec = {
      sessionStore: new InMemorySessionStore(),
      sessionId: crypto.randomUUID(),
      permissionMode: 'bypassPermissions',
    } as const;
    let session: OpenedSession = await openSession(harness, spec);
    const say = async (text: string) => [
      ...(await runTurn(session, text)),
      ...session.between.splice(0, session.between.length),
    ];
    /** Ends the process and starts another one; returns the directories that it reports. */
    const anew = async (agentDirectory: { cwd: string; worktree: string | null }) => {
      await session.handle.close();
      session = await openSession(harness, { ...spec, agentDirectory });
      return told(session.between.splice(0, session.between.length));
    };
    try {
      expect(told(await say('who are you'))).toEqual([]);
      expect(told(await say('run: cd sub'))).toEqual([{ type, cwd: sub, worktree: null }]);
      expect(told(await say('use a sub-agent: run: cd ..'))).toEqual([]);
      // The program allows no other directories.
      expect(told(await say('run: cd /'))).toEqual([{ type, cwd, worktree: null }]);
      expect(told(await say('run: cd sub'))).toHaveLength(1);

      expect(await anew({ cwd: sub, worktree: null })).toEqual([{ type, cwd, worktree: null }]);
      expect(told(await say('call EnterWorktree: {"name": "alpha"}'))).toEqual([{ type, cwd: alpha, worktree: alpha }]);
      const inner = await say('run: mkdir inner && cd inner');
      expect(told(inner)).toEqual([{ type, cwd: join(alpha, 'inner'), worktree: alpha }]);
      // It continues at the root of the worktree.
      expect(await anew({ cwd: join(alpha, 'inner'), worktree: alpha })).toEqual([
        { type, cwd: alpha, worktree: alpha },
      ]);
      const there = await say('run: env pwd');
      expect(textIn(there)).toContain(`\n${alpha}`);
      expect(told(there)).toEqual([]);
      expect(told(await say('call ExitWorktree: {"action": "keep"}'))).toEqual([{ type, cwd, worktree: null }]);

      await say('call EnterWorktree: {"path": ".claude/worktrees/alpha"}');
      await session.handle.close();
      await rm(alpha, { recursive: true });
      expect(await anew({ cwd: alpha, worktree: alpha })).toEqual([{ type, cwd, worktree: null }]);
      const home = await say('run: env pwd');
      expect(told(home)).toEqual([]);
      expect(textIn(home)).toContain(`\n${cwd}`);
    } finally {
      await harness.close();
    }
  }, 120_000);
});
