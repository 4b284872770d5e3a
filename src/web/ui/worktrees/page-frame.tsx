import { type ReactNode, useCallback, useRef } from 'react';
import { Icon } from '../parts/icon.tsx';
import { useKeptFocus } from '../parts/use-kept-focus.ts';

/** A page beside the list of chats, which replaces it on a narrow screen. */
export function PageFrame({ title, children }: { title: string; children: ReactNode }) {
  const scroller = useRef<HTMLDivElement>(null);
  const rest = useCallback(() => scroller.current, []);
  useKeptFocus(scroller, rest);
  return (
    <section className="inbox" aria-label={title}>
      <header className="page-head">
        <a className="icon-button back" href="#/" aria-label="Back to chats">
          <Icon name="back" />
        </a>
        <h1>{title}</h1>
      </header>
      <div className="inbox-scroll worktrees-scroll" ref={scroller} tabIndex={-1}>
        {children}
      </div>
    </section>
  );
}
