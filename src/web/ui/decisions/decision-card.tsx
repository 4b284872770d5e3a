import { type FormEvent, useId, useState } from 'react';
import type { AnswerDecision, Decision } from '../../../protocol/decision.ts';
import { questionsOf } from '../../../protocol/question.ts';
import { readableLine } from '../../text/hidden.ts';
import { Markdown } from '../../text/markdown.tsx';
import { Diff } from '../parts/diff.tsx';
import { EditInput } from './edit-input.tsx';
import { ExactText } from './exact-text.tsx';
import { QuestionForm } from './question-form.tsx';
import { useSession } from '../parts/session-context.ts';
import { decisionTitle } from '../parts/words.ts';

const kindWords = { permission: 'Permission', question: 'Question', plan: 'Plan' };

/** Something that waits for a person: what it is, to the byte, and the ways to answer. */
export function DecisionCard({ decision }: { decision: Decision }) {
  const session = useSession();
  const [isBusy, setBusy] = useState(false);
  const scopeId = useId();
  const [step, setStep] = useState<'choose' | 'deny' | 'edit'>('choose');

  const answer = async (given: AnswerDecision): Promise<void> => {
    setBusy(true);
    await session.decide(decision, given);
    setBusy(false);
  };

  const questions = questionsOf(decision);
  const plan = decision.kind === 'plan' ? decision.input['plan'] : undefined;
  const isPermission = decision.kind === 'permission';

  return (
    <section
      className={`decision decision-${decision.kind}`}
      aria-label={`${kindWords[decision.kind]}: ${readableLine(decision.title, 120)}`}
    >
      <header>
        <span className="decision-kind">{kindWords[decision.kind]}</span>
        {questions.length === 0 && typeof plan !== 'string' && (
          <span className="decision-title">
            <bdi>{decisionTitle(decision.title, 200)}</bdi>
          </span>
        )}
      </header>
      {questions.length > 0 ? (
        <QuestionForm
          decision={decision}
          questions={questions}
          isBusy={isBusy}
          onAnswer={(given) => void answer(given)}
        />
      ) : (
        <>
          {typeof plan === 'string' ? <Plan plan={plan} /> : <Fields input={decision.input} />}
          {step === 'choose' && (
            <div className="actions">
              <button
                type="button"
                className="primary"
                disabled={isBusy}
                onClick={() => void answer({ outcome: 'allow' })}
              >
                {isPermission ? 'Allow once' : 'Approve the plan'}
              </button>
              {decision.canAllowAlways && (
                <button
                  type="button"
                  disabled={isBusy}
                  aria-describedby={scopeId}
                  onClick={() => void answer({ outcome: 'allow_always' })}
                >
                  Always allow
                </button>
              )}
              {isPermission && (
                <button type="button" disabled={isBusy} onClick={() => setStep('edit')}>
                  Edit …
                </button>
              )}
              <button type="button" className="dangerous" disabled={isBusy} onClick={() => setStep('deny')}>
                {isPermission ? 'Deny …' : 'Keep planning …'}
              </button>
            </div>
          )}
          {step === 'choose' && decision.canAllowAlways && <AlwaysScope id={scopeId} lines={decision.alwaysScope} />}
          {step === 'deny' && (
            <DenyForm
              what={isPermission ? 'Deny' : 'Keep planning'}
              isBusy={isBusy}
              onBack={() => setStep('choose')}
              onDeny={(message) => void answer({ outcome: 'deny', ...(message === '' ? {} : { message }) })}
            />
          )}
          {step === 'edit' && (
            <EditInput
              input={decision.input}
              isBusy={isBusy}
              onBack={() => setStep('choose')}
              onAllow={(input) => void answer({ outcome: 'allow', input })}
            />
          )}
        </>
      )}
    </section>
  );
}

/** What the button stands for, in the words of whoever would remember it. */
function AlwaysScope({ id, lines }: { id: string; lines: readonly string[] }) {
  return (
    <div id={id} className="quiet scope">
      {lines.length === 0 ? (
        <p>“Always allow” makes the agent remember a rule of its own for calls like this one.</p>
      ) : (
        <>
          <p>“Always allow” means:</p>
          <ul>
            {lines.map((line, index) => (
              <li key={index}>
                <bdi>{readableLine(line, 2_000)}</bdi>
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}

function Plan({ plan }: { plan: string }) {
  return (
    <>
      <div className="plan-text" tabIndex={0} role="region" aria-label="The plan">
        <Markdown text={plan} />
      </div>
      <details>
        <summary>Word for word</summary>
        <ExactText text={plan} />
      </details>
    </>
  );
}

/** Every field of the input. A change of text is shown as one first. */
export function Fields({ input }: { input: Record<string, unknown> }) {
  const { old_string: before, new_string: after } = input;
  return (
    <>
      {typeof before === 'string' && typeof after === 'string' && <Diff oldText={before} newText={after} />}
      <dl className="fields">
        {Object.entries(input).map(([name, value]) => (
          <div key={name}>
            <dt>{readableLine(name, 100)}</dt>
            <dd>
              <ExactText
                label={readableLine(name, 100)}
                text={typeof value === 'string' ? value : JSON.stringify(value, null, 2)}
              />
            </dd>
          </div>
        ))}
      </dl>
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
        What the agent is told (you may leave it empty)
        <textarea
          value={message}
          rows={2}
          maxLength={10_000}
          autoFocus
          onChange={(event) => setMessage(event.target.value)}
        />
      </label>
      <div className="actions">
        <button className="danger-fill" disabled={isBusy}>
          {what}
        </button>
        <button type="button" onClick={onBack}>
          Back
        </button>
      </div>
    </form>
  );
}
