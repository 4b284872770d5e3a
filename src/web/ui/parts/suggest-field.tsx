import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from 'react';
import { useCombobox } from './use-combobox.ts';
import { usePopupPosition } from './use-popup-position.ts';

export interface Suggestion {
  /** What it is, as the field takes it. */
  value: string;
  shown: ReactNode;
}

export interface Suggestions {
  items: readonly Suggestion[];
  truncated: boolean;
}

const nothing: Suggestions = { items: [], truncated: false };

interface SuggestFieldProps {
  label: string;
  /** Of the list. */
  options: string;
  value: string;
  onChange: (value: string) => void;
  /** Something of the list was chosen. */
  onTake: (value: string) => void;
  /** What starts like this, or contains it. Keep the function as long as it finds the same. */
  find: (value: string) => Promise<Suggestions>;
  placeholder?: string;
  required?: boolean;
  /** Why the value was refused. */
  problemId?: string | undefined;
}

/** A text field with suggestions of the server: arrow keys choose, Enter or Tab takes. */
export function SuggestField(props: SuggestFieldProps) {
  const { label, options, value, onChange, onTake, find, placeholder, required, problemId } = props;
  const id = useId();
  const [{ items, truncated }, setFound] = useState(nothing);
  const input = useRef<HTMLInputElement>(null);
  const list = useCombobox(items, (item) => {
    onTake(item.value);
    input.current?.focus();
  });
  const { isOpen, isWanted, setOpen } = list;
  const below = usePopupPosition(input, isOpen);
  const onKeyDown = (event: KeyboardEvent): void => {
    if (list.onKeyDown(event)) return;
    if (event.key === 'ArrowDown') setOpen(true);
  };
  useEffect(() => {
    if (!isWanted) return;
    let isOld = false;
    const set = (found: Suggestions): void => {
      if (!isOld) setFound(found);
    };
    // What is unfinished has nothing to complete, which is no error.
    const timer = setTimeout(() => void find(value).then(set, () => set(nothing)), 80);
    return () => {
      isOld = true;
      clearTimeout(timer);
    };
  }, [value, isWanted, find]);

  return (
    <div className="suggest-field">
      <label htmlFor={`${id}-input`}>{label}</label>
      <input
        ref={input}
        id={`${id}-input`}
        role="combobox"
        aria-expanded={isOpen}
        {...list.fieldProps}
        aria-invalid={problemId !== undefined}
        aria-describedby={problemId}
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        placeholder={placeholder}
        value={value}
        required={required}
        onChange={(event) => {
          onChange(event.target.value);
          setOpen(true);
        }}
        onBlur={() => setOpen(false)}
        onKeyDown={onKeyDown}
      />
      <div className="options" style={below} hidden={!isOpen}>
        <ul id={list.listId} role="listbox" aria-label={options}>
          {items.map((item, index) => (
            <li key={index} {...list.optionProps(index)}>
              {item.shown}
            </li>
          ))}
        </ul>
        {truncated && (
          <p className="quiet" role="status">
            There are more than {items.length}: keep typing to find the others.
          </p>
        )}
      </div>
    </div>
  );
}
