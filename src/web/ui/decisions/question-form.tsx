import { type FormEvent, useState } from 'react';
import type { AnswerDecision, Decision } from '../../../protocol/decision.ts';
import type { Question } from '../../../protocol/question.ts';
import { readable, readableLine } from '../../text/hidden.ts';

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
            question.multiSelect
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
                  type={question.multiSelect ? 'checkbox' : 'radio'}
                  name={`${decision.id}-${index}`}
                  checked={choice.chosen.includes(option.label)}
                  onChange={(event) => toggle(option.label, event.target.checked)}
                />
                <span>
                  <strong>{readable(option.label)}</strong>
                  {option.description !== '' && <span className="quiet"> {readable(option.description)}</span>}
                </span>
              </label>
            ))}
            <label className="own-answer">
              Or in your own words
              <input
                value={choice.own}
                onChange={(event) =>
                  set(index, { chosen: question.multiSelect ? choice.chosen : [], own: event.target.value })
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
