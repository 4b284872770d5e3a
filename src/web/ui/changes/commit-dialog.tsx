import { useEffect, useRef, useState } from 'react';
import type { ChangeList, CommitChanges } from '../../../client/client.ts';
import { countOf } from '../../../protocol/count-text.ts';
import { type BooError, toBooError } from '../../../protocol/error.ts';
import { readableLine } from '../../text/readable.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Problem } from '../parts/problem.tsx';
import { useSession } from '../parts/session-context.ts';
import { useSuggestion } from './use-suggestion.ts';

/** Where it cannot be answered beside the conversation. */
const askedPrompt =
  'Suggest a commit message for the changes in this repository. Answer with the message only, and do not commit.';

export const stagedCount = ({ files, onlyStaged = [] }: ChangeList): number =>
  files.filter(({ staged }) => staged === 'all' || staged === 'part').length + onlyStaged.length;

export function CommitDialog({
  chatId,
  list,
  message,
  onMessage,
  onAsk,
  onClose,
  onDone,
}: {
  chatId: string;
  list: ChangeList;
  message: string;
  onMessage: (message: string) => void;
  /** The prompt field has a prompt for the agent now. */
  onAsk: () => void;
  onClose: () => void;
  /** It may have been closed before. */
  onDone: (isOpen: boolean) => void;
}) {
  const session = useSession();
  const staged = stagedCount(list);
  const [isAll, setAll] = useState(staged === 0);
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<BooError>();
  const isOpen = useRef(true);
  useEffect(() => () => void (isOpen.current = false), []);
  const operation = problem?.details['operation'];
  const suggesting = useSuggestion({ chatId, list, isAll, message, onMessage });

  async function commit(during?: CommitChanges['during']): Promise<void> {
    setBusy(true);
    setProblem(undefined);
    try {
      const made = await session.api.commitChanges(chatId, {
        message,
        ...(isAll && { all: true }),
        ...(during && { during }),
      });
      const skipped =
        made.skipped.length === 0 ? '' : ` Not run, because the directory is not trusted: ${made.skipped.join(', ')}.`;
      session.showToast(readableLine(`Committed ${made.commit.slice(0, 8)}: ${made.subject}.${skipped}`, 400));
      onDone(isOpen.current);
    } catch (error) {
      const found = toBooError(error);
      if (found.code === 'unauthorized') session.refuse();
      else if (!isOpen.current) session.showToast(`Nothing was committed. ${found.message}`, { level: 'error' });
      setProblem(found);
    } finally {
      setBusy(false);
    }
  }

  return (
    <Dialog title="Commit" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void commit();
        }}
      >
        <label htmlFor="commit-message">Message</label>
        <textarea
          id="commit-message"
          dir="auto"
          rows={5}
          value={message}
          onChange={(event) => onMessage(event.target.value)}
        />
        <fieldset className="choices stacked">
          <legend>What</legend>
          <label>
            <input type="radio" name="what" checked={!isAll} disabled={staged === 0} onChange={() => setAll(false)} />
            What is staged: {countOf(staged, 'file')}
          </label>
          <label>
            <input type="radio" name="what" checked={isAll} onChange={() => setAll(true)} />
            Everything: {countOf(list.count, 'file')}
          </label>
        </fieldset>
        <Problem text={problem?.message} />
        <Problem text={suggesting.problem} />
        {problem?.details['reason'] === 'in_progress' && typeof operation === 'string' && (
          <button type="button" onClick={() => void commit(operation as NonNullable<CommitChanges['during']>)}>
            Commit during the {operation}
          </button>
        )}
        <div className="actions">
          <button type="button" className="plain" aria-disabled={suggesting.isBusy} onClick={suggesting.ask}>
            {suggesting.isBusy ? 'Asking the agent …' : 'Ask the agent for a message'}
          </button>
          {suggesting.problem !== undefined && (
            <button
              type="button"
              className="plain"
              onClick={() => {
                session.prepared.set({ chatId, text: askedPrompt });
                onAsk();
              }}
            >
              Ask in the conversation
            </button>
          )}
          <span className="spread" />
          <button className="primary" disabled={isBusy || message.trim() === ''}>
            {isBusy ? 'Committing …' : 'Commit'}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
