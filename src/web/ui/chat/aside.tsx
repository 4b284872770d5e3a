import { useEffect, useState } from 'react';
import { toBooError } from '../../../protocol/error.ts';
import { readable, readableLine } from '../../text/readable.ts';
import { Icon } from '../parts/icon.tsx';
import { useSession } from '../parts/session-context.ts';
import { useNow } from '../parts/use-now.ts';
import { Content } from './content.tsx';

/** A question beside the conversation, and its answer until that is closed: it is kept nowhere. */
export default function Aside({
  chatId,
  aside,
  onAgain,
  onClose,
}: {
  chatId: string;
  aside: { question: string };
  onAgain: () => void;
  onClose: () => void;
}) {
  const { api, prepared } = useSession();
  const [told, setTold] = useState<{ answer: string } | { problem: string }>();
  const [sinceMs, setSinceMs] = useState(() => Date.now());
  useEffect(() => {
    const abort = new AbortController();
    setTold(undefined);
    setSinceMs(Date.now());
    api.aside(chatId, aside.question, { signal: abort.signal }).then(setTold, (error: unknown) => {
      if (abort.signal.aborted) return;
      setTold({ problem: toBooError(error).message });
      // Back to where it was written, unless something else is written there by now.
      prepared.set({ chatId, text: `/btw ${aside.question}`, isSpare: true });
    });
    return () => abort.abort();
  }, [api, prepared, chatId, aside]);
  return (
    <section className="aside" aria-label="Side question" tabIndex={0}>
      <header>
        <strong dir="auto">{readableLine(aside.question, 500)}</strong>
        <button type="button" className="icon-button" aria-label="Close the side question" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      {!told && <Elapsed sinceMs={sinceMs} />}
      <div role="status">
        {!told && <p className="quiet">Asking beside the conversation. The answer comes as a whole.</p>}
        {told && 'answer' in told && <Content content={[{ type: 'text', text: told.answer }]} isMarkdown />}
        {told && 'problem' in told && <p className="problem">{readable(told.problem)}</p>}
      </div>
      {told && 'problem' in told && (
        <button type="button" onClick={onAgain}>
          Ask again
        </button>
      )}
    </section>
  );
}

/** For how long it has been asked. Not announced, because it changes every second. */
function Elapsed({ sinceMs }: { sinceMs: number }) {
  const nowMs = useNow(true);
  return <p className="quiet">Asked {Math.max(0, Math.floor((nowMs - sinceMs) / 1000))} s ago</p>;
}
