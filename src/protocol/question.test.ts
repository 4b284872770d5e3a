import { describe, expect, test } from 'vitest';
import { answerProblem } from './question.ts';

const option = (label: string) => ({ label, description: '' });
const one = { question: 'Which?', header: 'W', multiSelect: false, options: [option('This'), option('That')] };
const many = { question: 'What, and why?', header: 'Y', multiSelect: true, options: [option('A, a'), option('B')] };
const asked = { questions: [one, many], metadata: { source: 'remember' } };
const answers = { 'Which?': 'This', 'What, and why?': 'A, a, B' };

describe('DECIDE-10: an answered question', () => {
  test.each([
    ['labels', { ...asked, answers }],
    ['own words', { ...asked, answers: { ...answers, 'Which?': ' Neither:\n“x”, <b>, \u0000 ' } }],
    [
      'another order of fields',
      {
        answers,
        metadata: asked.metadata,
        questions: [{ options: one.options, header: 'W', multiSelect: false, question: 'Which?' }, many],
      },
    ],
    ['notes', { ...asked, answers, annotations: { 'Which?': { notes: 'n', preview: 'p' } } }],
  ])('is accepted with %s', (_, given) => {
    expect(answerProblem(asked, given)).toBeUndefined();
  });

  test.each<[string, Record<string, unknown>, string[], string]>([
    ['no input', {}, ['questions'], 'is required, as it was asked'],
    ['no answers', asked, ['answers'], 'must be an object: an answer for each question'],
    [
      'a list of answers',
      { ...asked, answers: ['This', 'B'] },
      ['answers'],
      'must be an object: an answer for each question',
    ],
    ['one answer of two', { ...asked, answers: { 'Which?': 'This' } }, ['answers', 'What, and why?'], 'is required'],
    [
      'an answer of blanks',
      { ...asked, answers: { ...answers, 'Which?': ' \n' } },
      ['answers', 'Which?'],
      'must not be empty',
    ],
    [
      'a number',
      { ...asked, answers: { ...answers, 'Which?': 1 } },
      ['answers', 'Which?'],
      'must be text; several labels have “, ” between them',
    ],
    [
      'a list',
      { ...asked, answers: { ...answers, 'What, and why?': ['B'] } },
      ['answers', 'What, and why?'],
      'must be text; several labels have “, ” between them',
    ],
    [
      'null',
      { ...asked, answers: { ...answers, 'Which?': null } },
      ['answers', 'Which?'],
      'must be text; several labels have “, ” between them',
    ],
    ['an unasked one', { ...asked, answers: { ...answers, 'Else?': 'Yes' } }, ['answers', 'Else?'], 'was not asked'],
    [
      'an inherited name',
      { ...asked, answers: { ...answers, toString: 'Yes' } },
      ['answers', 'toString'],
      'was not asked',
    ],
    [
      'a note to an unasked one',
      { ...asked, answers, annotations: { 'Else?': {} } },
      ['annotations', 'Else?'],
      'was not asked',
    ],
    [
      'a note that is no text',
      { ...asked, answers, annotations: { 'Which?': { notes: 1 } } },
      ['annotations', 'Which?', 'notes'],
      'must be text',
    ],
    [
      'another annotation',
      { ...asked, answers, annotations: { 'Which?': { x: '' } } },
      ['annotations', 'Which?', 'x'],
      'is not known here',
    ],
    ['another field', { ...asked, answers, response: 'So' }, ['response'], 'is not known here'],
    [
      'other questions',
      { ...asked, questions: [{ ...one, question: 'Else?' }, many], answers },
      ['questions'],
      'must be as it was asked',
    ],
    [
      'other labels',
      { ...asked, questions: [{ ...one, options: [option('This')] }, many], answers },
      ['questions'],
      'must be as it was asked',
    ],
    ['one question less', { ...asked, questions: [one], answers }, ['questions'], 'must be as it was asked'],
    ['no metadata', { questions: asked.questions, answers }, ['metadata'], 'is required, as it was asked'],
  ])('is refused with %s', (_, given, path, message) => {
    expect(answerProblem(asked, given)).toEqual({ path, message });
  });

  test('of an unknown shape needs at least one text', () => {
    const strange = { prompts: ['Which?'] };
    expect(answerProblem(strange, { ...strange, answers: { any: 'text' } })).toBeUndefined();
    expect(answerProblem(strange, { ...strange, answers: {} })).toMatchObject({ path: ['answers'] });
    expect(answerProblem(strange, { ...strange, answers: { any: 1 } })).toMatchObject({ path: ['answers', 'any'] });
    expect(answerProblem(strange, { answers: { any: 'text' } })).toMatchObject({ path: ['prompts'] });
  });
});
