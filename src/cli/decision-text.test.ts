import { describe, expect, it } from 'vitest';
import { questionsOf } from '../protocol/client.ts';
import { type Asked, decisionText, questionText, readChoice, readPermission } from './decision-text.ts';
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

describe('decisionText', () => {
  it('shows every line of what will run, and every character', () => {
    const input = { command: 'ls\n\u001b[1A\u001b[2Krm -rf \u202e~ \nend\r', timeout: 5, env: { A: 'b\u001b' } };
    expect(decisionText(asked({ input }), unstyled)).toBe(
      [
        '? Permission  Bash: ls',
        '  command:',
        '  │ ls',
        '  │ ␛[1A␛[2Krm -rf <U+202E>~ ',
        '  │ end␍',
        '  timeout: 5',
        '  env:',
        '  │ {',
        '  │   "A": "b\\u001b"',
        '  │ }',
        '',
      ].join('\n'),
    );
  });

  it('DECIDE-6: says what “always” would mean, where it can be answered', () => {
    const alwaysScope = ['Allow every command like “ls *”,\nin this chat\u001b[2J.', 'Work in “/b” too.'];
    const input = { command: 'ls' };
    expect(decisionText(asked({ input, alwaysScope }), unstyled)).toBe(
      [
        '? Permission  Bash: ls',
        '  command: ls',
        '  always: Allow every command like “ls *”, in this chat␛[2J.',
        '  always: Work in “/b” too.',
        '',
      ].join('\n'),
    );
    expect(decisionText(asked({ input, alwaysScope, canAllowAlways: false }), unstyled)).not.toContain('always');
  });

  it('does not let the name of a field pose as another field', () => {
    expect(decisionText(asked({ input: { 'a\n  command': 'x' } }), unstyled)).toContain('  a␊  command: x\n');
  });

  it('shows a plan word for word', () => {
    expect(decisionText(asked({ kind: 'plan', input: { plan: '# Plan\n1. Go' } }), unstyled)).toBe(
      '? Plan\n  plan:\n  │ # Plan\n  │ 1. Go\n',
    );
  });
});

describe('questions', () => {
  it('lists the options by number', () => {
    const [first] = questionsOf({ kind: 'question', input: { questions: [question] } });
    expect(first).toEqual(question);
    expect(questionText(question, unstyled)).toBe('  Colour  Which colour?\n  1. Green  Calm.\n  2. Red\n');
  });

  it.each([{}, { questions: 'x' }, { questions: [null] }, { questions: [{ question: 1, options: [] }] }])(
    'shows an input of another shape as it is (%o)',
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
  it('takes y, a and n, and nothing by accident', () => {
    expect(readPermission(' Y ', true)).toEqual({ outcome: 'allow' });
    expect(readPermission('always', true)).toEqual({ outcome: 'allow_always' });
    expect(readPermission('a', false)).toBeUndefined();
    expect(readPermission('no', true)).toEqual({ outcome: 'deny' });
    for (const typed of ['', 'yes, but', 'maybe', '1']) expect(readPermission(typed, true)).toBeUndefined();
  });
});
