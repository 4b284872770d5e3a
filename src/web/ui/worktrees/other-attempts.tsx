import { useCallback, useEffect, useState } from 'react';
import { removeAsShown, type ShownLosses } from '../../../client/attempts.ts';
import type { Chat } from '../../../protocol/chat.ts';
import { countOf } from '../../../protocol/count-text.ts';
import { toBooError } from '../../../protocol/error.ts';
import { readableLine } from '../../text/readable.ts';
import { Problem } from '../parts/problem.tsx';
import { useSession } from '../parts/session-context.ts';
import { useIsShown } from '../parts/use-is-shown.ts';
import { LossList, OnlyByCommand } from './loss-list.tsx';

/** What would be lost with the other attempts, and their removal once that was confirmed. */
export function OtherAttempts({ others, onClose }: { others: readonly Chat[]; onClose: () => void }) {
  const session = useSession();
  const { api, chats } = session;
  const [shown, setShown] = useState<ReadonlyMap<string, ShownLosses>>();
  const [problems, setProblems] = useState<ReadonlyMap<string, string>>(new Map());
  const [problem, setProblem] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const isShown = useIsShown();
  const look = useCallback((): void => {
    setProblem(undefined);
    api.listWorktrees().then(
      (items) => setShown(new Map(items.map((item) => [item.chatId, { losses: item.wouldLose, shown: item.shown }]))),
      (error: unknown) => setProblem(toBooError(error).message),
    );
  }, [api]);
  useEffect(look, [look]);

  if (others.length === 0) {
    return (
      <>
        <p>No other attempt is left.</p>
        <Close onClose={onClose} />
      </>
    );
  }
  if (!shown) {
    if (problem === undefined) return <p role="status">Looking at what would be lost with the others …</p>;
    return (
      <>
        <Problem text={`What would be lost with the others could not be read, so they stay. ${problem}`} />
        <div className="actions">
          <button type="button" onClick={look}>
            Try again
          </button>
          <button type="button" onClick={onClose}>
            Close
          </button>
        </div>
      </>
    );
  }
  const isDiscarding = others.some(({ id }) => typeof shown.get(id)?.shown === 'string');

  const removeOne = async ({ id, worktree }: Chat): Promise<void> => {
    if (worktree) {
      const result = await removeAsShown(api, id, { shown: shown.get(id)?.shown ?? null });
      if ('problem' in result) {
        // What is new is shown, to be confirmed again.
        if (result.losses) setShown((before) => new Map(before).set(id, result));
        throw result.problem;
      }
    }
    chats.put(await api.patchChat(id, { archived: true }));
  };
  const removeAll = async (): Promise<void> => {
    setBusy(true);
    const failed = new Map<string, string>();
    for (const chat of others) {
      await removeOne(chat).catch((error: unknown) => failed.set(chat.id, toBooError(error).message));
    }
    setProblems(failed);
    setBusy(false);
    if (failed.size > 0) {
      const [why] = failed.values();
      if (!isShown.current)
        session.showToast(`${countOf(failed.size, 'attempt')} could not be removed. ${why}`, { level: 'error' });
      return;
    }
    session.showToast('The other attempts were removed, and their chats are archived.');
    if (isShown.current) onClose();
  };

  return (
    <>
      <p>Remove the worktrees and branches of the others, and archive their chats?</p>
      <ul className="others">
        {others.map(({ id, title, worktree }) => (
          <li key={id}>
            <h3 dir="auto">{readableLine(title, 100)}</h3>
            {worktree ? (
              <>
                <LossList losses={shown.get(id)?.losses ?? null} />
                <OnlyByCommand chatId={id} known={shown.get(id)} />
              </>
            ) : (
              <p className="quiet">Its worktree is gone already.</p>
            )}
            {problems.has(id) && <Problem text={`It stays. ${problems.get(id)}`} />}
          </li>
        ))}
      </ul>
      <div className="actions">
        <button type="button" onClick={onClose}>
          {isBusy ? 'Close' : 'Leave them'}
        </button>
        <button type="button" className="danger-fill" disabled={isBusy} onClick={() => void removeAll()}>
          {isBusy ? 'Removing …' : isDiscarding ? 'Discard all that and remove them' : 'Remove them'}
        </button>
      </div>
    </>
  );
}

function Close({ onClose }: { onClose: () => void }) {
  return (
    <div className="actions">
      <button type="button" onClick={onClose}>
        Close
      </button>
    </div>
  );
}
