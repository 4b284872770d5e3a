// The real program on both engines: a failure that would affect every prompt holds the waiting ones, so that none is lost.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ownAgents } from '../support/processes.ts';
import { openServer, type TestServer } from '../support/server.ts';
import { eventsOf, readLog, runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

let server: TestServer;

// An account with a plan: only its limits say when they reset.
beforeAll(async () => {
  server = await openServer({
    agentEnv: {
      CLAUDE_CODE_MAX_RETRIES: '1',
      ANTHROPIC_API_KEY: null,
      CLAUDE_CODE_OAUTH_TOKEN: 'sk-ant-oat01-demo',
    },
  });
});
afterAll(() => server.close());

async function outcomes(chatId: string, count: number): Promise<string[]> {
  const ends = await until(
    async () => {
      const found = eventsOf(await readLog(server.client, chatId), 'turn_finished');
      return found.length >= count ? found : null;
    },
    { timeoutMs: 60_000, what: `${count} turns` },
  );
  return ends.map(({ outcome, requeuedPromptIds }) => (requeuedPromptIds ? 'given back' : outcome));
}

const held = (chatId: string) =>
  until(async () => (await server.client.getChat(chatId)).hold, { timeoutMs: 60_000, what: 'a held queue' });

test('PROMPT-6 PROMPT-8: a usage limit holds the waiting prompts until it resets, and then all are answered', async () => {
  const { client } = server;
  const { id } = await server.createChat({ resumeAtReset: true });
  const seconds = 12;
  const limited = `usage limit for ${seconds} seconds`;
  for (const content of [limited, 'who are you', 'think']) await client.prompt(id, { content });
  const hold = await held(id);
  expect(hold).toMatchObject({ reason: 'usage_limit', sendsAgain: true, resumesAt: hold.resetsAt });
  expect(Math.abs(Date.parse(hold.resetsAt ?? '') - Date.now())).toBeLessThan((seconds + 3) * 1000);
  expect(await outcomes(id, 4)).toEqual(['failed', 'completed', 'completed', 'completed']);
  const log = await readLog(client, id);
  expect(eventsOf(log, 'queue_held')).toHaveLength(1);
  expect(Date.parse(eventsOf(log, 'queue_resumed')[0]!.at)).toBeGreaterThanOrEqual(Date.parse(hold.resetsAt!));
}, 150_000);

describe.each(['claude_sdk', 'claude_pty'] as const)('%s', (backend) => {
  // The terminal program goes on with its turn if it does not have to wait for long.
  const seconds = backend === 'claude_pty' ? 30 : 8;
  const isPast = (time: string | null) => () => Promise.resolve(Date.now() > Date.parse(time ?? '') + 1_000);

  test('USAGE-20 USAGE-22: a usage limit parks the chat until a person goes on, and nothing happens by itself at the reset', async () => {
    const { client } = server;
    const { id } = await server.createChat({ backend });
    await client.prompt(id, { content: `usage limit for ${seconds} seconds` });
    const { resetsAt, ...hold } = await held(id);
    expect(hold).toMatchObject({ reason: 'usage_limit', resumesAt: null, sendsAgain: true });
    await until(async () => ['ready', 'cold'].includes((await client.getChat(id)).state));
    // The terminal program would go on by itself.
    expect((await client.getChat(id)).state).toBe(backend === 'claude_pty' ? 'cold' : 'ready');
    expect((await client.getChat(id)).waiting).toBe(0);
    await until(isPast(resetsAt), { timeoutMs: 60_000 });
    expect(await outcomes(id, 1)).toEqual(['failed']);
    expect((await client.getChat(id)).hold).not.toBeNull();
    // As a person's prompt does when nothing else waits.
    const { held: isHeld } = await client.prompt(id, { content: 'who are you' });
    expect(isHeld).toBeUndefined();
    expect(await outcomes(id, 2)).toEqual(['failed', 'completed']);
  }, 150_000);

  test('USAGE-21: a turn that a limit has stopped in its middle goes on at the reset, also after a restart', async () => {
    const { client } = server;
    const { id } = await server.createChat({ backend, resumeAtReset: true });
    await client.prompt(id, { content: `work until the usage limit for ${seconds} seconds` });
    expect(await held(id)).toMatchObject({ reason: 'usage_limit', continues: true, sendsAgain: false });
    await server.restart();
    expect(await outcomes(id, 2)).toEqual(['failed', 'completed']);
    const log = await readLog(server.client, id);
    const [, goOn] = eventsOf(log, 'prompt_accepted');
    expect(goOn).toMatchObject({ by: 'host' });
    expect(eventsOf(log, 'turn_started').at(-1)?.promptIds).toEqual([goOn?.promptId]);
    expect(JSON.stringify(eventsOf(log, 'agent_message').at(-1))).toContain('I go on where the limit stopped me.');
  }, 150_000);

  test('PROMPT-6: a wrong key fails one turn, not all of them', async () => {
    const { client } = server;
    const { id } = await server.createChat({ backend });
    for (const content of ['fail 401', 'who are you', 'who are you']) await client.prompt(id, { content });
    expect(await held(id)).toMatchObject({ reason: 'sign_in', resetsAt: null });
    const late = await client.prompt(id, { content: 'think' });
    expect(late.held).toBe(true);
    expect(await client.resumeQueue(id, { sendAgain: false })).toMatchObject({ hold: null });
    expect(await outcomes(id, 4)).toEqual(['failed', 'completed', 'completed', 'completed']);
  }, 150_000);

  test('PROMPT-7 PROMPT-10: an idle agent that was just killed loses no prompt, not even one that repeats the last', async () => {
    const { client } = server;
    const { id } = await server.createChat({ backend });
    await runTurn(client, id, 'who are you');
    for (const agent of ownAgents().filter(({ environ }) => environ.includes(`HOME=${server.agent.home}`))) {
      process.kill(agent.pid, 'SIGKILL');
    }
    const { seq } = await client.prompt(id, { content: 'who are you' });
    await client.prompt(id, { content: 'what did I say' });
    const ends = await until(
      async () => {
        const found = eventsOf(await readLog(client, id), 'turn_finished').filter((event) => event.seq > seq);
        return found.filter(({ outcome }) => outcome === 'completed').length === 2 ? found : null;
      },
      { timeoutMs: 30_000 },
    );
    expect(ends.filter(({ requeuedPromptIds }) => !requeuedPromptIds).map(({ outcome }) => outcome)).toEqual([
      'completed',
      'completed',
    ]);
  }, 150_000);

  test('PROMPT-7: a missing directory holds the prompts, which run when it is back', async () => {
    const { client } = server;
    const cwd = join(server.workDir, backend);
    await mkdir(cwd);
    const { id } = await server.createChat({ backend, cwd });
    await rm(cwd, { recursive: true });
    for (const content of ['who are you', 'think']) await client.prompt(id, { content });
    const why = await held(id);
    expect(why.reason).toBe('directory');
    expect(why.message).toContain(`The working directory ${cwd} is gone. Move the chat`);
    await mkdir(cwd);
    await client.resumeQueue(id);
    expect(await outcomes(id, 2)).toEqual(['completed', 'completed']);
  }, 150_000);
});
