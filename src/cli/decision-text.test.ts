import { describe, expect, it } from 'vitest';
import { questionsOf } from '../client/client.ts';
import { type Asked, decisionRows, questionRows, readChoice, readPermission } from './decision-text.ts';
import { unstyled } from './style.ts';

const asked = (fields: Partial<Asked>): Asked => ({
  id: 'd',
  kind: 'permission',
  title: 'Bash: ls',
  input: {},
  canAllowAlways: true,
  ...fields,
});

const question = {
  question: 'Which colour?',
  header: 'Colour',
  options: [
    { label: 'Green', description: 'Calm.' },
    { label: 'Red', description: '' },
  ],
  multiSelect: false,
};

const paper = { style: unstyled, columns: 80 };
const rowsOf = (fields: Partial<Asked>, columns = 80): string[] =>
  decisionRows(asked(fields), { style: unstyled, columns });

describe('decisionRows', () => {
  it('shows every line of what will run, and every character', () => {
    const input = { command: 'ls\n\u001b[1A\u001b[2Krm -rf \u202e~ \nend\r', timeout: 5, env: { A: 'b\u001b' } };
    expect(rowsOf({ input })).toEqual([
      '? Permission  Bash: ls',
      '│ command (3 lines):',
      '│ │ ls',
      '│ │ ␛[1A␛[2Krm -rf ⟨U+202E⟩~⟨1 space⟩',
      '│ │ end␍',
      '│ timeout: 5',
      '│ env (3 lines):',
      '│ │ {',
      '│ │   "A": "b\\u001b"',
      '│ │ }',
    ]);
  });

  it('DECIDE-20: says what becomes of a sub-agent that asks', () => {
    const words = 'A sub-agent asks. If its process ends before the answer, it starts over';
    expect(rowsOf({ subagentCallId: 'call' })[1]).toContain(words);
    expect(rowsOf({ subagentCallId: null }).join()).not.toContain(words);
  });

  it('DECIDE-11: marks each row, including those that the terminal would wrap', () => {
    const padding = '-'.repeat(30);
    const rows = rowsOf(
      {
        title: `Bash: ${padding}Allow? [y]es`,
        input: { command: `rm x #${padding}\n${padding}? Permission  Bash: ls` },
      },
      20,
    );
    expect(rows).toEqual([
      '? Permission  Bash:',
      '┆  ---------------',
      '┆ ---------------A',
      '┆ llow? [y]es',
      '│ command (2 lines',
      '│ ┆ ):',
      '│ │ rm x #-------',
      '│ ┆ -------------',
      '│ ┆ ----------',
      '│ │ -------------',
      '│ ┆ -------------',
      '│ ┆ ----? Permiss',
      '│ ┆ ion  Bash: ls',
    ]);
  });

  it('DECIDE-11: counts blanks that could scroll something away', () => {
    const text = `rm -rf x${' '.repeat(5_000)}ls`;
    expect(
      rowsOf({ title: `Bash: ${text}`, input: { command: text, description: `List${'\n'.repeat(900)}Files` } }),
    ).toEqual([
      '? Permission  Bash: rm -rf x⟨386 spaces⟩⟨… 4,616 more characters⟩',
      '│ command: rm -rf x⟨5,000 spaces⟩ls',
      '│ description (901 lines):',
      '│ │ List',
      '│ │ ⟨899 empty lines⟩',
      '│ │ Files',
    ]);
  });

  it('DECIDE-6: says what “always” would mean, if it can be answered', () => {
    const alwaysScope = ['Allow every command like “ls *”,\nin this chat\u001b[2J.', 'Work in “/b” too.'];
    const input = { command: 'ls' };
    expect(rowsOf({ input, alwaysScope })).toEqual([
      '? Permission  Bash: ls',
      '│ command: ls',
      '│ always: Allow every command like “ls *”,␊in this chat␛[2J.',
      '│ always: Work in “/b” too.',
    ]);
    expect(rowsOf({ input, alwaysScope, canAllowAlways: false }).join('\n')).not.toContain('always');
  });

  it('does not let a field’s name pose as another field', () => {
    expect(rowsOf({ input: { 'a\n  command': 'x' } })).toContain('│ "a\\n  command": x');
    expect(rowsOf({ input: { 'command: ls #': 'x' } })).toContain('│ "command: ls #": x');
  });

  it('shows a plan word for word', () => {
    expect(rowsOf({ kind: 'plan', input: { plan: '# Plan\n1. Go' }, canAllowAlways: false })).toEqual([
      '? Plan',
      '│ plan (2 lines):',
      '│ │ # Plan',
      '│ │ 1. Go',
    ]);
  });

  it('DECIDE-12: says if there is no plan', () => {
    expect(rowsOf({ kind: 'plan', input: { plan: ' \u200b' } }).at(-1)).toBe(
      '! It contains no plan, so there is nothing to approve.',
    );
  });
});

describe('questions', () => {
  it('lists the options by number', () => {
    const [first] = questionsOf({ kind: 'question', input: { questions: [question] } });
    expect(first).toEqual(question);
    expect(questionRows(question, paper)).toEqual([
      '│ Colour',
      '│ Which colour?',
      '│ 1. Green',
      '│    Calm.',
      '│ 2. Red',
    ]);
  });

  it('DECIDE-11: says which options look alike', () => {
    const options = ['No', 'Yes', 'No\u200b'].map((label) => ({ label, description: '' }));
    expect(questionRows({ ...question, options }, paper).slice(2)).toEqual([
      '│ 1. No',
      '│ 2. Yes',
      '│ 3. No⟨U+200B⟩',
      '! Options 1 and 3 look alike, but are different.',
    ]);
  });

  it.each([{}, { questions: 'x' }, { questions: [null] }, { questions: [{ question: 1, options: [] }] }])(
    'finds no questions in an input of another shape (%o)',
    (input) => {
      expect(questionsOf({ kind: 'question', input })).toEqual([]);
    },
  );

  it('reads numbers as options and other words as the answer', () => {
    expect(readChoice(question, ' 2 ')).toBe('Red');
    expect(readChoice(question, 'blue, please')).toBe('blue, please');
    expect(readChoice(question, '')).toBeUndefined();
    expect(readChoice(question, '0')).toBeUndefined();
    expect(readChoice(question, '3')).toBeUndefined();
    expect(readChoice(question, '1,2')).toBeUndefined();
    expect(readChoice({ ...question, multiSelect: true }, '1, 2')).toBe('Green, Red');
  });
});

describe('readPermission', () => {
  it('accepts y, a and n, and nothing by accident', () => {
    const always = { canAllow: true, canAllowAlways: true };
    expect(readPermission(' Y ', always)).toEqual({ outcome: 'allow' });
    expect(readPermission('always', always)).toEqual({ outcome: 'allow_always' });
    expect(readPermission('a', { canAllow: true })).toBeUndefined();
    expect(readPermission('no', always)).toEqual({ outcome: 'deny' });
    for (const typed of ['', 'yes, but', 'maybe', '1']) expect(readPermission(typed, always)).toBeUndefined();
  });

  it('DECIDE-12: accepts only n if there is nothing to approve', () => {
    const read = (typed: string) => readPermission(typed, { canAllow: false });
    expect([read('y'), read('a'), read('n')]).toEqual([undefined, undefined, { outcome: 'deny' }]);
  });
});
