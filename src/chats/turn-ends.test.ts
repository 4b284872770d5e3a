import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { anActor } from '../../test/support/owners-chats.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { chunk, finished, said } from '../../test/support/scripted-backend.ts';
import { asking, openTurnsAlone, type TurnsAlone, yielding } from '../../test/support/turns-alone.ts';
import { type AgentEvent, endWithoutResult } from '../agents/agent-backend.ts';
import { BooError } from '../protocol/error.ts';
import { doneByActor } from '../protocol/principal.ts';
import { findChat } from '../store/chats.ts';

let database: TestDatabase;
let here: TurnsAlone;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  here = await openTurnsAlone(database.sql);
});

describe('PROMPT-10: a prompt that its agent may not have taken', () => {
  const died = endWithoutResult('failed', new BooError('agent_failed', 'It died.'));
  const again = {
    outcome: 'interrupted',
    requeuedPromptIds: ['p'],
    error: { code: 'agent_failed', message: 'The agent ended before it took the prompt, which waits again.' },
  };
  beforeEach(() => here.open());

  test('waits again if it did not, after the session was closed', async () => {
    here.script = () => yielding(died);
    await here.turns.runPrompt(await here.waiting());
    expect(here.seen).toEqual([asking, 'close']);
    expect(await here.turnOf()).toMatchObject([again]);
    expect(await here.row()).toEqual({ starts: 1, waits: true });
  });

  test('holds the queue if that happens twice', async () => {
    here.script = () => yielding(died);
    const facts = { reason: 'agent', message: 'No.', resetsAt: null, promptId: null, sendsAgain: false } as const;
    const hold = { ...facts, since: '2030-01-01T00:00:00.000Z' };
    here.held = { event: { body: { type: 'queue_held', ...facts, resumesAt: null } }, chat: { hold } };
    await here.turns.runPrompt(await here.waiting(1));
    expect(here.seen).toEqual([
      asking,
      'close',
      ['holding', { reason: 'agent', message: 'The agent did not accept the prompt. It died.' }],
    ]);
    expect(await here.turnOf()).toMatchObject([again, { type: 'queue_held', ...facts }]);
    expect((await findChat(database.sql, here.log.lease.chatId))?.hold).toEqual(hold);
  });

  test('holds the queue even if nobody knows why', async () => {
    here.script = () => yielding(endWithoutResult('interrupted'));
    await here.turns.runPrompt(await here.waiting(1));
    expect(here.seen.at(-1)).toEqual(['holding', { reason: 'agent', message: 'The agent did not accept the prompt.' }]);
  });

  test('has not been tried if its server stops', async () => {
    here.script = async function* () {
      here.queue.close();
      yield* yielding(endWithoutResult('interrupted'));
    };
    await here.turns.runPrompt(await here.waiting(1));
    expect(here.seen).toEqual([asking, 'close']);
    expect(await here.row()).toEqual({ starts: 1, waits: true });
  });

  test('stays with its turn if its transcript has it', async () => {
    here.wasAsked = true;
    here.script = () => yielding(died);
    await here.turns.runPrompt(await here.waiting());
    expect(here.seen).toEqual([asking, 'close']);
    expect(await here.turnOf()).toMatchObject([{ outcome: 'failed', error: { message: 'It died.' } }]);
    expect(await here.row()).toEqual({ starts: 1, waits: false });
  });

  test.each<[string, AgentEvent[]]>([
    ['the agent answered', [chunk('m', 'So'), died]],
    ['the agent knows that it had it', [{ ...died, isTaken: true }]],
    ['the turn ended in another way', [endWithoutResult('failed', new BooError('model_error', 'No.'))]],
  ])('is not looked for in a transcript if %s', async (_, events) => {
    here.script = () => yielding(...events);
    await here.turns.runPrompt(await here.waiting());
    expect(here.seen).toEqual([asking]);
    expect((await here.turnOf()).at(-1)).toMatchObject({ outcome: 'failed' });
  });

  test('is not looked for if a person interrupted it', async () => {
    here.script = async function* () {
      await here.turns.interrupt(anActor);
      yield* yielding(endWithoutResult('interrupted'));
    };
    await here.turns.runPrompt(await here.waiting());
    expect(here.seen).toEqual([asking, 'interrupt']);
    expect((await here.turnOf())[0]).toMatchObject({ outcome: 'interrupted', ...doneByActor(anActor) });
  });
});

describe('the end of a turn', () => {
  beforeEach(() => here.open());

  test('TURN-15: includes what a turn without a result has used', async () => {
    const except = new Set(['r']);
    here.script = () => yielding(said('So', 'm'), { ...finished('interrupted'), uncounted: { except } });
    await here.turns.runPrompt(await here.waiting());
    expect(here.traced).toEqual([except]);
    expect((await here.turnOf()).slice(1)).toMatchObject([
      { type: 'notice', code: 'turn_cost_unknown' },
      { outcome: 'interrupted', usage: { outputTokens: 7 } },
    ]);
  });

  test('TURN-15: is as the agent counted it, if it did', async () => {
    await here.turns.runPrompt(await here.waiting());
    expect(here.traced).toEqual([]);
  });

  const limit = { reason: 'usage_limit', resetsAt: '2030-01-01T00:00:00.000Z' } as const;
  const error = { code: 'model_error', message: 'Limit.' } as const;
  test.each<[string, AgentEvent[], unknown]>([
    [
      'before it began',
      [finished('failed', { error, obstacle: limit })],
      ['Limit.', { promptId: 'p', isBegun: false }],
    ],
    [
      'after it began',
      [said('So'), finished('failed', { error, obstacle: limit })],
      ['Limit.', { promptId: 'p', isBegun: true }],
    ],
    ['without a reason', [finished('failed', { obstacle: limit })], ['', { promptId: 'p', isBegun: false }]],
  ])('that failed at an obstacle %s may hold the queue', async (_, events, expected) => {
    here.script = () => yielding(...events);
    await here.turns.runPrompt(await here.waiting());
    expect(here.seen.at(-1)).toEqual(['after', limit, ...(expected as unknown[])]);
  });

  test('of a turn that the agent started by itself may hold the queue too', async () => {
    await here.turns.runUnprompted(yielding(finished('failed', { error, obstacle: limit })));
    expect(here.seen).toEqual([['after', limit, 'Limit.', { promptId: null, isBegun: false }]]);
  });

  test('holds nothing without an obstacle, or if the turn did not fail', async () => {
    await here.turns.runUnprompted(yielding(finished('failed', { error })));
    await here.turns.runUnprompted(yielding(finished('completed', { obstacle: limit })));
    expect(here.seen).toEqual([]);
  });
});
