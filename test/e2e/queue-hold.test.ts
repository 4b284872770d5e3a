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

// Not in the terminal: there the program itself continues at the reset, on a slow machine before the queue is held.
test('PROMPT-6 PROMPT-8: a usage limit holds the waiting prompts until it resets, and then all are answered', async () => {
  const { client } = server;
  const { id } = await server.createChat({ backend: 'claude_sdk', resumeAtReset: true });
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
