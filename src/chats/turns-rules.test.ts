import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { anActor, ownerVia } from '../../test/support/owners-chats.ts';
import { createGate } from '../../test/support/gate.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { finished, said } from '../../test/support/scripted-backend.ts';
import { asking, openTurnsAlone, prompt, type TurnsAlone, yielding } from '../../test/support/turns-alone.ts';
import { until } from '../../test/support/until.ts';
import { endWithoutResult } from '../agents/agent-backend.ts';
import { BooError } from '../protocol/error.ts';
import type { Event } from '../protocol/event.ts';
import { doneByActor } from '../protocol/principal.ts';
import { textOf } from '../protocol/text-of.ts';
import { FencedError } from '../store/storage-error.ts';

let database: TestDatabase;
let here: TurnsAlone;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  here = await openTurnsAlone(database.sql);
});

const runAtOnce = () =>
  here.turns.runAtOnce(prompt, {
    onStored: (seq) => here.seen.push(['stored', seq]),
    onRefused: (error) => here.seen.push(['refused', (error as Error).name]),
  });

describe('a waiting prompt', () => {
  test('gets its turn once its session is ready, and the start is counted before', async () => {
    here.onWarm = () => void here.seen.push('warm');
    await here.turns.runPrompt(await here.waiting());
    expect(here.seen).toEqual([['p', 1], 'warm', asking]);
    expect(await here.turnOf()).toMatchObject([{ type: 'agent_message' }, { outcome: 'completed' }]);
    expect(await here.row()).toEqual({ starts: 1, waits: false });
  });

  test('needs no count of its start if the session is ready', async () => {
    here.open();
    await here.turns.runPrompt(await here.waiting());
    expect(here.seen).toEqual([asking]);
    expect(await here.turnOf()).toHaveLength(2);
  });

  test('whose start ended three hosts holds the queue', async () => {
    await here.turns.runPrompt(await here.waiting(3));
    const message =
      'The host ended 3 times while the next prompt was begun. Cancel that prompt, or resume to try again.';
    expect(here.seen).toEqual([['hold', { reason: 'crashes', message }, true]]);
    await here.assertNoTurn();
  });

  test('whose start ended two hosts is tried again', async () => {
    await here.turns.runPrompt(await here.waiting(2));
    await here.turnOf();
    expect(await here.row()).toEqual({ starts: 3, waits: false });
  });

  test('is put off, and the attempt not counted, if the chat is released or a task waits meanwhile', async () => {
    for (const happens of [() => void here.queue.addTask('flip', () => Promise.resolve()), () => here.queue.close()]) {
      here.seen = [];
      here.onWarm = happens;
      await here.turns.runPrompt({ id: 'p', seq: 1, content: [], starts: 0 });
      expect(here.seen.at(-1)).toEqual(['p', 0]);
      await here.assertNoTurn();
      here.state.moveSession({ is: 'cold' });
    }
  });

  test('that a person interrupts meanwhile has an interrupted turn, and the agent is not asked', async () => {
    here.onWarm = async () => {
      void here.queue.addTask('flip', () => Promise.resolve());
      expect(await here.turns.interrupt(ownerVia('phone'))).toBe(true);
      throw new BooError('agent_failed', 'No.');
    };
    await here.turns.runPrompt(await here.waiting());
    expect(here.seen).toEqual([['p', 1]]);
    expect(await here.turnOf()).toMatchObject([{ outcome: 'interrupted', ...doneByActor(ownerVia('phone')) }]);
  });

  test('whose agent does not start is tried again as often as that may help, then the queue is held', async () => {
    here.onWarm = () => {
      throw new BooError('agent_failed', 'It did not start.');
    };
    const found = await here.waiting();
    await here.turns.runPrompt(found);
    expect(here.seen.splice(0)).toEqual([['p', 1]]);
    await here.turns.runPrompt({ ...found, starts: 1 });
    expect(here.seen.splice(0)).toEqual([
      ['p', 2],
      ['hold', { reason: 'agent', message: 'It did not start.' }, true],
    ]);
    here.onWarm = () => {
      throw Object.assign(new Error('full'), { code: '53100' });
    };
    await here.turns.runPrompt({ ...found, starts: 2 });
    expect(here.seen.at(-1)).toMatchObject(['hold', { reason: 'storage' }, true]);
    await here.assertNoTurn();
  });

  test('is left alone by a host that has lost the chat', async () => {
    here.onWarm = () => {
      throw new FencedError('c');
    };
    await expect(here.turns.runPrompt(await here.waiting())).rejects.toBeInstanceOf(FencedError);
    await here.assertNoTurn();
  });

  test('that is no longer the next one gets no turn', async () => {
    here.open();
    const found = await here.waiting();
    Object.defineProperty(here.queue, 'isPromptNext', { value: false });
    await here.turns.runPrompt(found);
    await here.assertNoTurn();
    expect(here.seen).toEqual([]);
  });
});

describe('a prompt to a ready chat', () => {
  test('is stored with the start of its turn', async () => {
    here.open();
    await runAtOnce();
    expect(here.seen).toEqual([['stored', 1], asking]);
    expect(await here.turnOf()).toMatchObject([{ type: 'agent_message' }, { outcome: 'completed' }]);
  });

  test('waits again if its agent did not take it', async () => {
    here.open();
    here.script = () => yielding(endWithoutResult('failed', new BooError('agent_failed', 'It died.')));
    await runAtOnce();
    expect(await here.turnOf()).toMatchObject([{ outcome: 'interrupted', requeuedPromptIds: ['p'] }]);
    expect(await here.row()).toEqual({ starts: 1, waits: true });
  });

  test('with an id that is taken changes nothing', async () => {
    here.open();
    await here.waiting();
    await runAtOnce();
    expect(here.seen).toEqual([['refused', 'PostgresError']]);
    await here.assertNoTurn();
  });

  test('that cannot be stored is refused, and drops the chat', async () => {
    here.open();
    await database.sql`update boocode.chats set epoch = epoch + 1 where id = ${here.log.lease.chatId}`;
    await expect(runAtOnce()).rejects.toBeInstanceOf(FencedError);
    expect(here.seen).toEqual([['refused', 'FencedError']]);
    await here.assertNoTurn();
  });

  test('fails if the agent has just ended', async () => {
    here.wasAsked = true;
    await runAtOnce();
    const error = { code: 'agent_failed', message: 'The agent process has ended. Send the prompt again.' };
    expect(await here.turnOf()).toMatchObject([{ outcome: 'failed', error }]);
  });

  test('is interrupted if the chat is being released', async () => {
    here.open();
    here.wasAsked = true;
    here.queue.close();
    await runAtOnce();
    expect(here.seen).toEqual([['stored', 1], 'close']);
    expect(await here.turnOf()).toMatchObject([{ outcome: 'interrupted' }]);
  });
});

describe('TURN-27: a prompt to an agent that takes it while it is being stored', () => {
  /** What the agent is told in the end. */
  let told: Promise<boolean | string>;
  beforeEach(() => {
    here.open();
    here.scriptAhead = ({ turnId, content }, isStored) => {
      here.seen.push(['ahead', here.state.turn?.id === turnId, textOf(content)]);
      told = isStored.catch((error: Error) => error.name);
      return yielding(said('Yes.', 'm'), finished());
    };
  });

  test('is handed over first, and what it answers is stored behind the prompt', async () => {
    await runAtOnce();
    expect(here.seen).toEqual([
      ['ahead', true, textOf(prompt.content)],
      ['stored', 1],
    ]);
    await expect(told).resolves.toBe(true);
    expect(await here.turnOf()).toMatchObject([{ type: 'agent_message' }, { outcome: 'completed' }]);
  });

  test('is handed over first from the queue too', async () => {
    await here.turns.runPrompt(await here.waiting());
    expect(here.seen).toEqual([['ahead', true, textOf(prompt.content)]]);
    await expect(told).resolves.toBe(true);
    expect(await here.turnOf()).toHaveLength(2);
  });

  test('is withdrawn if it is not stored, and nothing of it is', async () => {
    await here.waiting();
    await runAtOnce();
    expect(here.seen).toEqual([['ahead', true, textOf(prompt.content)], ['refused', 'PostgresError'], 'interrupt']);
    await expect(told).resolves.toBe(false);
    await here.assertNoTurn();
  });

  test('is withdrawn if the chat is lost', async () => {
    await database.sql`update boocode.chats set epoch = epoch + 1 where id = ${here.log.lease.chatId}`;
    await expect(runAtOnce()).rejects.toBeInstanceOf(FencedError);
    await expect(told).resolves.toBe('FencedError');
    await here.assertNoTurn();
  });

  test('is withdrawn if the chat is being released by the time it is stored, and waits again', async () => {
    const takeAhead = here.scriptAhead;
    here.scriptAhead = (...given) => {
      here.queue.close();
      return takeAhead(...given);
    };
    await runAtOnce();
    await expect(told).resolves.toBe(false);
    expect(here.seen.slice(1)).toEqual([['stored', 1], 'interrupt', 'close']);
    expect(await here.turnOf()).toMatchObject([{ outcome: 'interrupted', requeuedPromptIds: ['p'] }]);
  });

  test('is not handed over if it was interrupted, or the chat is being released', async () => {
    here.wasAsked = true;
    here.queue.close();
    await runAtOnce();
    expect(here.seen).toEqual([['stored', 1], 'close']);
  });
});

describe('turns that the agent starts by itself', () => {
  test('are recorded one after the other', async () => {
    here.queue.addUnprompted(yielding(said('One.'), finished()));
    here.queue.addUnprompted(yielding(said('Two.'), finished()));
    await here.turns.recordUnprompted();
    const events = await here.events();
    const one = ['turn_started', 'agent_message', 'turn_finished'];
    expect(events.map(({ type }) => type)).toEqual([...one, ...one]);
    expect(events[0]).toMatchObject({ promptIds: [] });
  });

  test('are recorded whatever happens to the waiting prompts', async () => {
    Object.defineProperty(here.queue, 'isPromptNext', { value: false });
    await here.turns.runUnprompted(yielding(finished()));
    expect(await here.turnOf([])).toHaveLength(1);
  });

  test('have no prompt to give back', async () => {
    await here.turns.runUnprompted(yielding(endWithoutResult('failed', new BooError('agent_failed', 'No.'))));
    expect(await here.turnOf([])).toMatchObject([{ outcome: 'failed', error: { message: 'No.' } }]);
    expect(here.seen).toEqual([]);
  });
});

describe('what an agent says', () => {
  const usage = { type: 'usage_update', used: 1, size: 2 } as const;
  let writes: string[][];
  beforeEach(() => {
    here.open();
    writes = [];
    const append = here.log.append.bind(here.log);
    here.log.append = (write) => {
      writes.push(write.events.map(({ body }) => body.type));
      return append(write);
    };
  });

  test('at once is stored at once, in order', async () => {
    here.script = () => yielding(said('One.', 'm'), usage, said('Two.', 'n'), finished());
    await here.turns.runPrompt(await here.waiting());
    expect(writes.at(-1)).toEqual(['agent_message', 'usage_update', 'agent_message']);
    const types = ['agent_message', 'usage_update', 'agent_message', 'turn_finished'];
    expect((await here.turnOf()).map(({ type }) => type)).toEqual(types);
  });

  test('is stored before it says more', async () => {
    const gate = createGate();
    here.script = async function* () {
      yield said('One.', 'm');
      await gate.pass();
      yield usage;
      yield finished();
    };
    const turn = here.turns.runPrompt(await here.waiting());
    await gate.reached;
    await until(async () => (await here.events()).some(({ type }) => type === 'agent_message'));
    gate.open();
    await turn;
    expect(writes.slice(-2)).toEqual([['agent_message'], ['usage_update']]);
  });

  test('no longer matters once the chat is lost, even if it says nothing more', async () => {
    const gate = createGate();
    here.script = async function* () {
      yield said('One.', 'm');
      await gate.pass();
    };
    here.log.append = () => Promise.reject(new FencedError('c'));
    await expect(here.turns.runPrompt(await here.waiting())).rejects.toBeInstanceOf(FencedError);
  });
});

describe('a turn in the middle', () => {
  /** Runs a turn in which this happens. */
  async function during(happens: () => Promise<void>): Promise<Event | undefined> {
    here.open();
    here.script = async function* () {
      yield said('So', 'm');
      await happens();
      yield finished('interrupted');
    };
    await here.turns.runPrompt(await here.waiting());
    return (await here.turnOf()).at(-1);
  }

  test('is interrupted by a person, the first of whom its end names', async () => {
    const end = await during(async () => {
      expect(await here.turns.interrupt(ownerVia('phone'))).toBe(true);
      expect(await here.turns.interrupt(ownerVia('laptop'))).toBe(true);
    });
    expect(here.seen).toEqual([asking, 'interrupt', 'interrupt']);
    expect(end).toMatchObject({ outcome: 'interrupted', ...doneByActor(ownerVia('phone')) });
    expect(await here.turns.interrupt(anActor)).toBe(false);
    expect(here.seen).toHaveLength(3);
  });

  test('is interrupted, or failed by the host, even if its session is lost', async () => {
    const end = await during(async () => {
      here.state.moveSession({ is: 'cold' });
      await here.turns.failTurn(new BooError('model_error', 'It was silent.'));
      expect(await here.turns.interrupt(anActor)).toBe(true);
    });
    expect(end).toMatchObject({ outcome: 'failed', error: { message: 'It was silent.' } });
  });

  test('fails if the host ends it, and not if a person did before', async () => {
    const failure = new BooError('model_error', 'It was silent.');
    await here.turns.failTurn(failure);
    expect(here.seen).toEqual([]);
    const end = await during(() => here.turns.failTurn(failure));
    expect(here.seen).toEqual([asking, 'interrupt']);
    expect(end).toMatchObject({ outcome: 'failed', error: { code: 'model_error', message: 'It was silent.' } });
  });

  test('that a person interrupted is not failed by the host', async () => {
    const end = await during(async () => {
      await here.turns.interrupt(anActor);
      here.seen = [];
      await here.turns.failTurn(new BooError('model_error', 'It was silent.'));
      expect(here.seen).toEqual([]);
    });
    expect(end).toMatchObject({ outcome: 'interrupted' });
  });
});
