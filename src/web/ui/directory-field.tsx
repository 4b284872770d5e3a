import { type KeyboardEvent, useEffect, useId, useRef, useState } from 'react';
import type { DirectoryList } from '../../protocol/directory.ts';
import { readableLine } from '../text/hidden.ts';
import { useSession } from './session-context.ts';

/** A path on the server, completed as it is typed: arrows choose, Enter or Tab takes it and looks further in. */
export function DirectoryField({ value, onChange }: { value: string; onChange: (path: string) => void }) {
  const session = useSession();
  const id = useId();
  const [items, setItems] = useState<DirectoryList['items']>([]);
  const [isOpen, setOpen] = useState(false);
  const [at, setAt] = useState(-1);
  const input = useRef<HTMLInputElement>(null);

  useEffect(() => {
    if (!isOpen) return;
    let isOld = false;
    const timer = setTimeout(() => {
      // A path that names nothing yet has nothing to complete: no reason to complain while it is typed.
      session.api.listDirectories(value).then(
        (list) => {
          if (isOld) return;
          setItems(list.items);
          setAt(-1);
        },
        () => {
          if (!isOld) setItems([]);
        },
      );
    }, 80);
    return () => {
      isOld = true;
      clearTimeout(timer);
    };
  }, [value, isOpen, session]);

  const take = (path: string): void => {
    onChange(path.endsWith('/') ? path : `${path}/`);
    input.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const chosen = items[at];
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      setOpen(true);
      const step = event.key === 'ArrowDown' ? 1 : -1;
      setAt((now) => Math.max(-1, Math.min(items.length - 1, now + step)));
    } else if ((event.key === 'Enter' || event.key === 'Tab') && isOpen && chosen) {
      event.preventDefault();
      take(chosen.path);
    } else if (event.key === 'Escape' && isOpen && items.length > 0) {
      event.preventDefault();
      event.stopPropagation();
      setOpen(false);
    }
  };

  return (
    <div className="directory-field">
      <label htmlFor={`${id}-input`}>Directory on the server</label>
      <input
        ref={input}
        id={`${id}-input`}
        role="combobox"
        aria-expanded={isOpen && items.length > 0}
        aria-controls={`${id}-list`}
        aria-autocomplete="list"
        aria-activedescendant={at >= 0 ? `${id}-${at}` : undefined}
        autoComplete="off"
        spellCheck={false}
        placeholder="/home/you/project"
        value={value}
        autoFocus
        required
        onChange={(event) => {
          onChange(event.target.value);
          setOpen(true);
        }}
        onBlur={() => setOpen(false)}
        onKeyDown={onKeyDown}
      />
      <ul id={`${id}-list`} role="listbox" aria-label="Directories" hidden={!isOpen || items.length === 0}>
        {items.map((item, index) => (
          <li
            key={item.path}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === at}
            // Before the field loses the focus and the list closes.
            onPointerDown={(event) => {
              event.preventDefault();
              take(item.path);
            }}
          >
            <bdi>{readableLine(item.name, 120)}</bdi>
          </li>
        ))}
      </ul>
    </div>
  );
}
