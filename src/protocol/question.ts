import type { Decision } from './decision.ts';

/** One question of a decision of kind `question`. Its answer is a label, several joined with `, `, or other text. */
export interface Question {
  question: string;
  /** A word or two; may be empty. */
  header: string;
  options: { label: string; description: string }[];
  multiSelect: boolean;
}

/**
 * The questions in a decision's input; none if they do not have the known shape. They are answered with `allow` and the
 * same input plus `answers`, keyed by the question's own text.
 */
export function questionsOf({ kind, input }: Pick<Decision, 'kind' | 'input'>): Question[] {
  const given = input['questions'];
  if (kind !== 'question' || !Array.isArray(given)) return [];
  const questions = given.map(questionOf);
  return questions.every((question) => question !== undefined) ? questions : [];
}

function questionOf(value: unknown): Question | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { question, header, options, multiSelect } = value as Record<string, unknown>;
  if (typeof question !== 'string' || !Array.isArray(options)) return undefined;
  return {
    question,
    header: typeof header === 'string' ? header : '',
    options: options.flatMap((option: unknown) => {
      const { label, description } = (option ?? {}) as Record<string, unknown>;
      if (typeof label !== 'string') return [];
      return [{ label, description: typeof description === 'string' ? description : '' }];
    }),
    multiSelect: multiSelect === true,
  };
}

/**
 * What is wrong with the answered input of a question. It must be the input that was asked, plus one text for each
 * question and no other; `annotations` are allowed. An agent ignores answers it did not ask for, and a missing answer
 * counts as unanswered.
 */
export function answerProblem(
  asked: Readonly<Record<string, unknown>>,
  given: Readonly<Record<string, unknown>>,
): { path: PropertyKey[]; message: string } | undefined {
  const { answers, annotations, ...rest } = given;
  const { answers: _, annotations: __, ...expected } = asked;
  for (const name of new Set([...Object.keys(expected), ...Object.keys(rest)])) {
    if (!Object.hasOwn(expected, name)) return { path: [name], message: 'is not known here' };
    if (!Object.hasOwn(rest, name)) return { path: [name], message: 'is required, as it was asked' };
    if (!isSame(expected[name], rest[name])) return { path: [name], message: 'must be as it was asked' };
  }
  const questions = questionsOf({ kind: 'question', input: { ...asked } }).map(({ question }) => question);
  return mapProblem('answers', answers, questions) ?? annotationProblem(annotations, questions);
}

function mapProblem(name: string, answers: unknown, questions: readonly string[]) {
  if (!isRecord(answers)) return { path: [name], message: 'must be an object: an answer for each question' };
  const unasked = Object.keys(answers).find((question) => questions.length > 0 && !questions.includes(question));
  if (unasked !== undefined) return { path: [name, unasked], message: 'was not asked' };
  const named = questions.length > 0 ? questions : Object.keys(answers);
  if (named.length === 0) return { path: [name], message: 'must not be empty' };
  for (const question of named) {
    const path = [name, question];
    const answer = Object.hasOwn(answers, question) ? answers[question] : undefined;
    if (answer === undefined) return { path, message: 'is required' };
    if (typeof answer !== 'string') return { path, message: 'must be text; several labels have “, ” between them' };
    if (answer.trim() === '') return { path, message: 'must not be empty' };
  }
  return undefined;
}

function annotationProblem(annotations: unknown, questions: readonly string[]) {
  if (annotations === undefined) return undefined;
  const name = 'annotations';
  if (!isRecord(annotations)) return { path: [name], message: 'must be an object' };
  for (const [question, annotation] of Object.entries(annotations)) {
    if (!questions.includes(question)) return { path: [name, question], message: 'was not asked' };
    if (!isRecord(annotation)) return { path: [name, question], message: 'must be an object' };
    for (const [part, text] of Object.entries(annotation)) {
      const path = [name, question, part];
      if (part !== 'notes' && part !== 'preview') return { path, message: 'is not known here' };
      if (typeof text !== 'string') return { path, message: 'must be text' };
    }
  }
  return undefined;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** For values from JSON; the order of fields does not matter. */
function isSame(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((each, at) => isSame(each, b[at]));
  if (!isRecord(a) || !isRecord(b)) return a === b;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && isSame(a[name], b[name]))
  );
}
