import { useState } from 'react';
import { removeAsShown, type ShownLosses } from '../../../client/attempts.ts';
import type { ListedWorktree } from '../../../protocol/worktree.ts';
import { readableLine } from '../../text/readable.ts';
import { removalText } from '../chats/worktree-words.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { Problem } from '../parts/problem.tsx';
import { useSession } from '../parts/session-context.ts';
import { useIsShown } from '../parts/use-is-shown.ts';
import { LossList, OnlyByCommand } from './loss-list.tsx';

interface RemoveDialogProps {
  item: ListedWorktree;
  onClose: () => void;
  /** It may have been closed before. */
  onRemoved: () => void;
  /** It was gone already. */
  onGone: () => void;
}

/** Shows everything that would be lost, and removes the worktree with exactly that. */
export function RemoveDialog({ item, onClose, onRemoved, onGone }: RemoveDialogProps) {
  const session = useSession();
  const { chatId, chat, worktree } = item;
  const [known, setKnown] = useState<ShownLosses>({ losses: item.wouldLose, shown: item.shown });
  const [problem, setProblem] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const isShown = useIsShown();

  const remove = async (): Promise<void> => {
    setBusy(true);
    setProblem(undefined);
    const result = await removeAsShown(session.api, chatId, known);
    setBusy(false);
    if ('removed' in result) {
      session.showToast(removalText(result.removed));
      if (chat !== 'deleted') {
        void session.api.getChat(chatId).then(
          (changed) => session.chats.put(changed),
          () => undefined,
        );
      }
      return onRemoved();
    }
    if (result.problem.code === 'unauthorized') return session.refuse();
    if (result.problem.code === 'not_found' || result.problem.details['reason'] === 'no_worktree') onGone();
    if (!isShown.current) {
      const branch = readableLine(worktree.branch, 100);
      session.showToast(`${branch} was not removed. ${result.problem.message}`, { level: 'error' });
      return;
    }
    if (!result.losses) return setProblem(result.problem.message);
    setKnown(result);
    setProblem('Nothing was removed: this is what would be lost now.');
  };

  return (
    <Dialog title="Remove a worktree" onClose={onClose}>
      <p>
        The branch <bdi>{readableLine(worktree.branch, 200)}</bdi> and its directory{' '}
        <bdi>{readableLine(worktree.path, 1000)}</bdi> are removed.
        {chat !== 'deleted' && ' The chat goes on in the repository.'}
      </p>
      <LossList losses={known.losses} />
      <OnlyByCommand chatId={chatId} known={known} />
      <Problem text={problem} />
      <div className="actions">
        <button type="button" onClick={onClose}>
          {isBusy ? 'Close' : 'Cancel'}
        </button>
        <button type="button" className="danger-fill" disabled={isBusy} onClick={() => void remove()}>
          {isBusy ? 'Removing …' : known.shown !== null ? 'Discard it and remove' : 'Remove'}
        </button>
      </div>
    </Dialog>
  );
}
