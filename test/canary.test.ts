// The list of outside behaviours, and how `npm run canary` checks it.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Behaviour, isMeant, readBehaviours } from '../scripts/canary/behaviours.mjs';
import { compareRecordings } from '../scripts/canary/compare-recordings.mjs';
import { differenceText, exitCodeFor, type Item, reportText } from '../scripts/canary/report.mjs';
import { compareNames, namesOf } from '../scripts/canary/sdk-names.mjs';
import { afterSecondRun, type FileOutcome, judge, readReport, type TestOutcome } from '../scripts/canary/verdict.mjs';

const root = join(import.meta.dirname, '..');
const textOf = (file: string): string => readFileSync(join(root, file), 'utf8');
const testFiles = ['src', 'test'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.test\.tsx?$/.test(file))
    .map((file) => `${folder}/${file}`),
);

describe('CLI-19: docs/compatibility.md', () => {
  const behaviours = readBehaviours(textOf('docs/compatibility.md'), testFiles);
  const contracts = ['agent-backend', 'session-store'].map((name) => textOf(`test/contract/${name}.ts`)).join('\n');
  const begin = ({ line, text }: Behaviour): string => `${line}: ${text.slice(0, 60)}`;

  test('names only tests that exist', () => {
    expect(behaviours.length).toBeGreaterThan(80);
    expect(behaviours.flatMap(({ line, missing }) => missing.map((name) => `${line}: ${name}`))).toEqual([]);
    const wrong = behaviours.flatMap(({ line, guards }) =>
      guards
        .filter(({ file, words }) => {
          const text = textOf(file);
          return (
            words !== null &&
            !(/describe(AgentBackend|SessionStore)/.test(text) ? text + contracts : text).includes(words)
          );
        })
        .map(({ file, words }) => `${line}: ${file} > ${words}`),
    );
    expect(wrong).toEqual([]);
  });

  test('names the tests that guard each behaviour, or says that there are none', () => {
    expect(behaviours.filter(({ guards, isUnguarded }) => guards.length === 0 && !isUnguarded).map(begin)).toEqual([]);
  });

  test('names the version in which each behaviour was seen', () => {
    expect(
      behaviours
        .filter(({ text }) => !/\b\d+\.\d+|\b(?:Postgres|Linux|Node|Chromium) \d+|\bas documented\b/.test(text))
        .map(begin),
    ).toEqual([]);
  });

  test('lists no behaviour twice', () => {
    const begins = behaviours.map(({ text }) => text.slice(0, 60));
    expect(begins.filter((text, index) => begins.indexOf(text) !== index)).toEqual([]);
  });
});

const markdown = `# Compatibility

Words before, with \`none.test.ts\`.

## The Agent SDK and the \`claude\` program
### Turns
- The first (2.1.332, measured;
  \`one.test.ts > TURN-4\`).
- The second (measured; the same test).

- The third. \`one.test.ts\` and \`src/b/two.test.tsx\`.
  Its second line.
## Postgres
- The fourth (18, seen by hand).
- The fifth, which \`claude\` 2.1.332 minds: \`gone.test.ts\`.
`;
const parsed = readBehaviours(markdown, [
  'src/a/one.test.ts',
  'test/one.test.ts',
  'src/b/two.test.tsx',
  'src/b/bone.test.ts',
]);

describe('CLI-19: a line of the list', () => {
  test('is mapped to its tests, by path or by name, whole files or some of their tests', () => {
    expect(parsed.map(({ guards }) => guards.map(({ file, words }) => [file, words]))).toEqual([
      [
        ['src/a/one.test.ts', 'TURN-4'],
        ['test/one.test.ts', 'TURN-4'],
      ],
      [
        ['src/a/one.test.ts', 'TURN-4'],
        ['test/one.test.ts', 'TURN-4'],
      ],
      [
        ['src/a/one.test.ts', null],
        ['test/one.test.ts', null],
        ['src/b/two.test.tsx', null],
      ],
      [],
      [],
    ]);
    expect(parsed.map(({ missing }) => missing)).toEqual([[], [], [], [], ['gone.test.ts']]);
    expect(parsed.map(({ isUnguarded }) => isUnguarded)).toEqual([false, false, false, true, false]);
  });

  test('has a subject, a line number, and its text on one line', () => {
    expect(parsed.map(({ subject }) => subject)).toEqual(['Turns', 'Turns', 'Turns', 'Postgres', 'Postgres']);
    expect(parsed.map(({ line }) => line)).toEqual([7, 9, 11, 14, 15]);
    expect(parsed[2]?.text).toBe('The third. `one.test.ts` and `src/b/two.test.tsx`. Its second line.');
  });

  test('concerns the program if its heading says so, or if it names a version of the program', () => {
    expect(parsed.map(({ isOfProgram }) => isOfProgram)).toEqual([true, true, true, false, true]);
  });

  test('can be selected by words of its heading, its text or its tests', () => {
    const chosen = (words?: string): number => parsed.filter((each) => isMeant(each, words)).length;
    expect([chosen(), chosen('TURNS'), chosen('bone'), chosen('two.test')]).toEqual([5, 3, 0, 1]);
  });
});

describe('CLI-19: a verdict', () => {
  const outcome = (...tests: [string, TestOutcome['state'], string?][]): FileOutcome => ({
    problem: null,
    tests: tests.map(([name, state, message = '']) => ({ name, state, message })),
  });
  const guarded = (words: string | null): Behaviour => ({ ...parsed[0]!, guards: [{ file: 'a.test.ts', words }] });
  const verdict = (words: string | null, file?: FileOutcome): string =>
    judge(guarded(words), new Map(file ? [['a.test.ts', file]] : [])).state;

  test('is the result of the tests that are named', () => {
    const file = outcome(['TURN-4: costs', 'passed'], ['TURN-5: errors', 'failed', 'expected 1 to be 2']);
    expect(verdict('TURN-4', file)).toBe('same');
    expect(verdict('TURN-5', file)).toBe('changed');
    expect(judge(guarded(null), new Map([['a.test.ts', file]]))).toEqual({
      state: 'changed',
      details: ['a.test.ts > TURN-5: errors: expected 1 to be 2'],
    });
  });

  test('is missing where no test was run', () => {
    expect(verdict(null)).toBe('not_run');
    expect(verdict(null, { problem: 'It has an error.', tests: [] })).toBe('not_run');
    expect(verdict(null, outcome(['one', 'skipped']))).toBe('not_run');
    expect(verdict('TURN-9', outcome(['one', 'passed']))).toBe('not_run');
    expect(judge({ ...parsed[3]! }, new Map()).state).toBe('unguarded');
  });

  test('counts a test that passes alone as the same, and says so', () => {
    const again = afterSecondRun(
      outcome(['one', 'failed', 'timed out'], ['two', 'failed', 'no']),
      outcome(['one', 'passed'], ['two', 'failed', 'no']),
    );
    expect(verdict('one', again)).toBe('same');
    expect(verdict('two', again)).toBe('changed');
    expect(judge(guarded('one'), new Map([['a.test.ts', again]])).details[0]).toContain(
      'failed once, passed alone. timed out',
    );
  });

  test('is read from vitest’s report: names, states, and the first line of an error', () => {
    const failure =
      '\u001b[31mAssertionError\u001b[39m: expected 1 to be 2\n    at /x/a.test.ts:3:4\n    at b (/y:1:2)';
    const file = (name: string, status: string, assertionResults: object[], message = ''): object => ({
      name: `/x/${name}`,
      status,
      assertionResults,
      message,
    });
    const report = {
      testResults: [
        file('a.test.ts', 'failed', [
          { fullName: ' TURN-4 costs', status: 'passed', failureMessages: [] },
          { fullName: 'b', status: 'failed', failureMessages: [failure] },
          { fullName: 'c', status: 'pending' },
        ]),
        file('b.test.ts', 'failed', [], 'Cannot find module'),
      ],
    };
    expect([...readReport(report, (path) => path.slice(3))]).toEqual([
      [
        'a.test.ts',
        outcome(['TURN-4 costs', 'passed'], ['b', 'failed', 'AssertionError: expected 1 to be 2'], ['c', 'skipped']),
      ],
      ['b.test.ts', { problem: 'Cannot find module', tests: [] }],
    ]);
  });
});

describe('CLI-19: two recordings', () => {
  const id = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
  const init = {
    type: 'system',
    subtype: 'init',
    uuid: id(1),
    claude_code_version: '2.1.330',
    tools: ['Bash', 'Read'],
  };
  const piece = (partial_json: string): object => ({
    type: 'stream_event',
    event: { type: 'content_block_delta', index: 0, delta: { type: 'input_json_delta', partial_json } },
  });
  const result = {
    type: 'result',
    subtype: 'success',
    duration_ms: 12,
    total_cost_usd: 0.1,
    result: 'took 12 ms',
    is_error: false,
  };
  const differences = (before: object[], after: object[]): string[] =>
    compareRecordings(
      before.map((each) => JSON.stringify(each)),
      after.map((each) => JSON.stringify(each)),
    ).map((difference) => differenceText({ difference, scenarios: ['text'] }));

  test('of the same turn are equal despite other ids, times, costs and chunks', () => {
    const after = [
      { ...init, uuid: id(7), claude_code_version: '2.1.332' },
      piece('{"a": '),
      piece('1}'),
      { ...result, duration_ms: 99, total_cost_usd: 0.2, result: 'took 99 ms' },
    ];
    expect(differences([init, piece('{"a"'), piece(': 1}'), result], after)).toEqual([]);
  });

  test('may report concurrent events in another order', () => {
    expect(differences([init, piece('1'), result], [piece('1'), init, result])).toEqual([]);
  });

  test('differ by a field, a value, a member of a list, and a whole frame', () => {
    expect(
      differences(
        [init, result],
        [{ ...init, sandbox_enabled: false, tools: ['Bash', 'Edit'] }, { ...result, is_error: true }, piece('1')],
      ),
    ).toEqual([
      'system/init .tools[]: ["Read"] -> ["Edit"] (text)',
      'system/init .sandbox_enabled: new: false (text)',
      'result/success .is_error: false -> true (text)',
      expect.stringMatching(/^stream_event\/content_block_delta\/input_json_delta: new: \{.*\(text\)$/),
    ]);
  });

  test('differ where an empty list is no longer reported', () => {
    expect(differences([{ ...result, errors: [] }], [result])).toEqual(['result/success .errors: gone: [] (text)']);
  });
});

test('CLI-19: finds names of the SDK that are gone or new', () => {
  const types = (options: string, kind: string): string => `
export declare type Options = {
    /** Not an option: \`no?: string\`. */
    cwd?: string;
    ${options}
    hooks?: {
        inner?: string;
    };
};
export declare interface Query extends AsyncGenerator<SDKMessage, void> {
    interrupt(): Promise<void>;
}
declare type Frame = {
    type: 'system';
    subtype: ${kind};
};
`;
  const before = namesOf(
    types('model?: string;', "'status' | 'init'"),
    '  -p, --print   Prints\n  --resume [id]   Goes on, see --continue\n',
  );
  const after = namesOf(types('fast?: boolean;', "'init'"), '  -p, --print   Prints\n  --continue   Goes on\n');
  expect([...before].toSorted()).toEqual([
    'export Options',
    'export Query',
    'method Query.interrupt',
    'option --print of the program',
    'option --resume of the program',
    'option cwd',
    'option hooks',
    'option model',
    'subtype init',
    'subtype status',
    'type system',
  ]);
  expect(compareNames(before, after)).toEqual({
    gone: ['option model', 'subtype status', 'option --resume of the program'],
    added: ['option fast', 'option --continue of the program'],
  });
});

describe('CLI-19: the report', () => {
  const item = (state: Item['state'], details: string[] = []): Item => ({
    subject: 'Turns',
    text: `It is ${state}`,
    state,
    details,
  });

  test('determines the exit code by what it found', () => {
    expect(exitCodeFor([item('same'), item('unguarded')])).toBe(0);
    expect(exitCodeFor([item('same'), item('not_run')])).toBe(2);
    expect(exitCodeFor([item('not_run'), item('changed')])).toBe(1);
  });

  test('lists each behaviour under its subject, with totals', () => {
    const [before, after] = [
      { sdk: '0.3.332', program: '2.1.332' },
      { sdk: '0.3.333', program: '2.1.333' },
    ];
    const items = [item('same'), item('changed', ['a.test.ts > b: no']), item('not_run')];
    expect(reportText({ before, after, items }).split('\n')).toEqual([
      'Agent SDK 0.3.332 -> 0.3.333, claude 2.1.332 -> 2.1.333',
      '',
      'Turns',
      '  same     It is same',
      '  CHANGED  It is changed',
      '           a.test.ts > b: no',
      '  not run  It is not_run',
      '',
      '1 the same, 1 changed, 1 not run, 0 without a test: look at those by hand.',
    ]);
  });
});
