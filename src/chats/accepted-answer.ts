/** Checks an answer to a decision as far as possible without asking the agent. */
import { isDeepStrictEqual } from 'node:util';
import type { AnswerProblem, DecisionAnswer } from '../agents/agent-backend.ts';
import { fieldName, type SchemaProblem } from '../lib/schema-problems.ts';
import type { AnswerDecision, Decision } from '../protocol/decision.ts';
import { BooError } from '../protocol/error.ts';
import { formOf } from '../protocol/form.ts';
import { answerProblem } from '../protocol/question.ts';
import { formProblem } from './form-answer.ts';

type Asked = Pick<Decision, 'kind' | 'input' | 'canAllowAlways'>;
type Input = Readonly<Record<string, unknown>>;

/**
 * The answer as it is stored, reported, and given to the agent: with an input only if it differs from the one shown.
 * Throws `invalid_request` naming the field.
 */
export function acceptedAnswer(asked: Asked, { input, ...answer }: AnswerDecision): DecisionAnswer {
  const { outcome } = answer;
  const form = formOf(asked);
  const wrong = form && formProblem(form, { ...answer, input });
  if (wrong) refuseAnswer(wrong);
  if (outcome === 'deny') return answer;
  if (outcome === 'allow_always' && !asked.canAllowAlways) {
    refuseAnswer({ field: 'outcome', message: 'this decision cannot be remembered; answer allow or deny' });
  }
  const edited = input && !isDeepStrictEqual(input, asked.input) ? input : undefined;
  const problem = problemOf(asked, edited) ?? (edited && inInput(brokenText([], changed(asked.input, edited))));
  if (problem) refuseAnswer(problem);
  if (!edited) return answer;
  if (outcome === 'allow_always') {
    // The scope that was shown applies to the original call, not to this one.
    refuseAnswer({ field: 'input', message: 'cannot be edited with allow_always; answer allow' });
  }
  return { ...answer, input: edited };
}

export function refuseAnswer({ field, message }: AnswerProblem): never {
  throw new BooError('invalid_request', `${field}: ${message}`, { details: { field } });
}

const inInput = (problem: SchemaProblem | undefined): AnswerProblem | undefined =>
  problem && { field: fieldName(['input', ...problem.path], 'input'), message: problem.message };

function problemOf({ kind, input }: Asked, edited: Input | undefined): AnswerProblem | undefined {
  switch (kind) {
    case 'permission':
    case 'form':
      // The agent knows the tool and what it accepts.
      return undefined;
    case 'question':
      if (edited) return inInput(answerProblem(input, edited));
      return { field: 'input', message: 'must contain the answers to the question, as {questions, answers}' };
    case 'plan':
      return planProblem(input, edited);
  }
}

const isBlank = (value: unknown): boolean => typeof value !== 'string' || value.trim() === '';

function planProblem(input: Input, edited: Input | undefined): AnswerProblem | undefined {
  if (isBlank(input['plan'])) {
    const message = 'there is no plan to approve; answer deny, and say what the agent should write';
    return { field: 'outcome', message };
  }
  if (!edited) return undefined;
  if (isBlank(edited['plan'])) return { field: 'input.plan', message: 'must be the text of the plan' };
  const other = Object.keys(changed(input, edited)).find((name) => name !== 'plan');
  return other === undefined
    ? undefined
    : inInput({ path: [other], message: 'cannot be changed; the plan itself can' });
}

/** The edited input's changed fields. */
const changed = (input: Input, edited: Input): Input =>
  Object.fromEntries(
    Object.entries(edited).filter(
      ([name, value]) => !Object.hasOwn(input, name) || !isDeepStrictEqual(input[name], value),
    ),
  );

/** A lone surrogate is replaced wherever it is written. */
function brokenText(path: readonly PropertyKey[], value: unknown): SchemaProblem | undefined {
  if (typeof value === 'string') {
    return /\p{Surrogate}/u.test(value) ? { path, message: 'must be valid Unicode' } : undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [name, each] of Object.entries(value)) {
    const here = [...path, Array.isArray(value) ? Number(name) : name];
    const found = brokenText(here, name) ?? brokenText(here, each);
    if (found) return found;
  }
  return undefined;
}
