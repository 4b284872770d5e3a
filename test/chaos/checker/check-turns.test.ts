import { describe, expect, test } from 'vitest';
import {
  accepted,
  acknowledged,
  checked,
  finished,
  found,
  kindsOf,
  numbered,
  one,
  rewrite,
  sent,
  started,
  two,
  type TestEvent,
} from './small-run.ts';

describe('PROOF-6: of logs and turns, the checker finds', () => {
  test('a hole, once', async () => {
    const problems = await found((run) => run.logs[two]!.splice(6, 1));
    expect(problems).toContain(`log: The log of chat ${two} has event 8 where 7 belongs.`);
    expect(problems.filter((problem) => problem.startsWith('log'))).toHaveLength(1);
  });

  test.each([
    ['a number twice', (events: TestEvent[]) => events.splice(2, 0, { ...events[2]! })],
    ['events in another order', (events: TestEvent[]) => events.splice(2, 0, ...events.splice(3, 1))],
    ['a first event that is not 1', (events: TestEvent[]) => events.shift()],
    ['an event of another chat', (events: TestEvent[]) => (events[2]!.chatId = one)],
  ])('%s', async (_, change) => {
    expect(await kindsOf((run) => change(run.logs[two]!))).toContain('log');
  });

  test('a turn that starts twice', async () => {
    const problems = await found((run) => run.logs[two]!.push(...numbered(two, [started('t6', [])], 10)));
    expect(problems).toContain(`turn: In chat ${two}, turn t6 starts again at 10.`);
  });

  test('a turn that starts while another one runs', async () => {
    const problems = await found((run) =>
      rewrite(run, two, (events) =>
        events.splice(2, 0, ...numbered(two, [started('t9', []), finished('t9', 'completed')])),
      ),
    );
    expect(problems).toContain(`turn: In chat ${two}, turn t9 starts at 3, while turn t5 runs.`);
  });

  test('a turn that finishes twice', async () => {
    const problems = await found((run) => run.logs[two]!.push(...numbered(two, [finished('t6', 'interrupted')], 10)));
    expect(problems).toEqual([`turn: In chat ${two}, turn t6 finishes again at 10.`]);
  });

  test('a turn that finishes without a start', async () => {
    const problems = await found((run) => run.logs[two]!.push(...numbered(two, [finished('t9', 'completed')], 10)));
    expect(problems).toEqual([`turn: In chat ${two}, turn t9 finishes at 10, but never started.`]);
  });

  test('a turn that never finishes', async () => {
    const problems = await found((run) => run.logs[two]!.push(...numbered(two, [started('t9', [])], 10)));
    expect(problems).toEqual([`turn: In chat ${two}, turn t9 never finished.`]);
  });

  test('a turn with a prompt that was not accepted', async () => {
    const more = [started('t9', ['b7']), finished('t9', 'completed')];
    const problems = await found((run) => run.logs[two]!.push(...numbered(two, more, 10)));
    expect(problems).toEqual([`turn: In chat ${two}, the turn at 10 has prompt b7, which was not accepted.`]);
  });

  test('a prompt that waits again and was not accepted', async () => {
    const more = [started('t9', []), finished('t9', 'interrupted', { requeuedPromptIds: ['b7'] })];
    const problems = await found((run) => run.logs[two]!.push(...numbered(two, more, 10)));
    expect(problems).toEqual([`turn: In chat ${two}, prompt b7 waits again at 11, but was not accepted.`]);
  });

  test('a prompt that gets a second turn without having waited again', async () => {
    const more = [started('t9', ['b1']), finished('t9', 'completed')];
    const report = await checked((run) => run.logs[two]!.push(...numbered(two, more, 10)));
    expect(report.problems.map(({ kind }) => kind)).toEqual(['rerun']);
    expect(report.figures).toMatchObject({ doubled: 1 });
  });

  test('a cancelled prompt that runs', async () => {
    const more = [started('t9', ['a3']), finished('t9', 'completed')];
    expect(await kindsOf((run) => run.logs[one]!.push(...numbered(one, more, 15)))).toEqual(['cancelled']);
  });

  test('a prompt that is cancelled after it ran', async () => {
    const more = [{ type: 'prompt_cancelled', promptId: 'a1' }];
    expect(await kindsOf((run) => run.logs[one]!.push(...numbered(one, more, 15)))).toEqual(['cancelled']);
  });

  test('a prompt that runs before one that was accepted before it', async () => {
    const kinds = await kindsOf((run) => {
      run.records['b']!.push(sent(two, 'b3'), acknowledged(two, 'b3', 10));
      const more = [accepted('b3'), { type: 'queue_resumed' }];
      const turns = ['b3', 'b2'].flatMap((id) => [started(`t-${id}`, [id]), finished(`t-${id}`, 'completed')]);
      run.logs[two]!.push(...numbered(two, [...more, ...turns], 10));
    });
    expect(kinds).toEqual(['reordered']);
  });

  test('no fault in prompts that a person has moved', async () => {
    const kinds = await kindsOf((run) => {
      run.records['b']!.push(sent(two, 'b3'), acknowledged(two, 'b3', 10));
      const moved = { type: 'prompts_reordered', promptIds: ['b3', 'b2'] };
      const turns = ['b3', 'b2'].flatMap((id) => [started(`t-${id}`, [id]), finished(`t-${id}`, 'completed')]);
      run.logs[two]!.push(...numbered(two, [accepted('b3'), moved, { type: 'queue_resumed' }, ...turns], 10));
    });
    expect(kinds).toEqual([]);
  });

  test('no fault in a prompt that a person sends again', async () => {
    const kinds = await kindsOf((run) => {
      const resumed = { type: 'queue_resumed', requeuedPromptIds: ['b1'] };
      const turns = ['b1', 'b2'].flatMap((id) => [started(`t-${id}`, [id]), finished(`t-${id}`, 'completed')]);
      run.logs[two]!.push(...numbered(two, [resumed, ...turns], 10));
    });
    expect(kinds).toEqual([]);
  });

  test('a prompt that waits, although nothing holds it back', async () => {
    const problems = await found((run) => run.logs[two]!.push(...numbered(two, [{ type: 'queue_resumed' }], 10)));
    expect(problems).toEqual([
      `unfinished: In chat ${two}, prompt b2, event 9, still waits, and nothing holds it back.`,
    ]);
  });

  test('no fault in a prompt that waits for an answer', async () => {
    const asked = { type: 'decision_requested', decisionId: 'd2' };
    const kinds = await kindsOf((run) => run.logs[two]!.push(...numbered(two, [{ type: 'queue_resumed' }, asked], 10)));
    expect(kinds).toEqual([]);
  });

  test('a prompt that the model got more often than it had turns', async () => {
    const report = await checked((run) => run.model!.push({ text: 'Text of a1', atMs: 0 }));
    expect(report.problems).toEqual([
      { kind: 'asked', text: 'The model got “Text of a1” 2 times; the log accounts for 1.' },
    ]);
  });

  test('a prompt that the model got, although it was cancelled', async () => {
    expect(await kindsOf((run) => run.model!.push({ text: 'Text of a3', atMs: 0 }))).toEqual(['asked']);
  });

  test('no fault in a prompt that the model got again after the agent had reported a failed request', async () => {
    const kinds = await kindsOf((run) => {
      rewrite(run, one, (events) =>
        events.splice(3, 0, ...numbered(one, [{ type: 'notice', turnId: 't1', code: 'api_retry' }])),
      );
      run.model!.push({ text: 'Text of a1', atMs: 0 });
      for (const record of run.records['a']!) {
        if (record.kind === 'acknowledged' && record['seq'] !== 1) record['seq'] = Number(record['seq']) + 1;
      }
    });
    expect(kinds).toEqual([]);
  });

  test('no fault in a prompt that the model got again when its turn was continued, nor in other requests', async () => {
    const kinds = await kindsOf((run) =>
      run.model!.push(
        { text: 'Text of b1', atMs: 0 },
        { text: 'A title, please', atMs: 0 },
        { text: 'A title, please', atMs: 0 },
      ),
    );
    expect(kinds).toEqual([]);
  });
});
