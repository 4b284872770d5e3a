import { describe, expect, test } from 'vitest';
import {
  accepted,
  acknowledged,
  checked,
  found,
  kindsOf,
  numbered,
  one,
  rewrite,
  sent,
  smallRun,
  two,
} from './small-run.ts';

describe('PROOF-6: of prompts, the checker finds', () => {
  test('one that was acknowledged and is not in the log', async () => {
    const report = await checked((run) => run.records['b']!.push(sent(two, 'b3'), acknowledged(two, 'b3', 10)));
    expect(report.problems).toEqual([
      {
        kind: 'lost',
        text: `Prompt b3 of b in chat ${two} was acknowledged as event 10, and is not in the log.`,
      },
    ]);
    expect(report.figures).toMatchObject({ lost: 1, problems: 1 });
  });

  test('one that is in the log twice', async () => {
    const report = await checked((run) => run.logs[two]!.push(...numbered(two, [accepted('b2')], 10)));
    expect(report.problems).toEqual([
      { kind: 'doubled', text: `Prompt b2 of b in chat ${two} is in the log 2 times, at 9, 10.` },
    ]);
    expect(report.figures).toMatchObject({ doubled: 1 });
  });

  test('one without an answer that is in the log twice', async () => {
    const kinds = await kindsOf((run) =>
      rewrite(run, one, (events) => events.splice(11, 0, ...numbered(one, [accepted('a6')]))),
    );
    expect(kinds).toEqual(['doubled']);
  });

  test('a text that is stored under two ids, or in two chats', async () => {
    const other = { ...accepted('b9'), content: accepted('a1')['content'] };
    const problems = await found((run) => {
      run.logs[two]!.push(...numbered(two, [other], 10));
      run.records['b']!.push({ ...sent(two, 'b9'), text: 'Text of a1' });
    });
    expect(problems).toEqual([
      `doubled: One text is stored as 2 prompts: a1 in chat ${one}, at 1; b9 in chat ${two}, at 10.`,
    ]);
  });

  test('a receipt that names another event', async () => {
    const kinds = await kindsOf((run) => {
      const at = run.records['b']!.findIndex(({ kind, promptId }) => kind === 'acknowledged' && promptId === 'b2');
      run.records['b']![at] = acknowledged(two, 'b2', 8);
    });
    expect(kinds).toEqual(['receipt']);
  });

  test('a second receipt that differs from the first', async () => {
    expect(await kindsOf((run) => run.records['b']!.push(acknowledged(two, 'b1', 2)))).toEqual(['receipt']);
  });

  test('one that is stored with another text', async () => {
    const kinds = await kindsOf((run) => {
      run.logs[two]!.at(-1)!['content'] = [{ type: 'text', text: 'Something else' }];
      run.records['b']!.pop();
    });
    expect(kinds).toEqual(['altered']);
  });

  test('one that was refused and is stored', async () => {
    const kinds = await kindsOf((run) => {
      run.logs[two]!.push(...numbered(two, [accepted('b3')], 10));
      run.records['b']!.push(sent(two, 'b3'), { kind: 'refused', chatId: two, promptId: 'b3', code: 'conflict' });
    });
    expect(kinds).toEqual(['refused']);
  });

  test('one that nobody sent', async () => {
    const kinds = await kindsOf((run) => run.logs[two]!.push(...numbered(two, [accepted('b3')], 10)));
    expect(kinds).toEqual(['invented']);
  });

  test('two of one client that are stored in another order than they were acknowledged in', async () => {
    const report = await checked((run) => {
      run.logs[two]!.push(...numbered(two, [accepted('b4'), accepted('b3')], 10));
      run.records['b']!.push(
        sent(two, 'b3'),
        acknowledged(two, 'b3', 11),
        sent(two, 'b4'),
        acknowledged(two, 'b4', 10),
      );
    });
    expect(report.problems.map(({ kind }) => kind)).toEqual(['reordered']);
    expect(report.figures).toMatchObject({ reordered: 1 });
  });

  test('one that stands before what was acknowledged, though not last, when it was sent', async () => {
    const kinds = await kindsOf((run) => {
      run.logs[two]!.push(...numbered(two, [accepted('b4'), accepted('b5'), accepted('b3')], 10));
      run.records['b']!.push(
        sent(two, 'b3'),
        sent(two, 'b4'),
        acknowledged(two, 'b3', 12),
        acknowledged(two, 'b4', 10),
      );
      run.records['b']!.push(sent(two, 'b5'), acknowledged(two, 'b5', 11));
    });
    expect(kinds).toEqual(['reordered']);
  });

  test('no fault in one that was sent again after a later one was acknowledged', async () => {
    const kinds = await kindsOf((run) => {
      run.logs[two]!.push(...numbered(two, [accepted('b3'), accepted('b4')], 10));
      run.records['b']!.push(sent(two, 'b3'), sent(two, 'b4'), acknowledged(two, 'b4', 11));
      run.records['b']!.push(sent(two, 'b3', { attempt: 2 }), acknowledged(two, 'b3', 10));
    });
    expect(kinds).toEqual([]);
  });

  test('no fault in two that were under way at once', async () => {
    const kinds = await kindsOf((run) => {
      run.logs[two]!.push(...numbered(two, [accepted('b4'), accepted('b3')], 10));
      run.records['b']!.push(
        sent(two, 'b3'),
        sent(two, 'b4'),
        acknowledged(two, 'b3', 11),
        acknowledged(two, 'b4', 10),
      );
    });
    expect(kinds).toEqual([]);
  });

  test('no fault in one that was refused when an earlier request of it had stored it', async () => {
    // That of the small run.
    const run = smallRun();
    expect(run.logs[one]!.map((event) => event['promptId'])).toContain('a6');
    expect(run.records['a']!.filter(({ promptId }) => promptId === 'a6').map(({ kind }) => kind)).toEqual([
      'sent',
      'sent',
      'refused',
    ]);
    expect(await kindsOf()).toEqual([]);
  });
});
