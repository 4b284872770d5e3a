import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openChatLog } from '../../test/support/open-chat-log.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import type { ModelCost } from '../agents/agent-backend.ts';
import { noUsage } from '../protocol/usage.ts';
import { openAgentSession } from '../store/agent-sessions.ts';
import type { Write } from '../store/events.ts';
import type { ChatLog } from './chat-log.ts';
import { costAdded, costResumed } from './session-cost.ts';

type Models = Record<string, ModelCost>;

let database: TestDatabase;
let log: ChatLog;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  log = await openChatLog(database.sql);
});

const open = (isAdopted = false) =>
  openAgentSession(database.sql, log.lease, {
    agent: 'claude',
    backend: 'claude_sdk',
    sessionId: randomUUID(),
    isAdopted,
  });
const cost = (outputTokens: number, costUsd: number): ModelCost => ({ ...noUsage, outputTokens, costUsd });
const add = (costUsd: number, models: Models, counted?: Models): Write | null =>
  costAdded(log, 'claude', { costUsd, models }, counted);
const resume = (counted: Models): Promise<Write | null> => costResumed(database.sql, log, 'claude', counted);

/** The totals, and how much of the agent's own count they contain. */
async function books(): Promise<{ usd: number; models: unknown; counted: unknown }> {
  const [row] = await database.sql<{ usd: number; models: string; counted: string | null }[]>`
    select cost_usd as usd, model_usage::text as models, counted_usage::text as counted
    from boocode.agent_sessions where chat_id = ${log.lease.chatId}`;
  return {
    usd: row!.usd,
    models: JSON.parse(row!.models) as unknown,
    counted: row!.counted === null ? null : (JSON.parse(row!.counted) as unknown),
  };
}

const notice = (message: string, data: object) => ({
  body: { type: 'notice', level: 'info', code: 'session_cost', message, data },
});

describe('TURN-16: what a session cost beyond its turns', () => {
  test('is booked, and reported with its amount', async () => {
    await open();
    const models = { m: cost(5, 0.25) };
    const write = add(0.25, models)!;
    expect(write.events).toEqual([
      notice('The session cost $0.2500 beyond its turns.', { costUsd: 0.25, models: { m: cost(5, 0.25) } }),
    ]);
    await log.append(write);
    expect(await books()).toEqual({ usd: 0.25, models, counted: models });
  });

  test('is booked in tokens too, if they cost nothing, or in dollars alone', () => {
    expect(add(0, { m: cost(5, 0) })?.events).toHaveLength(1);
    expect(add(0.5, {})?.events).toHaveLength(1);
    expect(add(0, {})).toBeNull();
  });
});

describe('TURN-16: when a session is opened', () => {
  test('nothing is written if the books agree with the agent’s count, up to rounding', async () => {
    await open();
    expect(await resume({})).toBeNull();
    expect(await resume({ m: cost(0, 1e-9) })).toBeNull();
    await log.append(add(0.1, { m: cost(5, 0.1) })!);
    await log.append(add(0.2, { m: cost(0, 0.2) })!);
    expect(await resume({ m: cost(5, 0.3) })).toBeNull();
    // A model that used nothing.
    expect(await resume({ m: cost(5, 0.3), n: cost(0, 0) })).toBeNull();
  });

  test('what was counted and not booked is booked, and the count is taken as it is', async () => {
    await open();
    await log.append(add(0.25, { m: cost(5, 0.25) })!);
    const counted = { m: cost(4, 0.75), n: cost(1, 0) };
    const write = await resume(counted);
    expect(write?.events).toEqual([
      notice('The session cost $0.5000 beyond its turns.', {
        costUsd: 0.5,
        models: { m: cost(0, 0.5), n: cost(1, 0) },
      }),
    ]);
    await log.append(write!);
    expect(await books()).toEqual({ usd: 0.75, models: { m: cost(5, 0.75), n: cost(1, 0) }, counted });
    expect(await resume(counted)).toBeNull();
  });

  test.each<[string, boolean, Models]>([
    ['with fewer dollars than were booked', false, { m: cost(5, 0.125) }],
    ['with fewer tokens and no more dollars', false, { m: cost(4, 0.25) }],
    ['of a session that was adopted', true, { m: cost(50, 5) }],
  ])('a count %s is taken as it is, and nothing is booked', async (_, isAdopted, counted) => {
    await open(isAdopted);
    await log.append(add(0.25, { m: cost(5, 0.25) })!);
    const write = await resume(counted);
    expect(write?.events).toEqual([]);
    await log.append(write!);
    expect(await books()).toMatchObject({ usd: 0.25, counted });
  });
});
