import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checked, found, kindsOf, message, numbered, one, shown, smallRun, two, type TestRecord } from './small-run.ts';

function indexOf(records: readonly TestRecord[], fits: (record: TestRecord) => boolean): number {
  const index = records.findIndex(fits);
  expect(index).toBeGreaterThan(-1);
  return index;
}

const isShown =
  (seq: number) =>
  (record: TestRecord): boolean =>
    record.kind === 'shown' && record['seq'] === seq;

describe('PROOF-7: of readers, the checker finds', () => {
  /** Changes what the first reader was shown on its first connection. */
  const onFirst = (change: (records: TestRecord[]) => void) =>
    found((run) => change(run.records['a']!)).then((problems) =>
      problems.map((text) => text.slice(0, text.indexOf(':'))),
    );

  test('an event that was not shown', async () => {
    const report = await checked(({ records: { a } }) => a!.splice(indexOf(a!, isShown(3)), 1));
    expect(report.problems).toEqual([
      { kind: 'hole', text: `Reader r1 of a in chat ${one} was shown event 4 after 2.` },
    ]);
    expect(report.figures).toMatchObject({ holes: 1 });
  });

  test('an event that was not shown after a reconnection', async () => {
    expect(await onFirst((records) => records.splice(indexOf(records, isShown(7)), 1))).toEqual(['hole']);
  });

  test('an event that was shown again', async () => {
    expect(
      await onFirst((records) => records.splice(indexOf(records, isShown(4)), 0, shown(smallRun().logs[one]![2]!))),
    ).toEqual(['again']);
  });

  test('an event that was shown again after a reconnection', async () => {
    expect(
      await onFirst((records) => records.splice(indexOf(records, isShown(7)), 0, shown(smallRun().logs[one]![5]!))),
    ).toEqual(['again']);
  });

  test('events in another order', async () => {
    const kinds = await onFirst((records) => {
      const at = indexOf(records, isShown(3));
      records.splice(at, 0, ...records.splice(at + 1, 1));
    });
    expect(kinds).toEqual(['hole', 'out of order']);
  });

  test('an event with another content than in the log, as two readers would have seen two', async () => {
    const kinds = await onFirst((records) => {
      records[indexOf(records, isShown(3))] = shown({ ...smallRun().logs[one]![2]!, content: [] });
    });
    expect(kinds).toEqual(['differs']);
  });

  test('an event of another type', async () => {
    const kinds = await onFirst((records) => (records[indexOf(records, isShown(3))]!['type'] = 'agent_thought'));
    expect(kinds).toEqual(['differs']);
  });

  test('an event that the log does not have', async () => {
    expect(await onFirst((records) => records.push(shown(numbered(one, [message('t4')], 15)[0]!)))).toEqual([
      'phantom',
    ]);
  });

  test('a verdict that the cursor is of another log', async () => {
    const kinds = await onFirst((records) => {
      const at = indexOf(records, isShown(7));
      records.splice(
        at,
        0,
        { kind: 'reset', reader: 'r1', chatId: one, verdict: 'gap' },
        ...smallRun().logs[one]!.slice(0, 6).map(shown),
      );
    });
    expect(kinds).toEqual(['reset']);
  });

  test('a reader that goes on behind what it has been shown, which would hide a hole', async () => {
    const kinds = await onFirst((records) => {
      const at = indexOf(records, isShown(7));
      records[at - 1]!['after'] = 7;
      records.splice(at, 1);
    });
    expect(kinds).toEqual(['records']);
  });

  test('a reader that was not shown the end, where the run has to show it', async () => {
    const cut = (isStrict: boolean) =>
      checked((run) => {
        run.records['b']!.splice(-2);
        run.run = { seed: 7, strict: isStrict };
      });
    expect((await cut(true)).problems).toEqual([
      { kind: 'behind', text: `Reader r2 of b in chat ${two} was not shown the last 2 events.` },
    ]);
    const report = await cut(false);
    expect(report.problems).toEqual([]);
    expect(report.figures).toMatchObject({ unread: 2 });
  });

  test('a reader that never opened a feed', async () => {
    const kinds = await onFirst((records) =>
      records.splice(
        indexOf(records, ({ kind }) => kind === 'reader'),
        1,
      ),
    );
    expect(kinds).toEqual(['records']);
  });

  test('no fault in a log whose lines have spaces', async () => {
    const kinds = await kindsOf(undefined, async (directory) => {
      const file = join(directory, 'log', `${one}.jsonl`);
      const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
      await writeFile(file, lines.map((line) => `${line.replaceAll('":', '": ')}\n`).join(''));
    });
    expect(kinds).toEqual([]);
  });
});
