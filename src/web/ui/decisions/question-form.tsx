import { type FormEvent, type ReactNode, useId, useState } from 'react';
import type { AnswerDecision, Decision } from '../../../protocol/decision.ts';
import type { Question } from '../../../protocol/question.ts';
import { exactLine, exactParts } from '../../../protocol/exact-text.ts';
import { alikeWords } from '../../../protocol/look-alikes.ts';
import { Marked } from '../parts/marked.tsx';
import { AllowButton, AnswerButton, SeenEnd, UnseenNote, useCanAllow, useJudged } from './seen-gate.tsx';

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
  const formId = useId();
  const canAnswer = useCanAllow();
  const isComplete = choices.every((choice) => answerText(choice) !== '');
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (!canAnswer) return;
    const answers = Object.fromEntries(
      questions.map(({ question }, index) => [question, answerText(choices[index] ?? { chosen: [], own: '' })]),
    );
    onAnswer({ outcome: 'allow', input: { ...decision.input, answers } });
  };
  return (
    <>
      <form id={formId} className="decision-body questions" onSubmit={submit}>
        {questions.map((question, index) => {
          const choice = choices[index] ?? { chosen: [], own: '' };
          const toggle = (label: string, isOn: boolean): void =>
            set(
              index,
              question.multiSelect
                ? {
                    ...choice,
                    chosen: isOn ? [...choice.chosen, label] : choice.chosen.filter((each) => each !== label),
                  }
                : { chosen: [label], own: '' },
            );
          return (
            <Asked key={index} question={question} number={index + 1}>
              {question.options.map((option, place) => (
                <label key={place} className="option">
                  <input
                    type={question.multiSelect ? 'checkbox' : 'radio'}
                    name={`${decision.id}-${index}`}
                    checked={choice.chosen.includes(option.label)}
                    onChange={(event) => toggle(option.label, event.target.checked)}
                  />
                  <span>
                    <strong>
                      <Marked parts={exactLine(option.label, Infinity, prose)} />
                    </strong>
                    {option.description !== '' && (
                      <span className="quiet">
                        {' '}
                        <Marked parts={exactLine(option.description, Infinity, prose)} />
                      </span>
                    )}
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
            </Asked>
          );
        })}
      </form>
      <div className="decision-foot">
        <UnseenNote />
        <div className="actions">
          <AllowButton type="submit" form={formId} className="primary" disabled={isBusy || !isComplete}>
            Answer
          </AllowButton>
          <AnswerButton disabled={isBusy} onClick={() => onAnswer({ outcome: 'deny' })}>
            Do not answer
          </AnswerButton>
        </div>
      </div>
    </>
  );
}

const prose = { isProse: true };

/** A question with its options. */
function Asked({ question, number, children }: { question: Question; number: number; children: ReactNode }) {
  const { place, id } = useJudged<HTMLFieldSetElement>(`question ${number}`, question);
  return (
    <fieldset ref={place} tabIndex={-1}>
      <legend>
        {question.header !== '' && (
          <span className="question-header">
            <Marked parts={exactLine(question.header, Infinity, prose)} />
          </span>
        )}
        <Marked parts={exactParts(question.question, prose)} />
      </legend>
      {children}
      {alikeWords(question.options.map(({ label }) => label)).map((words) => (
        <p key={words} className="problem">
          {words}
        </p>
      ))}
      <SeenEnd id={id} of={question} />
    </fieldset>
  );
}
