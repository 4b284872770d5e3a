import { type FormEvent, useId, useState } from 'react';
import type { BooError } from '../../../protocol/error.ts';
import { hasNamed, isProseField } from '../../../protocol/exact-text.ts';
import { readable, readableLine } from '../../text/readable.ts';
import { ExactText } from './exact-text.tsx';
import { useCanAllow } from './seen-gate.tsx';

type Fields = Record<string, string>;

/** A text field turns carriage returns into line feeds, so text that contains them is edited as JSON. */
const isPlain = (value: unknown): value is string => typeof value === 'string' && !value.includes('\r');

/** Strings as they are, everything else as JSON. */
export const fieldsOf = (input: Record<string, unknown>): Fields =>
  Object.fromEntries(
    Object.entries(input).map(([name, value]) => [name, isPlain(value) ? value : JSON.stringify(value, null, 2)]),
  );

/** The edited input, or the name of the field that is not valid JSON. */
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

interface Wrong {
  /** Undefined if the problem concerns the input as a whole. */
  name: string | undefined;
  message: string;
}

/** The server's error, at the field it names. */
export function wrongField(input: Record<string, unknown>, refused: BooError | undefined): Wrong | undefined {
  if (!refused) return undefined;
  const field = String(refused.details['field']);
  const isIn = (name: string): boolean =>
    field === `input.${name}` || ['.', '['].some((next) => field.startsWith(`input.${name}${next}`));
  return { name: Object.keys(input).find(isIn), message: refused.message };
}

/** The submit buttons are below the card. */
export function EditInput({
  id,
  input,
  refused,
  onAllow,
}: {
  id: string;
  input: Record<string, unknown>;
  refused: BooError | undefined;
  onAllow: (input: Record<string, unknown>) => void;
}) {
  const [fields, setFields] = useState(() => fieldsOf(input));
  const [unread, setUnread] = useState<string>();
  const problemId = useId();
  const wrong =
    unread === undefined ? wrongField(input, refused) : { name: unread, message: `${unread}: is not valid JSON.` };
  const canAllow = useCanAllow();
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (!canAllow) return;
    const result = inputOf(input, fields);
    setUnread('wrong' in result ? result.wrong : undefined);
    if ('input' in result) onAllow(result.input);
  };
  const problem = wrong && (
    <p id={problemId} className="problem" role="alert">
      {readable(wrong.message)}
    </p>
  );
  return (
    <form id={id} className="edit-input" onSubmit={submit}>
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
              {...(wrong?.name === name ? { 'aria-invalid': true, 'aria-describedby': problemId } : {})}
              onChange={(event) => setFields({ ...fields, [name]: event.target.value })}
            />
          </label>
          {wrong?.name === name && problem}
          {hasNamed(text, { isProse: isProseField(name) }) && (
            <ExactText text={text} label={`${readableLine(name, 100)}, exactly`} isProse={isProseField(name)} />
          )}
        </div>
      ))}
      {wrong?.name === undefined && problem}
    </form>
  );
}
