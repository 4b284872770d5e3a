import { describe, expect, test } from 'vitest';
import type { AnswerDecision, Decision } from '../protocol/decision.ts';
import { BooError } from '../protocol/error.ts';
import { acceptedAnswer } from './accepted-answer.ts';

type Input = Record<string, unknown>;
type Asked = Pick<Decision, 'kind' | 'input' | 'canAllowAlways'>;

const asked = (kind: Asked['kind'], input: Input, canAllowAlways = false): Asked => ({ kind, input, canAllowAlways });
const bash = asked('permission', { command: 'ls', options: [{ deep: 1 }] }, true);
const question = asked('question', { questions: [{ question: 'Which?', options: [{ label: 'This' }] }] });
const plan = asked('plan', { plan: '# P', file: '/a', more: { deep: 1 } });
const form = (fields: Input): Asked =>
  asked('form', { serverName: 's', requestedSchema: { type: 'object', properties: fields } });
const page = asked('form', { mode: 'url', url: 'https://a.example' });

/** The message with which an answer is refused; it begins with the field. */
function refusalOf(what: Asked, answer: AnswerDecision): string {
  try {
    acceptedAnswer(what, answer);
  } catch (error) {
    if (!(error instanceof BooError) || error.code !== 'invalid_request') throw error;
    const { field } = error.details as { field: string };
    return error.message.startsWith(`${field}: `) ? error.message : `${field} is not in “${error.message}”`;
  }
  throw new Error('The answer was accepted.');
}

describe('DECIDE-3: an accepted answer', () => {
  test('has an input only if it differs from the one shown', () => {
    const same = { options: [{ deep: 1 }], command: 'ls' };
    expect(acceptedAnswer(bash, { outcome: 'allow', input: same })).toEqual({ outcome: 'allow' });
    expect(acceptedAnswer(bash, { outcome: 'allow_always', input: same })).toEqual({ outcome: 'allow_always' });
    expect(acceptedAnswer(bash, { outcome: 'allow', message: 'Go.' })).toEqual({ outcome: 'allow', message: 'Go.' });
    for (const input of [{ command: 'pwd' }, {}, { ...same, more: undefined }]) {
      expect(acceptedAnswer(bash, { outcome: 'allow', input })).toEqual({ outcome: 'allow', input });
    }
  });

  test('that denies has no input', () => {
    for (const what of [bash, question, plan, asked('plan', {})]) {
      expect(acceptedAnswer(what, { outcome: 'deny', message: 'No.', input: { a: 1 } })).toEqual({
        outcome: 'deny',
        message: 'No.',
      });
    }
  });
});

describe('DECIDE-9: refused is', () => {
  test('allow_always where nothing would be remembered, or for another call than the one shown', () => {
    expect(refusalOf({ ...bash, canAllowAlways: false }, { outcome: 'allow_always' })).toBe(
      'outcome: this decision cannot be remembered; answer allow or deny',
    );
    expect(refusalOf(bash, { outcome: 'allow_always', input: { command: 'pwd' } })).toBe(
      'input: cannot be edited with allow_always; answer allow',
    );
  });

  test('an edit with half a character, wherever it is', () => {
    const broken = 'must be valid Unicode';
    const edits: [Input, string][] = [
      [{ command: '\ud800' }, 'input.command'],
      [{ a: { list: ['x', null, 1, { c: 'x\udc00y' }] } }, 'input.a.list[3].c'],
      [{ a: { 'x\ud800': 1 } }, 'input.a.x\ud800'],
    ];
    for (const [input, field] of edits) {
      expect(refusalOf(bash, { outcome: 'allow', input })).toBe(`${field}: ${broken}`);
    }
    // What was asked may contain it, and a pair is a character.
    const odd = asked('permission', { odd: '\ud800', command: 'ls' });
    for (const command of ['pwd', '😀']) {
      const input = { odd: '\ud800', command };
      expect(acceptedAnswer(odd, { outcome: 'allow', input })).toEqual({ outcome: 'allow', input });
    }
    // A name that every object has is not one that was asked.
    const proto = JSON.parse('{"__proto__":{"a":"\\ud800"}}') as Input;
    expect(refusalOf(odd, { outcome: 'allow', input: proto })).toBe(`input.__proto__.a: ${broken}`);
    expect(refusalOf(odd, { outcome: 'allow', input: { toString: '\ud800' } })).toBe(`input.toString: ${broken}`);
  });
});

describe('DECIDE-10: a question', () => {
  const answers = { 'Which?': 'This' };

  test('is allowed only with its answers', () => {
    const needed = 'input: must contain the answers to the question, as {questions, answers}';
    expect(refusalOf(question, { outcome: 'allow' })).toBe(needed);
    expect(refusalOf(question, { outcome: 'allow', input: question.input })).toBe(needed);
    expect(refusalOf(question, { outcome: 'allow', input: { answers } })).toBe(
      'input.questions: is required, as it was asked',
    );
    const input = { ...question.input, answers };
    expect(acceptedAnswer(question, { outcome: 'allow', input })).toEqual({ outcome: 'allow', input });
  });

  test('is not answered with half a character', () => {
    const input = { ...question.input, answers: { 'Which?': '\ud800' } };
    expect(refusalOf(question, { outcome: 'allow', input })).toBe('input.answers.Which?: must be valid Unicode');
  });
});

describe('DECIDE-10: a plan', () => {
  test.each([undefined, 5, '', ' \n'])('whose text is %j cannot be approved', (text) => {
    expect(refusalOf(asked('plan', { plan: text }), { outcome: 'allow' })).toBe(
      'outcome: there is no plan to approve; answer deny, and say what the agent should write',
    );
  });

  test('can be approved as it is, or with another text and nothing else', () => {
    expect(acceptedAnswer(plan, { outcome: 'allow' })).toEqual({ outcome: 'allow' });
    const edited = { ...plan.input, plan: '# Q', more: { deep: 1 } };
    expect(acceptedAnswer(plan, { outcome: 'allow', input: edited })).toEqual({ outcome: 'allow', input: edited });
    expect(refusalOf(plan, { outcome: 'allow', input: { ...edited, plan: ' ' } })).toBe(
      'input.plan: must be the text of the plan',
    );
    for (const [name, value] of [
      ['file', '/b'],
      ['more', { deep: 2 }],
      ['other', 1],
    ] as const) {
      expect(refusalOf(plan, { outcome: 'allow', input: { ...edited, [name]: value } })).toBe(
        `input.${name}: cannot be changed; the plan itself can`,
      );
    }
  });
});

describe('DECIDE-10: a form', () => {
  test('is filled in with what its server asked for', () => {
    const name = form({ name: { type: 'string', minLength: 2 } });
    for (const input of [{ name: 'Ada' }, {}]) {
      expect(acceptedAnswer(name, { outcome: 'allow', input })).toEqual({ outcome: 'allow', input });
    }
    expect(refusalOf(name, { outcome: 'allow' })).toBe('input: must contain the form’s values, by field name');
    expect(refusalOf(name, { outcome: 'allow', input: { name: 'A' } })).toBe(
      'input.name: must be at least 2 characters long',
    );
    expect(refusalOf(name, { outcome: 'allow_always', input: { name: 'Ada' } })).toContain('cannot be remembered');
  });

  test('is not filled in with half a character', () => {
    const name = form({ name: { type: 'string' } });
    expect(refusalOf(name, { outcome: 'allow', input: { name: 'A\ud800' } })).toBe('input.name: must be valid Unicode');
  });

  test('names a wrong field, but not at any length', () => {
    for (const [length, shown] of [
      [100, 'x'.repeat(100)],
      [101, `${'x'.repeat(100)}…`],
    ] as const) {
      const input = { ['x'.repeat(length)]: 1 };
      expect(refusalOf(form({}), { outcome: 'allow', input })).toBe(`input.${shown}: was not asked for`);
    }
  });

  test('that cannot be shown can only be declined', () => {
    const odd = asked('form', { requestedSchema: 'odd' });
    expect(refusalOf(odd, { outcome: 'allow', input: {} })).toBe(
      'outcome: this form has a shape that cannot be filled in; answer deny',
    );
    expect(acceptedAnswer(odd, { outcome: 'deny' })).toEqual({ outcome: 'deny' });
  });

  test('on a page of the server is accepted without values', () => {
    expect(acceptedAnswer(page, { outcome: 'allow' })).toEqual({ outcome: 'allow' });
    expect(refusalOf(page, { outcome: 'allow', input: {} })).toBe(
      'input: must be left out: the request is completed on the server’s own page',
    );
  });

  test('is declined without a message, which nobody would get', () => {
    for (const what of [form({}), page]) {
      expect(acceptedAnswer(what, { outcome: 'deny' })).toEqual({ outcome: 'deny' });
      expect(refusalOf(what, { outcome: 'deny', message: 'No.' })).toBe(
        'message: is not passed on: the server of a form only learns that it was declined',
      );
    }
  });
});
