import { type ReactNode, useId } from 'react';
import type { FormField } from '../../../protocol/form.ts';
import { typedNumber } from '../../../protocol/form-values.ts';
import { readableLine } from '../../text/readable.ts';

/** The state of a field: its text or choice, or the checked options. */
export type Draft = string | readonly string[];

export function draftOf(field: FormField, value: unknown): Draft {
  if (field.type === 'choices') return Array.isArray(value) ? (value as string[]) : [];
  if (field.type === 'choice') return String(field.options.findIndex((option) => option.value === value));
  return typeof value === 'string'
    ? value
    : typeof value === 'number' || typeof value === 'boolean'
      ? String(value)
      : '';
}

/** The value to send; undefined if the field is empty. An invalid number is sent as typed. */
export function valueOf(field: FormField, draft: Draft): unknown {
  if (field.type === 'choices') return draft.length === 0 && !field.isRequired ? undefined : draft;
  if (typeof draft !== 'string' || draft === '') return undefined;
  switch (field.type) {
    case 'text':
      return draft;
    case 'number':
      return typedNumber(draft) ?? draft;
    case 'boolean':
      return draft === 'true';
    case 'choice':
      return field.options[Number(draft)]?.value;
  }
}

export interface FieldInputProps {
  field: FormField;
  draft: Draft;
  label: ReactNode;
  isWrong: boolean;
  describedBy: string | undefined;
  onChange: (draft: Draft) => void;
}

const inputTypes: Record<string, string> = { email: 'email', uri: 'url', date: 'date' };

export function FieldInput({ field, draft, label, isWrong, describedBy, onChange }: FieldInputProps) {
  const id = useId();
  const common = { id, 'aria-invalid': isWrong, 'aria-describedby': describedBy, 'aria-required': field.isRequired };
  if (field.type === 'choices') {
    const ticked = typeof draft === 'string' ? [] : draft;
    return (
      <fieldset aria-describedby={describedBy}>
        <legend>{label}</legend>
        {field.options.map(({ value, title }, index) => (
          <label key={index} className="option">
            <input
              type="checkbox"
              checked={ticked.includes(value)}
              aria-invalid={isWrong}
              onChange={(event) =>
                onChange(event.target.checked ? [...ticked, value] : ticked.filter((each) => each !== value))
              }
            />
            <span>{readableLine(title, 200)}</span>
          </label>
        ))}
      </fieldset>
    );
  }
  const value = typeof draft === 'string' ? draft : '';
  const set = (event: { target: { value: string } }): void => onChange(event.target.value);
  if (field.type === 'choice' || field.type === 'boolean') {
    const options =
      field.type === 'boolean'
        ? [
            ['true', 'Yes'],
            ['false', 'No'],
          ]
        : field.options.map(({ title }, index) => [String(index), readableLine(title, 200)]);
    return (
      <>
        <label htmlFor={id}>{label}</label>
        <select {...common} value={value === '-1' ? '' : value} onChange={set}>
          <option value="">{field.isRequired ? 'Choose …' : 'Not answered'}</option>
          {options.map(([key, title]) => (
            <option key={key} value={key}>
              {title}
            </option>
          ))}
        </select>
      </>
    );
  }
  const isLong = field.type === 'text' && field.format === undefined && (field.maxLength ?? Infinity) > 200;
  const type = field.type === 'text' ? (inputTypes[field.format ?? ''] ?? 'text') : 'text';
  return (
    <>
      <label htmlFor={id}>{label}</label>
      {isLong ? (
        <textarea {...common} rows={Math.min(8, value.split('\n').length)} value={value} onChange={set} />
      ) : (
        <input
          {...common}
          type={type}
          inputMode={
            field.type === 'number' ? (field.isWhole && (field.minimum ?? -1) >= 0 ? 'numeric' : 'decimal') : undefined
          }
          value={value}
          onChange={set}
        />
      )}
    </>
  );
}
