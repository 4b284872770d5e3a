import { type FormEvent, useState } from 'react';
import { hasNamed, isProseField } from '../../../protocol/exact-text.ts';
import { readableLine } from '../../text/hidden.ts';
import { ExactText } from './exact-text.tsx';
import { AllowButton, useIsSeen } from './seen.tsx';

type Fields = Record<string, string>;

/** A field for text makes line feeds of all carriage returns: where there are some, the text is edited as JSON. */
const isPlain = (value: unknown): value is string => typeof value === 'string' && !value.includes('\r');

/** Texts as they are, everything else as JSON. */
export const fieldsOf = (input: Record<string, unknown>): Fields =>
  Object.fromEntries(
    Object.entries(input).map(([name, value]) => [name, isPlain(value) ? value : JSON.stringify(value, null, 2)]),
  );

/** The input again; or the name of the field that is no JSON. */
export function inputOf(
  input: Record<string, unknown>,
  fields: Fields,
): { input: Record<string, unknown> } | { wrong: string } {
  const edited: [string, unknown][] = [];
  for (const [name, value] of Object.entries(input)) {
    const text = fields[name] ?? '';
    try {
      edited.push([name, isPlain(value) ? text : (JSON.parse(text) as unknown)]);
    } catch {
      return { wrong: name };
    }
  }
  return { input: Object.fromEntries(edited) };
}

export function EditInput({
  input,
  isBusy,
  onBack,
  onAllow,
}: {
  input: Record<string, unknown>;
  isBusy: boolean;
  onBack: () => void;
  onAllow: (input: Record<string, unknown>) => void;
}) {
  const [fields, setFields] = useState(() => fieldsOf(input));
  const [wrong, setWrong] = useState<string>();
  const isSeen = useIsSeen();
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (!isSeen) return;
    const result = inputOf(input, fields);
    if ('wrong' in result) setWrong(result.wrong);
    else onAllow(result.input);
  };
  return (
    <form className="edit-input" onSubmit={submit}>
      {Object.entries(fields).map(([name, text], index) => (
        <div key={name}>
          <label>
            {readableLine(name, 100)}
            <textarea
              className="code"
              rows={Math.min(12, text.split('\n').length)}
              value={text}
              spellCheck={false}
              autoFocus={index === 0}
              onChange={(event) => setFields({ ...fields, [name]: event.target.value })}
            />
          </label>
          {hasNamed(text, { isProse: isProseField(name) }) && (
            <ExactText text={text} label={`${readableLine(name, 100)}, exactly`} isProse={isProseField(name)} />
          )}
        </div>
      ))}
      {wrong !== undefined && (
        <p className="problem" role="alert">
          {readableLine(wrong, 100)}: is not valid JSON.
        </p>
      )}
      <div className="actions">
        <AllowButton type="submit" className="primary" disabled={isBusy}>
          Allow as edited
        </AllowButton>
        <button type="button" onClick={onBack}>
          Back
        </button>
      </div>
    </form>
  );
}
