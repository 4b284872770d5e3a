import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ChatsHost, openChatsHost } from '../../../test/support/chats-host.ts';
import { createTestDatabase, type TestDatabase } from '../../../test/support/postgres.ts';
import { finished, said } from '../../../test/support/scripted-backend.ts';
import { systemClock } from '../../lib/clock.ts';
import type { AgentEvent } from '../../agents/agent-backend.ts';
import { readWakeCost } from './wake-cost.ts';

let database: TestDatabase;
let here: ChatsHost;
let id: string;

beforeAll(async () => {
  database = await createTestDatabase();
  here = await openChatsHost(database.url);
});
afterAll(async () => {
  await here.close();
  await database.drop();
});
beforeEach(async () => {
  ({ id } = await here.createChat());
});

const noUsage = { inputTokens: 0, outputTokens: 0, cacheReadInputTokens: 0, cacheCreationInputTokens: 0 };
const spent = (model: string, usage: object, costUsd: number) =>
  finished('completed', { costUsd, models: { [model]: { ...noUsage, ...usage, costUsd } } });

let turns = 0;
async function turn(...events: AgentEvent[]): Promise<void> {
  here.backend.script = async function* () {
    yield said('Yes.');
    yield* events;
    if (!events.some(({ type }) => type === 'turn_finished')) yield finished();
  };
  turns += 1;
  await here.chats.submitPrompt(id, { id: `p${turns}`, content: 'x' });
  const sent = (await here.log(id)).filter(({ type }) => type === 'prompt_accepted').length;
  await here.events(id, 'turn_finished', sent);
}

const context = (used: number, cacheSeconds?: number): AgentEvent => ({
  type: 'usage_update',
  used,
  size: null,
  ...(cacheSeconds !== undefined && { cacheSeconds }),
});
const costIn = (ms: number) => readWakeCost(database.sql, { ...systemClock, now: () => new Date(Date.now() + ms) }, id);

describe('USAGE-23: the context that is sent again', () => {
  test('is that of the last answer, and its cache lives as long as the provider says', async () => {
    await turn(context(100_000, 300));
    expect(await costIn(200_000)).toMatchObject({ contextTokens: 100_000, cache: { state: 'live' } });
    const { cache, sentAt } = await costIn(400_000);
    expect(cache.state).toBe('ended');
    expect(Date.parse(cache.endsAt!) - Date.parse(sentAt!)).toBe(300_000);
    await turn(context(120_000));
    expect(await costIn(0)).toMatchObject({ contextTokens: 120_000, cache: { state: 'unknown', endsAt: null } });
  });

  test('is unknown once the conversation was summarized, until the agent says how much is left', async () => {
    const compacted: AgentEvent = { type: 'notice', level: 'info', code: 'compacted', message: 'It was summarized.' };
    await turn(context(100_000), compacted);
    expect(await costIn(0)).toMatchObject({ contextTokens: null, noPrice: 'no_context' });
    await turn(compacted, context(9_000));
    expect((await costIn(0)).contextTokens).toBe(9_000);
  });

  test('is known whatever a notice says, in words that a database does not read', async () => {
    const odd: AgentEvent = {
      type: 'notice',
      level: 'info',
      code: 'odd',
      message: 'compacted "compacted" \u0000\ud800',
    };
    await turn(context(70_000), odd);
    expect((await costIn(0)).contextTokens).toBe(70_000);
    await turn(context(80_000), { ...odd, code: 'compacted' });
    expect((await costIn(0)).contextTokens).toBeNull();
  });

  test('is that before the prompts that were rewound', async () => {
    await turn(context(10_000));
    await turn(context(20_000));
    await turn(context(30_000));
    const rewound = { promptIds: [`p${turns - 1}`, `p${turns}`], sessionId: 's' };
    await database.sql`
      insert into boocode.events (chat_id, seq, type, payload)
      select ${id}, max(seq) + 1, 'session_rewound', ${JSON.stringify(rewound)}::text::json
      from boocode.events where chat_id = ${id}`;
    expect((await costIn(0)).contextTokens).toBe(10_000);
  });
});

describe('USAGE-24: its price', () => {
  test('is that of reading the cache while it lives, and of writing it once it has ended', async () => {
    await turn(context(50_000, 300), spent('m1', { cacheCreationInputTokens: 100_000 }, 0.5));
    expect(await costIn(400_000)).toMatchObject({
      model: 'm1',
      costUsd: expect.closeTo(0.25, 2) as number,
      noPrice: null,
    });
    // Nobody has read that model's cache yet.
    expect(await costIn(0)).toMatchObject({ costUsd: null, noPrice: 'not_learned' });
    ({ id } = await here.createChat());
    await turn(context(50_000, 300), spent('m2', { cacheReadInputTokens: 100_000 }, 0.02));
    expect(await costIn(0)).toMatchObject({ model: 'm2', costUsd: expect.closeTo(0.01, 3) as number });
  });

  test('is learned from other chats with the same model', async () => {
    await turn(spent('m3', { cacheCreationInputTokens: 100_000 }, 0.5));
    const { id: other } = await here.createChat();
    id = other;
    await turn(context(50_000), spent('m3', { inputTokens: 1 }, 0));
    expect(await costIn(0)).toMatchObject({ model: 'm3', costUsd: expect.closeTo(0.25, 2) as number });
  });
});

test('USAGE-23: there is none of a chat that does not exist', async () => {
  id = '00000000-0000-4000-8000-000000000000';
  await expect(costIn(0)).rejects.toMatchObject({ code: 'not_found' });
});
