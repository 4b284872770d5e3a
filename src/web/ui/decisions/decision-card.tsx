import { type FormEvent, useId, useMemo, useState } from 'react';
import type { AnswerDecision, Decision } from '../../../protocol/decision.ts';
import type { BooError } from '../../../protocol/error.ts';
import { formOf } from '../../../protocol/form.ts';
import { exactLine } from '../../../protocol/exact-text.ts';
import { planOf } from '../../../protocol/plan.ts';
import { startsOverWords } from '../../../protocol/sub-agent-words.ts';
import { questionsOf } from '../../../protocol/question.ts';
import { Markdown } from '../parts/markdown.tsx';
import { ErrorBoundary } from '../parts/error-boundary.tsx';
import { EditInput } from './edit-input.tsx';
import { ExactText } from './exact-text.tsx';
import { Fields } from './fields.tsx';
import { QuestionForm } from './question-form.tsx';
import { ServerForm } from './server-form.tsx';
import { useSession } from '../parts/session-context.ts';
import { Marked } from '../parts/marked.tsx';
import { Problem } from '../parts/problem.tsx';
import { decisionTitle, titleParts } from '../parts/decision-title.ts';
import { AllowButton, AnswerButton, SeenEnd, SeenGate, UnseenNote, useJudged, useSeenGate } from './seen-gate.tsx';
import { useSteady } from './use-steady.ts';

/** A question of an unknown shape can only be answered by writing JSON. */
const answerWords: Record<Decision['kind'], { allow?: string; edit?: string; deny: string }> = {
  permission: { allow: 'Allow once', edit: 'Edit', deny: 'Deny' },
  plan: { allow: 'Approve the plan', deny: 'Keep planning' },
  question: { edit: 'Answer', deny: 'Do not answer' },
  form: { deny: 'Decline' },
};
const kindWords = { permission: 'Permission', question: 'Question', plan: 'Plan', form: 'Form' };

/** A pending decision: what it is about, to the byte, and its buttons. `among` lists all decisions on the page. */
export function DecisionCard({ decision, among }: { decision: Decision; among: string }) {
  const session = useSession();
  const [isBusy, setBusy] = useState(false);
  const [refused, setRefused] = useState<BooError>();
  const scopeId = useId();
  const editId = useId();
  const [step, setStep] = useState<'choose' | 'deny' | 'edit'>('choose');

  const answer = async (given: AnswerDecision): Promise<void> => {
    setBusy(true);
    setRefused(await session.decide(decision, given));
    setBusy(false);
  };

  const questions = useMemo(() => questionsOf(decision), [decision]);
  const form = useMemo(() => formOf(decision), [decision]);
  const plan = planOf(decision);
  const canBeAllowed = decision.kind !== 'plan' || plan !== undefined;
  const canAllowAlways = canBeAllowed && decision.canAllowAlways;
  // The second click of a double click must not press a button that the first one revealed.
  const gate = useSeenGate(useSteady(`${among} ${step}`));
  const words = answerWords[decision.kind];
  const inputText = JSON.stringify(decision.input, null, 2);

  return (
    <SeenGate value={gate}>
      <section
        className={`decision decision-${decision.kind}`}
        aria-label={`${kindWords[decision.kind]}: ${decisionTitle(decision.title, 120)}`}
      >
        <header>
          <span className="decision-kind">{kindWords[decision.kind]}</span>
          {questions.length === 0 && plan === undefined && (
            <span className="decision-title">
              <bdi>
                <Marked parts={titleParts(decision.title, 200)} />
              </bdi>
            </span>
          )}
        </header>
        {decision.subagentCallId !== null && <p className="quiet">{startsOverWords}</p>}
        {form ? (
          <ErrorBoundary of={decision.id} instead={() => <ExactText text={inputText} />}>
            <ServerForm form={form} isBusy={isBusy} onAnswer={(given) => void answer(given)} />
          </ErrorBoundary>
        ) : questions.length > 0 ? (
          <ErrorBoundary of={decision.id} instead={() => <ExactText text={inputText} />}>
            <QuestionForm
              decision={decision}
              questions={questions}
              isBusy={isBusy}
              onAnswer={(given) => void answer(given)}
            />
          </ErrorBoundary>
        ) : (
          <>
            <div className="decision-body">
              <ErrorBoundary of={decision.id} instead={() => <ExactText text={inputText} />}>
                {plan === undefined ? <Fields input={decision.input} /> : <Plan plan={plan} input={decision.input} />}
              </ErrorBoundary>
              {!canBeAllowed && <p className="problem">It contains no plan, so there is nothing to approve.</p>}
              {step === 'choose' && canAllowAlways && <AlwaysScope id={scopeId} lines={decision.alwaysScope} />}
              {step === 'edit' && (
                <EditInput
                  id={editId}
                  input={decision.input}
                  refused={refused}
                  onAllow={(input) => void answer({ outcome: 'allow', input })}
                />
              )}
            </div>
            <div className="decision-foot">
              {step !== 'deny' && canBeAllowed && <UnseenNote />}
              {step === 'choose' && (
                <div className="actions">
                  {words.allow !== undefined && canBeAllowed && (
                    <AllowButton
                      className="primary"
                      disabled={isBusy}
                      onClick={() => void answer({ outcome: 'allow' })}
                    >
                      {words.allow}
                    </AllowButton>
                  )}
                  {canAllowAlways && (
                    <AllowButton
                      isAlways
                      disabled={isBusy}
                      describedBy={scopeId}
                      onClick={() => void answer({ outcome: 'allow_always' })}
                    >
                      Always allow
                    </AllowButton>
                  )}
                  {words.edit !== undefined && (
                    <button type="button" disabled={isBusy} onClick={() => setStep('edit')}>
                      {words.edit} …
                    </button>
                  )}
                  <button type="button" className="dangerous" disabled={isBusy} onClick={() => setStep('deny')}>
                    {words.deny} …
                  </button>
                </div>
              )}
              {step === 'deny' && (
                <DenyForm
                  what={words.deny}
                  isBusy={isBusy}
                  onBack={() => setStep('choose')}
                  onDeny={(message) => void answer({ outcome: 'deny', ...(message === '' ? {} : { message }) })}
                />
              )}
              {step === 'edit' && (
                <div className="actions">
                  <AllowButton type="submit" form={editId} className="primary" disabled={isBusy}>
                    Allow as edited
                  </AllowButton>
                  <button
                    type="button"
                    onClick={() => {
                      setRefused(undefined);
                      setStep('choose');
                    }}
                  >
                    Back
                  </button>
                </div>
              )}
            </div>
          </>
        )}
        {step !== 'edit' && <Problem text={refused?.message} />}
      </section>
    </SeenGate>
  );
}

/** What "Always allow" will remember. */
function AlwaysScope({ id, lines }: { id: string; lines: readonly string[] }) {
  const judged = useJudged<HTMLDivElement>('what “Always allow” means', lines, { isForAlways: true });
  return (
    <div id={id} className="quiet scope" ref={judged.place} tabIndex={-1}>
      {lines.length === 0 ? (
        <p>“Always allow” makes the agent remember a rule of its own for calls like this one.</p>
      ) : (
        <>
          <p>“Always allow” means:</p>
          <ul>
            {lines.map((line, index) => (
              <li key={index}>
                <Marked parts={exactLine(line, Infinity, { isProse: true })} />
              </li>
            ))}
          </ul>
        </>
      )}
      <SeenEnd id={judged.id} of={lines} />
    </div>
  );
}

/** Approve the text as it is: formatting could hide parts of it. */
function Plan({ plan, input }: { plan: string; input: Record<string, unknown> }) {
  const { plan: _, ...more } = input;
  return (
    <>
      <ExactText text={plan} label="The plan" isProse />
      <details>
        <summary>Formatted</summary>
        <div className="plan-text" tabIndex={0} role="region" aria-label="The plan, formatted">
          <Markdown text={plan} />
        </div>
      </details>
      {Object.keys(more).length > 0 && <Fields input={more} />}
    </>
  );
}

function DenyForm({
  what,
  isBusy,
  onBack,
  onDeny,
}: {
  what: string;
  isBusy: boolean;
  onBack: () => void;
  onDeny: (message: string) => void;
}) {
  const [message, setMessage] = useState('');
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    onDeny(message.trim());
  };
  return (
    <form onSubmit={submit}>
      <label>
        Tell the agent why (optional)
        <textarea
          value={message}
          rows={2}
          maxLength={10_000}
          autoFocus
          onChange={(event) => setMessage(event.target.value)}
        />
      </label>
      <div className="actions">
        <AnswerButton type="submit" className="danger-fill" disabled={isBusy}>
          {what}
        </AnswerButton>
        <button type="button" onClick={onBack}>
          Back
        </button>
      </div>
    </form>
  );
}
