// The real programs of both engines, started before the prompt.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openServer, type TestServer } from '../support/server.ts';
import { eventsOf, readLog, runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

let server: TestServer;
beforeAll(async () => {
  server = await openServer();
});
afterAll(() => server.close());

test.each(['claude_sdk', 'claude_pty'] as const)(
  'AGENT-40: %s starts ahead of a prompt, new or cold, and the log says nothing of it',
  async (backend) => {
    const { id } = await server.createChat({ backend });
    const warm = async (): Promise<void> => {
      const { head, updatedAt } = await server.client.getChat(id);
      expect(['cold', 'warming']).toContain((await server.client.warm(id)).state);
      await until(async () => (await server.client.getChat(id)).state === 'ready', { timeoutMs: 60_000 });
      expect(await server.client.getChat(id)).toMatchObject({ head, updatedAt });
    };
    await warm();
    const pids = async () => (await server.client.info()).warmChats;
    expect(await pids()).toBe(1);
    expect((await runTurn(server.client, id, 'stream 3 tokens')).text).toContain('t3');
    await server.restart();
    await warm();
    expect((await runTurn(server.client, id, 'what did I say')).text).toContain('stream 3 tokens');
    const log = await readLog(server.client, id);
    expect(eventsOf(log, 'turn_finished').map(({ outcome }) => outcome)).toEqual(['completed', 'completed']);
    await server.client.deleteChat(id);
  },
  120_000,
);
