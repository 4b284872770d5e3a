import { type FormEvent, useState } from 'react';
import type { AnswerDecision, Decision } from '../../protocol/decision.ts';
import { readable, readableLine } from '../text/hidden.ts';

interface Question {
  question: string;
  header: string;
  options: { label: string; description: string }[];
  isMultiple: boolean;
}

/** The questions of a decision of that kind; none where they do not have the known shape. */
export function questionsOf({ kind, input }: Pick<Decision, 'kind' | 'input'>): Question[] {
  const given = input['questions'];
  if (kind !== 'question' || !Array.isArray(given)) return [];
  const questions = given.map((value: unknown): Question | undefined => {
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
      isMultiple: multiSelect === true,
    };
  });
  return questions.every((question) => question !== undefined) ? questions : [];
}

interface Choice {
  chosen: string[];
  own: string;
}

const answerText = ({ chosen, own }: Choice): string =>
  [...chosen, ...(own.trim() === '' ? [] : [own.trim()])].join(', ');

export function QuestionForm({
  decision,
  questions,
  isBusy,
  onAnswer,
}: {
  decision: Decision;
  questions: Question[];
  isBusy: boolean;
  onAnswer: (answer: AnswerDecision) => void;
}) {
  const [choices, setChoices] = useState<Choice[]>(() => questions.map(() => ({ chosen: [], own: '' })));
  const set = (index: number, choice: Choice): void => setChoices(choices.with(index, choice));
  const isComplete = choices.every((choice) => answerText(choice) !== '');
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const answers = Object.fromEntries(
      questions.map(({ question }, index) => [question, answerText(choices[index] ?? { chosen: [], own: '' })]),
    );
    onAnswer({ outcome: 'allow', input: { ...decision.input, answers } });
  };
  return (
    <form className="questions" onSubmit={submit}>
      {questions.map((question, index) => {
        const choice = choices[index] ?? { chosen: [], own: '' };
        const toggle = (label: string, isOn: boolean): void =>
          set(
            index,
            question.isMultiple
              ? { ...choice, chosen: isOn ? [...choice.chosen, label] : choice.chosen.filter((each) => each !== label) }
              : { chosen: [label], own: '' },
          );
        return (
          <fieldset key={index}>
            <legend>
              {question.header !== '' && <span className="question-header">{readableLine(question.header, 60)}</span>}
              {readable(question.question)}
            </legend>
            {question.options.map((option) => (
              <label key={option.label} className="option">
                <input
                  type={question.isMultiple ? 'checkbox' : 'radio'}
                  name={`${decision.id}-${index}`}
                  checked={choice.chosen.includes(option.label)}
                  onChange={(event) => toggle(option.label, event.target.checked)}
                />
                <span>
                  <strong>{readableLine(option.label, 200)}</strong>
                  {option.description !== '' && <span className="quiet"> {readable(option.description)}</span>}
                </span>
              </label>
            ))}
            <label className="own-answer">
              Or in your own words
              <input
                value={choice.own}
                onChange={(event) =>
                  set(index, { chosen: question.isMultiple ? choice.chosen : [], own: event.target.value })
                }
              />
            </label>
          </fieldset>
        );
      })}
      <div className="actions">
        <button className="primary" disabled={isBusy || !isComplete}>
          Answer
        </button>
        <button type="button" disabled={isBusy} onClick={() => onAnswer({ outcome: 'deny' })}>
          Do not answer
        </button>
      </div>
    </form>
  );
}
