import { type FormEvent, useState } from 'react';
import type { Chat } from '../../../protocol/chat.ts';
import { toBooError } from '../../../protocol/error.ts';
import type { Worktree } from '../../../protocol/worktree.ts';
import { readableLine } from '../../text/readable.ts';
import { Dialog } from '../parts/dialog.tsx';
import { attemptsHref, worktreesHref } from '../parts/route.ts';
import { useSession } from '../parts/session-context.ts';
import { useAttempt } from '../parts/use-attempt.ts';
import { Losses, removalText } from './worktree-words.tsx';

/** What can be done with a chat's own branch. Loaded when it is opened. */
export default function WorktreeDialog({ chat, onClose }: { chat: Chat; onClose: () => void }) {
  return (
    <Dialog title="Branch" onClose={onClose}>
      {chat.worktree ? (
        <Steps chat={chat} worktree={chat.worktree} onClose={onClose} />
      ) : (
        <p>This chat has no worktree any more.</p>
      )}
      <p>
        {chat.group !== null && (
          <>
            <a href={attemptsHref(chat.group)} onClick={onClose}>
              Compare the attempts
            </a>{' '}
            ·{' '}
          </>
        )}
        <a href={worktreesHref} onClick={onClose}>
          All worktrees
        </a>
      </p>
    </Dialog>
  );
}

function Steps({ chat, worktree, onClose }: { chat: Chat; worktree: Worktree; onClose: () => void }) {
  const session = useSession();
  const { isBusy, problem, details, attempt } = useAttempt();
  const [message, setMessage] = useState('');
  /** Names what would be lost, once that was said. */
  const [shown, setShown] = useState<string>();
  const branch = readableLine(worktree.branch, 100);
  const base = readableLine(worktree.base ?? worktree.baseCommit.slice(0, 10), 100);

  const done = (words: string): void => {
    session.showToast(words);
    void session.api.getChat(chat.id).then(
      (changed) => session.chats.put(changed),
      () => undefined,
    );
    onClose();
  };
  const merge = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const given = message.trim();
    const merged = await attempt(() => session.api.mergeWorktree(chat.id, given === '' ? {} : { message: given }));
    if (merged) done(`${branch} was merged into ${readableLine(merged.base, 100)}.`);
  };
  const rebase = async (): Promise<void> => {
    if (await attempt(() => session.api.rebaseWorktree(chat.id))) done(`${branch} was rebased onto ${base}.`);
  };
  const release = async (): Promise<void> => {
    if (await attempt(() => session.api.releaseWorktree(chat.id)))
      done(`The worktree was removed. The branch ${branch} stays.`);
  };
  const remove = async (): Promise<void> => {
    const removed = await attempt(async () => {
      try {
        return await session.api.removeWorktree(chat.id, { discard: shown });
      } catch (error) {
        // Of what has just been said, also if that is more than before.
        const { shown: now } = toBooError(error).details;
        setShown(typeof now === 'string' ? now : undefined);
        throw error;
      }
    });
    if (removed) done(removalText(removed));
  };

  return (
    <form onSubmit={(event) => void merge(event)}>
      <p>
        <bdi>{branch}</bdi>, made from <bdi>{base}</bdi>, is checked out in{' '}
        <bdi>{readableLine(worktree.path, 1000)}</bdi>.
      </p>
      <label>
        Commit all changes first, with this message
        <input value={message} maxLength={1000} onChange={(event) => setMessage(event.target.value)} />
      </label>
      <Losses problem={problem} losses={details?.['losses']} />
      <div className="actions">
        {shown !== undefined ? (
          <button type="button" className="danger-fill" disabled={isBusy} onClick={() => void remove()}>
            Discard it and remove
          </button>
        ) : (
          <button type="button" disabled={isBusy} onClick={() => void remove()}>
            Remove
          </button>
        )}
        <button type="button" disabled={isBusy} onClick={() => void release()}>
          Keep only the branch
        </button>
        <button type="button" disabled={isBusy || worktree.base === null} onClick={() => void rebase()}>
          Rebase
        </button>
        <button className="primary" disabled={isBusy || worktree.base === null}>
          {isBusy ? 'Working …' : `Merge into ${base}`}
        </button>
      </div>
    </form>
  );
}
