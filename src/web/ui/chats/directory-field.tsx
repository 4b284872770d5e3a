import { type KeyboardEvent, useEffect, useId, useRef, useState } from 'react';
import type { DirectoryList } from '../../../protocol/directory.ts';
import { readableLine } from '../../text/readable.ts';
import { useSession } from '../parts/session-context.ts';
import { usePopupPosition } from '../parts/use-popup-position.ts';
import { useCombobox } from '../parts/use-combobox.ts';

const nothing = { items: [], truncated: false };

/** A path on the server with completion: arrow keys choose, Enter or Tab completes and lists the directory inside. */
export function DirectoryField({ value, onChange }: { value: string; onChange: (path: string) => void }) {
  const session = useSession();
  const id = useId();
  const [{ items, truncated }, setFound] = useState<Pick<DirectoryList, 'items' | 'truncated'>>(nothing);
  const input = useRef<HTMLInputElement>(null);

  const take = (path: string): void => {
    onChange(path.endsWith('/') ? path : `${path}/`);
    input.current?.focus();
  };
  const list = useCombobox(items, ({ path }) => take(path));
  const { isOpen, isWanted, setOpen } = list;
  const below = usePopupPosition(input, isOpen);
  const onKeyDown = (event: KeyboardEvent): void => {
    if (list.onKeyDown(event)) return;
    if (event.key === 'ArrowDown') setOpen(true);
  };
  useEffect(() => {
    if (!isWanted) return;
    let isOld = false;
    const timer = setTimeout(() => {
      // An unfinished path has nothing to complete, which is no error.
      session.api.listDirectories(value).then(
        (found) => {
          if (!isOld) setFound(found);
        },
        () => {
          if (!isOld) setFound(nothing);
        },
      );
    }, 80);
    return () => {
      isOld = true;
      clearTimeout(timer);
    };
  }, [value, isWanted, session]);

  return (
    <div className="directory-field">
      <label htmlFor={`${id}-input`}>Directory on the server</label>
      <input
        ref={input}
        id={`${id}-input`}
        role="combobox"
        aria-expanded={isOpen}
        {...list.fieldProps}
        autoComplete="off"
        spellCheck={false}
        placeholder="/home/you/project"
        value={value}
        required
        onChange={(event) => {
          onChange(event.target.value);
          setOpen(true);
        }}
        onBlur={() => setOpen(false)}
        onKeyDown={onKeyDown}
      />
      <div className="options" style={below} hidden={!isOpen}>
        <ul id={list.listId} role="listbox" aria-label="Directories">
          {items.map((item, index) => (
            <li key={item.path} {...list.optionProps(index)}>
              <bdi>{readableLine(item.name, 120)}</bdi>
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
