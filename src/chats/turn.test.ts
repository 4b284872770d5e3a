import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { anActor } from '../../test/support/owners-chats.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { chunk, finished, said } from '../../test/support/scripted-backend.ts';
import { openTurnsAlone, type TurnsAlone, yielding } from '../../test/support/turns-alone.ts';
import type { AgentEvent, AgentEventOf } from '../agents/agent-backend.ts';
import { BooError } from '../protocol/error.ts';
import { noUsage } from '../protocol/usage.ts';
import { findChat } from '../store/chats.ts';
import { listDecisions } from '../store/decisions.ts';
import { FencedError } from '../store/storage-error.ts';

let database: TestDatabase;
let here: TurnsAlone;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  here = await openTurnsAlone(database.sql);
  here.open();
});

/** The events after the turn's start. */
async function run(...events: AgentEvent[]) {
  here.script = () => yielding(...events);
  await here.turns.runPrompt(await here.waiting());
  return here.turnOf();
}
const asked = (more: Partial<AgentEventOf<'decision_requested'>> = {}): AgentEventOf<'decision_requested'> => ({
  type: 'decision_requested',
  decisionId: randomUUID(),
  kind: 'permission',
  title: 'Bash',
  input: { command: 'ls' },
  canAllowAlways: false,
  alwaysScope: [],
  ...more,
});
const decisions = async () =>
  (await listDecisions(database.sql, { chatId: here.log.lease.chatId, after: 0, limit: 10 })).items;
const session = async () => {
  const [row] = await database.sql<{ id: string; model: string | null; usd: number; models: string }[]>`
    select session_id as id, model, cost_usd as usd, model_usage::text as models
    from boocode.agent_sessions where chat_id = ${here.log.lease.chatId}`;
  return row!;
};

describe('what the agent says', () => {
  test.each<[AgentEvent, object]>([
    [{ type: 'current_mode_update', permissionMode: 'plan' }, { permissionMode: 'plan' }],
    [{ type: 'current_model_update', model: 'opus' }, { model: 'opus' }],
    [{ type: 'current_effort_update', effort: 'high' }, { effort: 'high' }],
    [{ type: 'session_info_update', title: 'Another name' }, { title: 'Another name' }],
    [
      { type: 'current_directory_update', cwd: '/w/sub', worktree: '/w' },
      { agentDirectory: { cwd: '/w/sub', worktree: '/w' } },
    ],
  ])('is stored, and changes the chat: $type', async (event, change) => {
    const turn = await run(event, finished());
    expect(turn).toMatchObject([{ ...event, turnId: expect.any(String) as string }, { type: 'turn_finished' }]);
    expect(here.settings.row).toMatchObject(change);
    expect(await findChat(database.sql, here.log.lease.chatId)).toMatchObject(change);
  });

  test('names the session to resume from now on', async () => {
    const sessionId = randomUUID();
    await run({ type: 'session_started', sessionId, backend: 'claude_sdk', model: 'opus' }, finished());
    expect(await session()).toMatchObject({ id: sessionId, model: 'opus' });
  });

  test('is shown while it streams, and not stored', async () => {
    const shown: unknown[] = [];
    const { log } = here;
    log.preview = (turnId, body) => void shown.push([turnId, body]);
    const thought = { type: 'agent_thought_chunk', messageId: 'h', content: { type: 'text', text: 'Hm' } } as const;
    const input = { type: 'tool_call_chunk', toolCallId: 't', title: 'Bash', partialInput: '{' } as const;
    const turn = await run(chunk('m', 'So'), thought, input, finished());
    const turnId = turn[0]?.turnId;
    expect(turn.map(({ type }) => type)).toEqual(['turn_finished']);
    expect(shown).toEqual([chunk('m', 'So'), thought, input].map((body) => [turnId, body]));
  });
});

describe('whether a prompt whose turn failed is sent again', () => {
  const call = { toolCallId: 't', title: 'Bash' };
  const made: AgentEvent = { type: 'tool_call', ...call, kind: 'execute', toolName: 'Bash', rawInput: {} };
  test.each<[boolean, AgentEvent]>([
    [true, { type: 'agent_thought', messageId: 'h', content: [] }],
    [true, { type: 'notice', level: 'info', code: 'x', message: '' }],
    [false, chunk('m', 'So')],
    [false, said('So')],
    [false, { type: 'tool_call_chunk', ...call, partialInput: '{' }],
    [false, made],
    [false, asked()],
  ])('is %s after $type', async (sendsAgain, event) => {
    const obstacle = { reason: 'usage_limit' } as const;
    await run(event, finished('failed', { obstacle }));
    expect(here.seen.at(-1)).toEqual(['after', obstacle, '', { promptId: 'p', isBegun: !sendsAgain }]);
  });
});

describe('a decision of a turn', () => {
  test('is stored with its event, and cancelled with the end of the turn', async () => {
    const question = asked({ toolName: 'Bash', toolCallId: 'c', canAllowAlways: true, alwaysScope: ['ls'] });
    const form = asked({ kind: 'form' });
    const cancelled = { type: 'decision_resolved', outcome: 'cancelled', by: 'agent' };
    const turn = await run(question, form, said('So', 'm'), finished());
    expect(turn).toMatchObject([
      question,
      form,
      { type: 'agent_message' },
      { ...cancelled, decisionId: question.decisionId },
      { ...cancelled, decisionId: form.decisionId },
      { type: 'turn_finished' },
    ]);
    const settled = { status: 'resolved', outcome: 'cancelled', by: 'agent', turnId: turn[0]?.turnId };
    const { type: _, decisionId: __, ...facts } = question;
    expect(await decisions()).toMatchObject([
      { id: question.decisionId, ...facts, ...settled },
      { id: form.decisionId, toolName: null, toolCallId: null, ...settled },
    ]);
  });

  test('that the agent settles itself is settled once', async () => {
    const question = asked();
    const { decisionId } = question;
    const settled: AgentEvent = { type: 'decision_resolved', decisionId, outcome: 'deny', by: 'terminal' };
    const turn = await run(question, settled, settled, finished());
    expect(turn.slice(1)).toMatchObject([settled, { type: 'turn_finished' }]);
    expect(await decisions()).toMatchObject([{ outcome: 'deny', by: 'terminal' }]);
  });
});

describe('a turn ends', () => {
  const end = async () => (await here.turnOf()).at(-1);

  test('with the usage and the cost that the agent counted', async () => {
    const usage = { ...noUsage, inputTokens: 3, outputTokens: 5 };
    const models = { m: { ...usage, costUsd: 0.5 } };
    expect(await run(finished('completed', { usage, costUsd: 0.5, models }))).toMatchObject([
      { outcome: 'completed', usage, costUsd: 0.5 },
    ]);
    const { usd, models: booked } = await session();
    expect([usd, JSON.parse(booked)]).toEqual([0.5, models]);
  });

  test('as failed if the agent stops without a result, with what it used until then', async () => {
    await run(said('So', 'm'));
    const error = { code: 'agent_failed', message: 'The agent stopped in the middle of the turn.' };
    expect(await end()).toMatchObject({ outcome: 'failed', error, usage: { outputTokens: 7 } });
    expect(here.traced).toEqual([new Set()]);
  });

  test('as failed with the error of its backend, unless it had ended before', async () => {
    const error = new BooError('model_error', 'No answer.');
    here.script = async function* () {
      yield said('So', 'm');
      throw error;
    };
    await here.turns.runPrompt(await here.waiting());
    expect(await end()).toMatchObject({ outcome: 'failed', error: { code: 'model_error', message: 'No answer.' } });
    here = await openTurnsAlone(database.sql);
    here.script = async function* () {
      yield said('So', 'm');
      yield finished();
      throw error;
    };
    await here.turns.runPrompt(await here.waiting());
    expect(await end()).toMatchObject({ outcome: 'completed' });
  });

  test('as failed if it cannot even begin', async () => {
    here.wasAsked = true;
    here.script = () => {
      throw new BooError('model_error', 'It is busy.');
    };
    await here.turns.runPrompt(await here.waiting());
    expect(await end()).toMatchObject({ outcome: 'failed', error: { code: 'model_error', message: 'It is busy.' } });
  });

  test('without the name of a person whose interrupt came too late', async () => {
    here.script = async function* () {
      yield said('So', 'm');
      await here.turns.interrupt(anActor);
      yield finished();
    };
    await here.turns.runPrompt(await here.waiting());
    const last = await end();
    expect(last).toMatchObject({ outcome: 'completed' });
    expect(last).not.toHaveProperty('by');
  });

  test('as the agent says, even if the host wanted it to fail', async () => {
    here.script = async function* () {
      yield said('So', 'm');
      await here.turns.failTurn(new BooError('model_error', 'It was silent.'));
      yield finished();
    };
    await here.turns.runPrompt(await here.waiting());
    const last = await end();
    expect(last).toMatchObject({ outcome: 'completed' });
    expect(last).not.toHaveProperty('error');
  });

  test('FENCE-2: nowhere, if another host holds the chat; then its agent is told to stop', async () => {
    let stopped = false;
    here.script = async function* () {
      try {
        await database.sql`update boocode.chats set epoch = epoch + 1 where id = ${here.log.lease.chatId}`;
        yield said('So', 'm');
        yield said('And', 'n');
      } finally {
        stopped = true;
      }
    };
    await expect(here.turns.runPrompt(await here.waiting())).rejects.toBeInstanceOf(FencedError);
    expect([stopped, here.state.turn]).toEqual([true, undefined]);
  });
});
