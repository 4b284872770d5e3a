import { useCallback, useMemo, useRef } from 'react';
import { byText } from '../../../protocol/by-text.ts';
import type { Decision } from '../../../protocol/decision.ts';
import { useStore } from '../parts/use-store.ts';
import { readableLine } from '../../text/readable.ts';
import { DecisionCard } from './decision-card.tsx';
import { Icon } from '../parts/icon.tsx';
import { chatHref } from '../parts/route.ts';
import { useSession } from '../parts/session-context.ts';
import { useKeptFocus } from '../parts/use-kept-focus.ts';
import { decisionTitle } from '../parts/decision-title.ts';
import { whenText } from '../parts/format.ts';

/** Pending decisions, oldest first, of one chat or of all. */
export function usePending(chatId?: string): Decision[] {
  const session = useSession();
  const { pending } = useStore(session.decisions);
  return useMemo(
    () =>
      [...pending.values()]
        .filter((each) => chatId === undefined || each.chatId === chatId)
        .toSorted((a, b) => a.requestedAt.localeCompare(b.requestedAt)),
    [pending, chatId],
  );
}

const outcomeWords = { allow: 'Allowed', allow_always: 'Always allowed', deny: 'Denied', cancelled: 'Withdrawn' };

function outcomeWord(kind: Decision['kind'], outcome: keyof typeof outcomeWords): string {
  return kind === 'form' && outcome === 'allow' ? 'Answered' : outcomeWords[outcome];
}

export function Inbox() {
  const session = useSession();
  const pending = usePending();
  const { settled } = useStore(session.decisions);
  const chats = useStore(session.chats.store);
  const newestFirst = useMemo(
    () => settled.toSorted((a, b) => (b.resolvedAt ?? '').localeCompare(a.resolvedAt ?? '')),
    [settled],
  );
  const among = pending.map(({ id }) => id).join();
  const scroller = useRef<HTMLDivElement>(null);
  const rest = useCallback(() => scroller.current, []);
  useKeptFocus(scroller, rest);
  const titleOf = (chatId: string): string => readableLine(chats.byId.get(chatId)?.title ?? 'A chat', 100);
  return (
    <section className="inbox" aria-label="Inbox">
      <header className="page-head">
        <a className="icon-button back" href="#/" aria-label="Back to chats">
          <Icon name="back" />
        </a>
        <h1>Inbox</h1>
      </header>
      <div className="inbox-scroll" ref={scroller} tabIndex={-1}>
        {pending.length === 0 && <p className="quiet">Nothing is waiting for you.</p>}
        {pending.map((decision) => (
          <div key={decision.id} className="inbox-entry">
            <p className="inbox-where">
              <a href={chatHref(decision.chatId)}>
                <bdi>{titleOf(decision.chatId)}</bdi>
              </a>{' '}
              <time dateTime={decision.requestedAt}>{whenText(decision.requestedAt)}</time>
            </p>
            <DecisionCard decision={decision} among={among} />
          </div>
        ))}
        {settled.length > 0 && (
          <>
            <h2>Settled while you were here</h2>
            <ul className="settled">
              {newestFirst.map((decision) => (
                <li key={decision.id}>
                  <strong>
                    {decision.outcome === null ? 'Settled' : outcomeWord(decision.kind, decision.outcome)}
                  </strong>
                  {decision.by !== null &&
                    decision.outcome !== 'cancelled' &&
                    ` by ${readableLine(byText(decision), 120)}`}
                  : <bdi>{decisionTitle(decision.title, 160)}</bdi> in{' '}
                  <a href={chatHref(decision.chatId)}>
                    <bdi>{titleOf(decision.chatId)}</bdi>
                  </a>
                </li>
              ))}
            </ul>
          </>
        )}
      </div>
    </section>
  );
}
