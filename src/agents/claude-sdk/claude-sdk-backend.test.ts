// The real program, the real SDK; only the model is scripted.
import { existsSync } from 'node:fs';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InMemorySessionStore } from '@anthropic-ai/claude-agent-sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  describeAgentBackend,
  endOf,
  ofType,
  openSession,
  runTurn,
  textIn,
} from '../../../test/contract/agent-backend.ts';
import { openSdkHarness, type SdkHarness } from '../../../test/support/sdk-harness.ts';
import { agentEnvironment } from '../claude/agent-environment.ts';

describeAgentBackend('ClaudeSdkBackend', () => openSdkHarness());

let harness: SdkHarness;
beforeAll(async () => {
  // The server's own environment.
  const server = {
    BOOCODE_TOKEN: 'the-servers-token',
    DATABASE_URL: 'postgres://user:the-servers-password@localhost/db',
    PGPASSWORD: 'the-servers-password',
    SOME_OTHER_SECRET: 'the-servers-other-secret',
  };
  Object.assign(process.env, server);
  harness = await openSdkHarness({ env: agentEnvironment(server, ['BOOCODE_TOKEN', 'DATABASE_URL']) });
});
afterAll(() => harness.close());

test('AGENT-1 AGENT-5: one process from turn to turn, and neither it nor its tools see a secret of the server', async () => {
  const session = await openSession(harness);
  const [before] = harness.leftovers(session.chatId);
  const turn = await runTurn(session, 'run: env', { answer: () => ({ outcome: 'allow' }) });
  await runTurn(session, 'stream 2 tokens');
  expect(harness.leftovers(session.chatId).map((each) => each.pid)).toEqual([before?.pid]);

  const printed = JSON.stringify(ofType(turn, 'tool_call_update')[0]?.rawOutput);
  expect(printed).toContain('CLAUDE_CONFIG_DIR=');
  for (const seen of [printed, before!.environ.join('\n')]) {
    expect(seen).toContain(`HOME=${harness.agent.home}`);
    expect(seen).not.toMatch(/the-servers|BOOCODE_TOKEN|DATABASE_URL|PGPASSWORD|SOME_OTHER_SECRET/);
  }
  await session.handle.close();
});

test('AGENT-6: the hooks of a directory run only when it is trusted', async () => {
  const { cwd } = harness;
  const marker = join(cwd, 'hook-ran');
  await mkdir(join(cwd, '.claude'), { recursive: true });
  const hooks = [{ hooks: [{ type: 'command', command: `touch ${marker}` }] }];
  await writeFile(
    join(cwd, '.claude', 'settings.json'),
    JSON.stringify({ hooks: { SessionStart: hooks, UserPromptSubmit: hooks } }),
  );
  try {
    for (const trusted of [false, true]) {
      const session = await openSession(harness, { trusted });
      await runTurn(session, 'stream 2 tokens');
      await session.handle.close();
      expect(existsSync(marker), `with trusted: ${trusted}`).toBe(trusted);
    }
  } finally {
    await rm(join(cwd, '.claude'), { recursive: true });
  }
});

test('AGENT-7: the user’s own skills and commands are available, also after a resume on another machine', async () => {
  const { agent } = harness;
  const skill = join(agent.configDir, 'skills', 'wave');
  await mkdir(skill, { recursive: true });
  await writeFile(join(skill, 'SKILL.md'), '---\nname: wave\ndescription: Waves a hand.\n---\nWave.\n');
  await mkdir(join(agent.configDir, 'commands'), { recursive: true });
  await writeFile(join(agent.configDir, 'commands', 'greet.md'), 'Say hello.\n');
  const sessionStore = new InMemorySessionStore();
  const spec = { sessionStore, sessionId: crypto.randomUUID() };
  for (const isResumed of [false, true]) {
    // No copy of the transcript is left on this machine: it comes from the store.
    if (isResumed) await rm(join(agent.configDir, 'projects'), { recursive: true });
    const session = await openSession(harness, spec);
    const turn = await runTurn(session, 'what did I say');
    const commands = ofType(turn, 'available_commands_update').flatMap((event) => event.commands);
    expect(commands.map((command) => command.name)).toEqual(expect.arrayContaining(['wave', 'greet']));
    expect(textIn(turn).includes('what did I say')).toBe(isResumed);
    await session.handle.close();
  }
});

test('AGENT-2: a session is resumed in a directory whose path is long, odd, or reached by a link', async () => {
  const long = join(harness.cwd, 'ünï cödé_and.dots', 'a'.repeat(120), 'b'.repeat(120));
  const link = join(harness.cwd, 'link');
  await mkdir(long, { recursive: true });
  await symlink(long, link);
  const spec = { sessionStore: new InMemorySessionStore(), sessionId: crypto.randomUUID() };
  for (const [index, cwd] of [long, link, long].entries()) {
    const session = await openSession(harness, { ...spec, cwd });
    const turn = await runTurn(session, 'what did I say');
    expect(endOf(turn).outcome).toBe('completed');
    expect(textIn(turn).split('"what did I say"')).toHaveLength(index + 1);
    await session.handle.close();
    await rm(join(harness.agent.configDir, 'projects'), { recursive: true });
  }
});

test('a missing working directory is reported as such', async () => {
  const gone = join(harness.cwd, 'gone');
  await expect(openSession(harness, { cwd: gone })).rejects.toMatchObject({ code: 'cwd_invalid' });
  await writeFile(gone, 'a file');
  await expect(openSession(harness, { cwd: gone })).rejects.toMatchObject({ code: 'cwd_invalid' });
  expect(harness.leftovers('')).toEqual([]);
});
