import type { Decision } from './decision.ts';

/** One question of a decision of the kind `question`. Its answer is a label, several with `, ` between, or other words. */
export interface Question {
  question: string;
  /** A word or two; may be empty. */
  header: string;
  options: { label: string; description: string }[];
  multiSelect: boolean;
}

/**
 * The questions in a decision's input; none where they do not have the known shape. They are answered with
 * `allow` and the same input, and in it `answers`, by the question's own text.
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
