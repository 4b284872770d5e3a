import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  endOf,
  ofType,
  type OpenedSession,
  openSession,
  runTurn,
  type TurnOptions,
} from '../../../test/contract/agent-backend.ts';
import { openPtyHarness } from '../../../test/support/pty-harness.ts';
import { openSdkHarness } from '../../../test/support/sdk-harness.ts';
import type { AgentEvent } from '../agent-backend.ts';

/** Ways to run git that the program allows on its own in an unknown directory, and two that it asks about. */
const commands = [
  'git status',
  'git diff',
  'git show HEAD',
  'git blame a.txt',
  'git grep one',
  'cd . && git status',
  'ls\ngit status',
  'git status | cat',
  'command git status',
  'timeout 5 git status',
  'if true; then git status; fi',
  `g''it status`,
  String.raw`\git status`,
  'git -C . status',
  'env git status',
];

describe.each([
  ['claude_sdk', openSdkHarness],
  ['claude_pty', openPtyHarness],
] as const)('git in a directory that is not trusted, on %s', (_name, open) => {
  let harness: Awaited<ReturnType<typeof open>>;
  let session: OpenedSession;
  let marker: string;

  beforeAll(async () => {
    harness = await open();
    const { cwd, agent } = harness;
    marker = join(agent.home, 'marker');
    // A user who disables hooks must not disable ours.
    mkdirSync(agent.configDir, { recursive: true });
    writeFileSync(join(agent.configDir, 'settings.json'), JSON.stringify({ disableAllHooks: true }));
    mkdirSync(join(agent.configDir, 'commands'), { recursive: true });
    const lines = ['---', 'allowed-tools: Bash(git status:*)', '---', 'Status: !`git status`'];
    writeFileSync(join(agent.configDir, 'commands', 'st.md'), lines.join('\n'));
    const script = join(agent.home, 'script');
    writeFileSync(script, `#!/bin/sh\ntouch '${marker}'\n`);
    chmodSync(script, 0o755);
    const git = (...args: string[]): unknown => execFileSync('git', ['-C', cwd, ...args]);
    git('init', '--quiet');
    writeFileSync(join(cwd, 'a.txt'), 'one\n');
    writeFileSync(join(cwd, '.gitattributes'), '*.txt filter=f diff=d\n');
    git('add', '.');
    git('-c', 'user.name=a', '-c', 'user.email=a@example.org', 'commit', '--quiet', '--message', 'First');
    writeFileSync(join(cwd, 'a.txt'), 'another one\n');
    for (const name of ['core.fsmonitor', 'filter.f.clean', 'diff.d.textconv', 'diff.external', 'core.pager']) {
      git('config', name, script);
    }
    session = await openSession(harness);
  });
  afterAll(() => harness.close());

  const run = (text: string, outcome: 'allow' | 'deny'): Promise<AgentEvent[]> =>
    runTurn(session, text, { answer: () => ({ outcome }) } satisfies TurnOptions);

  test('TRUST-1: opening a chat runs nothing from the repository', async () => {
    expect(endOf(await run('hello', 'deny')).outcome).toBe('completed');
    expect(existsSync(marker)).toBe(false);
  });

  test('TRUST-1: shell lines in a skill or a command run no git, because nobody is asked about them', async () => {
    await run('call Skill: {"skill": "st"}', 'allow');
    expect(existsSync(marker)).toBe(false);
  });

  test.each(commands)('TRUST-1: %j is asked about, and runs nothing when it is denied', async (command) => {
    const asked = ofType(await run(`run: ${command}`, 'deny'), 'decision_requested');
    expect(asked).toHaveLength(1);
    expect(asked[0]!.input).toMatchObject({ command });
    expect(existsSync(marker)).toBe(false);
  });

  test('TRUST-1: it runs when a person allows it', async () => {
    const turn = await run('run: git status', 'allow');
    expect(ofType(turn, 'tool_call_update').at(-1)).toMatchObject({ status: 'completed' });
    expect(existsSync(marker)).toBe(true);
    rmSync(marker);
  });

  test('TRUST-1: read-only commands other than git are still not asked about', async () => {
    expect(ofType(await run('run: ls', 'deny'), 'decision_requested')).toEqual([]);
  });
});
