import { type FormEvent, type ReactNode, useId, useRef, useState } from 'react';
import type { FormField } from '../../../protocol/form.ts';
import {
  asksForSecret,
  checkFormValues,
  fieldHint,
  formDefaults,
  type FormValues,
} from '../../../protocol/form-values.ts';
import { exactLine, exactParts } from '../../../protocol/exact-text.ts';
import { readableLine } from '../../text/hidden.ts';
import { Marked } from '../parts/marked.tsx';
import { type Draft, draftOf, FieldInput, valueOf } from './field-input.tsx';
import { AllowButton, UnseenNote, useIsSeen } from './seen.tsx';

const prose = { isProse: true };

/** The fields of a form, with what is wrong said at each. */
export function FormFields({
  fields,
  isBusy,
  send,
  onSend,
  children,
}: {
  fields: readonly FormField[];
  isBusy: boolean;
  send: string;
  onSend: (values: FormValues) => void;
  children: ReactNode;
}) {
  const id = useId();
  const isSeen = useIsSeen();
  const form = useRef<HTMLFormElement>(null);
  const [drafts, setDrafts] = useState<Draft[]>(() => {
    const defaults = formDefaults(fields);
    return fields.map((field) => draftOf(field, defaults[field.name]));
  });
  const [problems, setProblems] = useState<ReadonlyMap<string, string>>(new Map());

  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (!isSeen) return;
    const given = fields.map((field, index) => [field.name, valueOf(field, drafts[index] ?? '')] as const);
    const values = Object.fromEntries(given.filter(([, value]) => value !== undefined));
    const found = new Map(checkFormValues(fields, values).map(({ field, problem }) => [field, problem]));
    setProblems(found);
    if (found.size === 0) return onSend(values);
    const first = fields.findIndex(({ name }) => found.has(name));
    form.current?.querySelector<HTMLElement>(`[data-field="${first}"] :is(input, textarea, select)`)?.focus();
  };

  return (
    <form ref={form} className="server-fields" onSubmit={submit} noValidate autoComplete="off">
      {fields.map((field, index) => {
        const problem = problems.get(field.name);
        const names = { hint: `${id}-${index}-hint`, problem: `${id}-${index}-problem` };
        const hint = fieldHint(field);
        const isTold = hint !== '' || field.description !== '' || asksForSecret(field);
        const described = [isTold ? names.hint : '', problem === undefined ? '' : names.problem].filter(Boolean);
        return (
          <div key={field.name} data-field={index} className="server-field">
            <FieldInput
              field={field}
              draft={drafts[index] ?? ''}
              onChange={(draft) => setDrafts(drafts.with(index, draft))}
              isWrong={problem !== undefined}
              describedBy={described.length === 0 ? undefined : described.join(' ')}
              label={
                <>
                  <Marked parts={exactLine(field.title, 200, prose)} />
                  {field.isRequired ? (
                    <span className="required"> (required)</span>
                  ) : (
                    <span className="quiet"> (optional)</span>
                  )}
                </>
              }
            />
            {isTold && (
              <p id={names.hint} className="field-hint">
                {field.description !== '' && (
                  <span className="quiet">
                    <Marked parts={exactParts(field.description, prose)} />{' '}
                  </span>
                )}
                {hint !== '' && <span className="quiet">{readableLine(hint)}. </span>}
                {asksForSecret(field) && (
                  <strong className="caution">
                    This looks like a password or a key. No MCP server may ask for one in a form.
                  </strong>
                )}
              </p>
            )}
            {problem !== undefined && (
              <p id={names.problem} className="problem" role="alert">
                {readableLine(`${field.title}: ${problem}`)}.
              </p>
            )}
          </div>
        );
      })}
      <UnseenNote />
      <div className="actions">
        <AllowButton type="submit" className="primary" disabled={isBusy}>
          {send}
        </AllowButton>
        {children}
      </div>
    </form>
  );
}
