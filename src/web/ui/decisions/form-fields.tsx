import { type FormEvent, useRef, useState } from 'react';
import type { FormField } from '../../../protocol/form.ts';
import {
  asksForSecret,
  checkFormValues,
  fieldHint,
  formDefaults,
  type FormValues,
} from '../../../protocol/form-values.ts';
import { exactLine, exactParts } from '../../../protocol/exact-text.ts';
import { readableLine } from '../../text/readable.ts';
import { Marked } from '../parts/marked.tsx';
import { type Draft, draftOf, FieldInput, valueOf } from './field-input.tsx';
import { useCanAllow } from './seen-gate.tsx';

const prose = { isProse: true };

/** The fields of a form, each with its own error. The submit buttons are below the card. */
export function FormFields({
  id,
  fields,
  onSend,
}: {
  id: string;
  fields: readonly FormField[];
  onSend: (values: FormValues) => void;
}) {
  const canAnswer = useCanAllow();
  const form = useRef<HTMLFormElement>(null);
  const [drafts, setDrafts] = useState<Draft[]>(() => {
    const defaults = formDefaults(fields);
    return fields.map((field) => draftOf(field, defaults[field.name]));
  });
  const [problems, setProblems] = useState<ReadonlyMap<string, string>>(new Map());

  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (!canAnswer) return;
    const given = fields.map((field, index) => [field.name, valueOf(field, drafts[index] ?? '')] as const);
    const values = Object.fromEntries(given.filter(([, value]) => value !== undefined));
    const found = new Map(checkFormValues(fields, values).map(({ field, problem }) => [field, problem]));
    setProblems(found);
    if (found.size === 0) return onSend(values);
    const first = fields.findIndex(({ name }) => found.has(name));
    form.current?.querySelector<HTMLElement>(`[data-field="${first}"] :is(input, textarea, select)`)?.focus();
  };

  return (
    <form ref={form} id={id} className="server-fields" onSubmit={submit} noValidate autoComplete="off">
      {fields.map((field, index) => {
        const problem = problems.get(field.name);
        const names = { hint: `${id}-${index}-hint`, problem: `${id}-${index}-problem` };
        const hint = fieldHint(field);
        const hasHint = hint !== '' || field.description !== '' || asksForSecret(field);
        const described = [hasHint ? names.hint : '', problem === undefined ? '' : names.problem].filter(Boolean);
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
            {hasHint && (
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
    </form>
  );
}
