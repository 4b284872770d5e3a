import { type FormEvent, useEffect, useState } from 'react';
import { type Attempt, attemptsOf, bareAttempt, describeAttempt } from '../../../client/attempts.ts';
import type { Chat } from '../../../protocol/chat.ts';
import { toBooError } from '../../../protocol/error.ts';
import type { Worktree } from '../../../protocol/worktree.ts';
import { readableLine } from '../../text/readable.ts';
import { Dialog } from '../parts/dialog.tsx';
import { costText } from '../parts/format.ts';
import { Problem } from '../parts/problem.tsx';
import { chatHref } from '../parts/route.ts';
import { useSession } from '../parts/session-context.ts';
import { useAttempt } from '../parts/use-attempt.ts';
import { Losses, removalText } from './worktree-words.tsx';

/** What can be done with a chat's own branch, and with the other attempts at the same prompt. Loaded when it is opened. */
export default function WorktreeDialog({ chat, onClose }: { chat: Chat; onClose: () => void }) {
  return (
    <Dialog title="Branch" onClose={onClose}>
      {chat.worktree ? (
        <Steps chat={chat} worktree={chat.worktree} onClose={onClose} />
      ) : (
        <p>This chat has no worktree any more.</p>
      )}
      {chat.group !== null && <Attempts chat={chat} group={chat.group} onClose={onClose} />}
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

/** Side by side. */
function Attempts({ chat, group, onClose }: { chat: Chat; group: string; onClose: () => void }) {
  const session = useSession();
  const [attempts, setAttempts] = useState<Attempt[]>();
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    let isCurrent = true;
    const say = (error: unknown): void => {
      if (isCurrent) setProblem(`Not all could be read. ${toBooError(error).message}`);
    };
    attemptsOf(session.api, group)
      .then((chats) =>
        Promise.all(
          chats.map((each) =>
            describeAttempt(session.api, each).catch((error: unknown) => {
              say(error);
              return bareAttempt(each);
            }),
          ),
        ),
      )
      .then((all) => {
        if (isCurrent) setAttempts(all);
      }, say);
    return () => {
      isCurrent = false;
    };
  }, [group, session]);
  if (!attempts)
    return problem === undefined ? <p role="status">Comparing the attempts …</p> : <Problem text={problem} />;
  return (
    <>
      <Problem text={problem} />
      <table className="attempts">
        <caption>Attempts at the same prompt</caption>
        <thead>
          <tr>
            {['Attempt', 'End', 'Files', 'Lines', 'Cost', 'Time'].map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {attempts.map(({ chatId, title, outcome, state, changes, costUsd, seconds }) => (
            <tr key={chatId}>
              <th scope="row">
                {chatId === chat.id ? (
                  readableLine(title, 60)
                ) : (
                  <a href={chatHref(chatId)} onClick={onClose}>
                    {readableLine(title, 60)}
                  </a>
                )}
              </th>
              <td>{outcome ?? state}</td>
              <td>{changes?.files ?? '?'}</td>
              <td>
                {!changes ? '?' : changes.added === null ? 'not counted' : `+${changes.added} −${changes.removed}`}
              </td>
              <td>{costText(costUsd)}</td>
              <td>{seconds === null ? '' : `${seconds} s`}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
