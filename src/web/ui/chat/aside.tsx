import { useEffect, useState } from 'react';
import { toBooError } from '../../../protocol/error.ts';
import { readable, readableLine } from '../../text/readable.ts';
import { Icon } from '../parts/icon.tsx';
import { useSession } from '../parts/session-context.ts';
import { Content } from './content.tsx';

/** A question beside the conversation, and its answer until that is closed: it is kept nowhere. */
export default function Aside({
  chatId,
  aside,
  onClose,
}: {
  chatId: string;
  aside: { question: string };
  onClose: () => void;
}) {
  const { api } = useSession();
  const [told, setTold] = useState<{ answer: string } | { problem: string }>();
  useEffect(() => {
    const abort = new AbortController();
    setTold(undefined);
    api.aside(chatId, aside.question, { signal: abort.signal }).then(setTold, (error: unknown) => {
      if (!abort.signal.aborted) setTold({ problem: toBooError(error).message });
    });
    return () => abort.abort();
  }, [api, chatId, aside]);
  return (
    <section className="aside" aria-label="Side question" tabIndex={0}>
      <header>
        <strong dir="auto">{readableLine(aside.question, 500)}</strong>
        <button type="button" className="icon-button" aria-label="Close the side question" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      <div role="status">
        {!told && <p className="quiet">Asking beside the conversation …</p>}
        {told && 'answer' in told && <Content content={[{ type: 'text', text: told.answer }]} isMarkdown />}
        {told && 'problem' in told && <p className="problem">{readable(told.problem)}</p>}
      </div>
    </section>
  );
}
