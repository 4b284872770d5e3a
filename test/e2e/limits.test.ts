// The real program: what it reports about its account and its costs is what clients are told before they pay.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openServer, type TestServer } from '../support/server.ts';
import { runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

let server: TestServer;

// An account with a plan.
beforeAll(async () => {
  server = await openServer({
    config: { hostName: 'here' },
    agentEnv: { ANTHROPIC_API_KEY: null, CLAUDE_CODE_OAUTH_TOKEN: 'sk-ant-oat01-demo' },
  });
});
afterAll(() => server.close());

test('USAGE-25: tells how much of the plan is used, also after a restart', async () => {
  expect(await server.client.planUsage()).toEqual({ items: [] });
  const { id } = await server.createChat({ backend: 'claude_sdk' });
  await runTurn(server.client, id, 'warn about the limit');
  const known = () => server.client.planUsage().then(({ items }) => (items.length > 0 ? items : null));
  const items = await until(known);
  const time = expect.stringMatching(/^\d{4}-.*Z$/) as string;
  const facts = { resetsAt: time, seenAt: time };
  expect(items).toEqual([
    {
      host: 'here',
      agent: 'claude',
      windows: [
        { name: 'five_hour', used: 0.92, status: 'near', ...facts },
        { name: 'seven_day', used: 0.3, status: 'ok', ...facts },
      ],
    },
  ]);
  await server.restart();
  expect(await known()).toEqual(items);
}, 60_000);

test.each(['claude_sdk', 'claude_pty'] as const)(
  'USAGE-23 USAGE-24: estimates what the next prompt costs before it says anything: %s',
  async (backend) => {
    const { client } = server;
    const { id } = await server.createChat({ backend, model: 'claude-sonnet-5-5' });
    expect(await client.wakeCost(id)).toMatchObject({ contextTokens: null, costUsd: null, noPrice: 'no_context' });
    await runTurn(client, id, 'who are you');
    const cost = await until(() => client.wakeCost(id).then((found) => (found.noPrice === null ? found : null)));
    expect(cost).toMatchObject({ model: 'claude-sonnet-5-5', cache: { state: 'unknown', endsAt: null } });
    expect(cost.contextTokens).toBeGreaterThan(5_000);
    // What the program's own list says for a token that is written to the cache of this model.
    expect(cost.costUsd! / (cost.contextTokens! * 2.5e-6)).toBeCloseTo(1, 1);
    await client.patchChat(id, { model: 'claude-opus-5-5' });
    expect(await client.wakeCost(id)).toMatchObject({
      cache: { state: 'ended' },
      costUsd: null,
      noPrice: 'other_model',
    });
  },
  60_000,
);
