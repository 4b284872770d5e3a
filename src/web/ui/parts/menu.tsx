import { type KeyboardEvent, type ReactNode, useEffect, useId, useLayoutEffect, useRef, useState } from 'react';
import { Icon, type IconName } from './icon.tsx';

export interface MenuItem {
  icon: IconName;
  label: string;
  isDangerous?: boolean;
  run(): void;
}

/**
 * A button that opens a list of actions. Arrow keys, Home, End and an item's first letter move through it; Escape closes it.
 */
export function Menu({ label, items, children }: { label: string; items: MenuItem[]; children: ReactNode }) {
  const [isOpen, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();

  useLayoutEffect(() => {
    if (!isOpen) return;
    const list = root.current!.querySelector<HTMLElement>('[role=menu]')!;
    // In the browser's top layer: the rows of a list cover what hangs out of the row before them, and its end cuts it off.
    list.showPopover();
    const place = (): void => {
      const { top, bottom, right } = button.current!.getBoundingClientRect();
      const hasRoom = bottom + list.offsetHeight <= innerHeight;
      list.style.top = `${hasRoom ? bottom : Math.max(0, top - list.offsetHeight)}px`;
      list.style.right = `${document.documentElement.clientWidth - right}px`;
    };
    place();
    addEventListener('scroll', place, { capture: true });
    addEventListener('resize', place);
    return () => {
      removeEventListener('scroll', place, { capture: true });
      removeEventListener('resize', place);
    };
  }, [isOpen]);

  useEffect(() => {
    if (!isOpen) return;
    root.current?.querySelector<HTMLElement>('[role=menuitem]')?.focus();
    const onPointer = (event: PointerEvent): void => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    addEventListener('pointerdown', onPointer);
    return () => removeEventListener('pointerdown', onPointer);
  }, [isOpen]);

  const onKeyDown = (event: KeyboardEvent): void => {
    if (!isOpen || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Escape') {
      event.stopPropagation();
      setOpen(false);
      button.current?.focus();
    } else if (event.key === 'Tab') setOpen(false);
    else {
      const all = [...(root.current?.querySelectorAll<HTMLElement>('[role=menuitem]') ?? [])];
      const at = all.indexOf(document.activeElement as HTMLElement);
      const next = itemFor(event.key, all, at);
      if (!next) return;
      event.preventDefault();
      next.focus();
    }
  };

  return (
    <div className="menu" ref={root} onKeyDown={onKeyDown}>
      <button
        ref={button}
        className="icon-button"
        aria-label={label}
        aria-haspopup="menu"
        aria-expanded={isOpen}
        aria-controls={isOpen ? id : undefined}
        onClick={() => setOpen(!isOpen)}
      >
        {children}
      </button>
      {isOpen && (
        <div className="menu-list" id={id} role="menu" aria-label={label} popover="manual">
          {items.map((item) => (
            <button
              key={item.label}
              role="menuitem"
              className={item.isDangerous === true ? 'dangerous' : ''}
              onClick={() => {
                setOpen(false);
                button.current?.focus();
                item.run();
              }}
            >
              <Icon name={item.icon} /> {item.label}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}

function itemFor(key: string, items: HTMLElement[], at: number): HTMLElement | undefined {
  if (key === 'ArrowDown') return items[(at + 1) % items.length];
  if (key === 'ArrowUp') return items.at(Math.max(at, 0) - 1);
  if (key === 'Home') return items[0];
  if (key === 'End') return items.at(-1);
  // The next item that starts with the letter, wrapping around. A space presses the button.
  const after = [...items.slice(at + 1), ...items.slice(0, at + 1)];
  if (key.length !== 1 || key === ' ') return undefined;
  return after.find((item) => item.textContent.trim().toLowerCase().startsWith(key.toLowerCase()));
}
