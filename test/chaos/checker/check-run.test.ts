import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checked, found, kindsOf, numbered, one, two, type TestRecord } from './small-run.ts';

test('PROOF-6: a run that kept its promises has no problem, and its figures say what it did', async () => {
  expect(await checked()).toEqual({
    problems: [],
    figures: {
      chats: 2,
      events: 23,
      turns: 6,
      interruptedTurns: 2,
      sent: 8,
      acknowledged: 5,
      refused: 2,
      unknown: 1,
      lost: 0,
      doubled: 0,
      reordered: 0,
      answers: 1,
      readers: 2,
      connections: 4,
      shown: 35,
      holes: 0,
      unread: 0,
      asked: 5,
      kills: 1,
      'fault: kill': 1,
      restarts: 1,
      takeovers: 2,
      takeoverP50Ms: 900,
      takeoverP99Ms: 15_200,
      takeoverMaxMs: 15_200,
      staleRaces: 1,
      staleRows: 0,
      leftChecks: 1,
      leftProcesses: 0,
      tornLines: 0,
      problems: 0,
    },
  });
});

describe('PROOF-6: of decisions, the checker finds', () => {
  const answered = (outcome: string, decisionId = 'd1'): TestRecord => ({
    kind: 'answered',
    chatId: two,
    decisionId,
    outcome,
  });

  test('an acknowledged answer that the log does not have', async () => {
    const problems = await found((run) => run.records['b']!.push(answered('allow', 'd7')));
    expect(problems).toEqual([`decision: b answered decision d7 in chat ${two} with allow; the log has no answer.`]);
  });

  test('an acknowledged answer that the log has otherwise', async () => {
    const problems = await found((run) => run.records['b']!.push(answered('deny')));
    expect(problems).toEqual([`decision: b answered decision d1 in chat ${two} with deny; the log has allow.`]);
  });

  test.each([
    ['settled twice', { type: 'decision_resolved', decisionId: 'd1', outcome: 'allow' }],
    ['requested twice', { type: 'decision_requested', decisionId: 'd1' }],
    ['settled and not requested', { type: 'decision_resolved', decisionId: 'd7', outcome: 'allow' }],
  ])('one that is %s', async (_, body) => {
    expect(await kindsOf((run) => run.logs[two]!.push(...numbered(two, [body], 10)))).toEqual(['decision']);
  });
});

describe('PROOF-6: of hosts, the checker finds', () => {
  const runner = (...records: TestRecord[]) => checked((run) => run.records['runner']!.unshift(...records));

  test('rows of a stale writer', async () => {
    const report = await runner({ kind: 'stale', race: 'append', written: 2 });
    expect(report.problems).toEqual([{ kind: 'stale', text: 'A stale writer got 2 rows in.' }]);
    expect(report.figures).toMatchObject({ staleRaces: 2, staleRows: 2 });
  });

  test('processes that a killed host left behind', async () => {
    const report = await runner({ kind: 'left', host: 'h1', pids: [5, 6] });
    expect(report.problems.map(({ kind }) => kind)).toEqual(['left']);
    expect(report.figures).toMatchObject({ leftProcesses: 2 });
  });

  test('takeovers that took too long, where the run has to keep the limit', async () => {
    const takeover = { kind: 'takeover', chatId: one, from: 'h1', to: 'h2', tookMs: 20_001 };
    const kinds = await kindsOf((run) => {
      run.records['runner']!.unshift(takeover);
      run.run = { seed: 7, strict: true };
    });
    expect(kinds).toEqual(['takeover']);
    const report = await runner(takeover);
    expect(report.problems).toEqual([]);
    expect(report.figures).toMatchObject({ takeoverP99Ms: 20_001 });
  });
});

describe('PROOF-8: of records, the checker says', () => {
  test('that nothing was recorded', async () => {
    const problems = await found((run) => {
      run.records = {};
      run.logs = {};
      run.run = null;
    });
    expect(problems).toEqual([
      'records: run.json is missing.',
      'records: There are no records of any client: nothing was checked.',
      'records: records/runner.jsonl has no end: the run broke off.',
      'records: No prompt was acknowledged: nothing was checked.',
    ]);
  });

  test('that nothing was acknowledged', async () => {
    const problems = await found((run) => {
      for (const [client, records] of Object.entries(run.records)) {
        run.records[client] = records.filter(({ kind }) => kind !== 'acknowledged');
      }
    });
    expect(problems).toEqual(['records: No prompt was acknowledged: nothing was checked.']);
  });

  test('that the run broke off', async () => {
    expect(await found((run) => run.records['runner']!.pop())).toEqual([
      'records: records/runner.jsonl has no end: the run broke off.',
    ]);
  });

  test('that the records of a client are missing', async () => {
    const problems = await found(undefined, (directory) => rm(join(directory, 'records', 'b.jsonl')));
    expect(problems[0]).toBe('records: The records of b are missing.');
  });

  test('that a log is missing', async () => {
    const problems = await found(undefined, (directory) => rm(join(directory, 'log', `${two}.jsonl`)));
    expect(problems).toEqual([`records: The log of chat ${two} is missing: nothing of it was checked.`]);
  });

  test('that run.json cannot be read', async () => {
    const problems = await found(undefined, (directory) => writeFile(join(directory, 'run.json'), '{"seed"'));
    expect(problems).toEqual([expect.stringMatching(/^records: run\.json cannot be read: /)]);
  });

  test('that a line in the middle cannot be read, or is of an unknown kind', async () => {
    const problems = await found(
      (run) => run.records['b']!.push({ kind: 'acknowleged', chatId: two }),
      async (directory) => {
        const file = join(directory, 'records', 'a.jsonl');
        await writeFile(file, `{"kind":"se\n${await readFile(file, 'utf8')}`);
      },
    );
    expect(problems).toEqual([
      'records: records/a.jsonl, line 1: not JSON.',
      expect.stringMatching(/^records: records\/b\.jsonl, line \d+: kind: /),
    ]);
  });

  test('that a line of a log cannot be read', async () => {
    const kinds = await kindsOf(undefined, (directory) => appendFile(join(directory, 'log', `${one}.jsonl`), '{"seq"'));
    expect(kinds).toEqual(['log']);
  });

  test('how many clients broke off in their last line, from which nothing follows', async () => {
    const report = await checked(undefined, (directory) =>
      appendFile(join(directory, 'records', 'a.jsonl'), '{"kind":"acknowledged","chatId":"'),
    );
    expect(report.problems).toEqual([]);
    expect(report.figures).toMatchObject({ tornLines: 1 });
  });

  test('nothing of a last line that is whole but does not end', async () => {
    const problems = await found(undefined, async (directory) => {
      const file = join(directory, 'records', 'b.jsonl');
      await writeFile(file, (await readFile(file, 'utf8')).trimEnd());
      const runner = join(directory, 'records', 'runner.jsonl');
      await writeFile(runner, (await readFile(runner, 'utf8')).trimEnd());
    });
    expect(problems).toEqual([]);
  });
});
