import { type FormEvent, useEffect, useRef, useState } from 'react';
import { mergeOnce, otherAttempts } from '../../../client/attempts.ts';
import type { Chat } from '../../../protocol/chat.ts';
import { toBooError } from '../../../protocol/error.ts';
import type { Session } from '../../state/session.ts';
import { readableLine } from '../../text/readable.ts';
import { Losses } from '../chats/worktree-words.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { useSession } from '../parts/session-context.ts';
import { useAttempt } from '../parts/use-attempt.ts';
import { useIsShown } from '../parts/use-is-shown.ts';
import { OtherAttempts } from './other-attempts.tsx';

interface KeepDialogProps {
  chat: Chat;
  /** All attempts. */
  chats: readonly Chat[];
  onClose: () => void;
}

/** Keeps one attempt, and then offers to remove the others. */
export function KeepDialog({ chat, chats, onClose }: KeepDialogProps) {
  /** What has become of it, once that is done. */
  const [kept, setKept] = useState<string>();
  const others = otherAttempts(chats, chat.id);
  return (
    <Dialog
      title={kept === undefined ? `Keep ${readableLine(chat.title, 60)}` : 'The other attempts'}
      onClose={onClose}
    >
      {kept === undefined ? (
        <Keep chat={chat} onKept={setKept} onClose={onClose} />
      ) : (
        <Others kept={kept} others={others} onClose={onClose} />
      )}
    </Dialog>
  );
}

function Others({ kept, others, onClose }: { kept: string; others: readonly Chat[]; onClose: () => void }) {
  const step = useRef<HTMLDivElement>(null);
  // What had it is gone with the step before.
  useEffect(() => step.current?.focus(), []);
  return (
    <div ref={step} className="keep-step" tabIndex={-1}>
      <p role="status">{kept}</p>
      <OtherAttempts others={others} onClose={onClose} />
    </div>
  );
}

type Way = 'merge' | 'branch' | 'leave';

function Keep({ chat, onKept, onClose }: { chat: Chat; onKept: (words: string) => void; onClose: () => void }) {
  const session = useSession();
  const { isBusy, problem, details, attempt } = useAttempt();
  const isShown = useIsShown();
  const { worktree } = chat;
  const base = worktree?.base ?? null;
  const [way, setWay] = useState<Way>(base === null ? 'branch' : 'merge');
  const [message, setMessage] = useState('');
  const branch = readableLine(worktree?.branch ?? '', 100);
  const ways: readonly (readonly [Way, string])[] = [
    ...(base === null ? [] : [['merge', `Merge ${branch} into ${readableLine(base, 100)}`] as const]),
    ['branch', `Keep only the branch ${branch}: its working tree is removed, and the chat goes on in the repository`],
    ['leave', 'Leave it as it is'],
  ];
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const words = await attempt(() =>
      keep(session, chat, way, message.trim()).catch((error: unknown) => {
        if (!isShown.current) session.showToast(`${branch}: ${toBooError(error).message}`, { level: 'error' });
        throw error;
      }),
    );
    if (words === undefined) return;
    if (isShown.current) onKept(words);
    else session.showToast(words);
  };
  return (
    <form onSubmit={(event) => void submit(event)}>
      <fieldset className="choices stacked">
        <legend>What becomes of it</legend>
        {ways.map(([value, label]) => (
          <label key={value}>
            <input type="radio" name="way" checked={way === value} onChange={() => setWay(value)} />
            {label}
          </label>
        ))}
      </fieldset>
      {way === 'merge' && (
        <label>
          Commit all changes first, with this message
          <input value={message} maxLength={1000} onChange={(event) => setMessage(event.target.value)} />
        </label>
      )}
      <p className="quiet">The other attempts stay until you remove them, which is the next step.</p>
      <Losses problem={problem} losses={details?.['losses']} />
      {way === 'merge' && details?.['reason'] === 'uncommitted' && message.trim() === '' && (
        <p className="quiet">To commit them first, write a message above.</p>
      )}
      <div className="actions">
        <button type="button" onClick={onClose}>
          {isBusy ? 'Close' : 'Cancel'}
        </button>
        <button className="primary" disabled={isBusy}>
          {isBusy ? 'Working …' : 'Keep it'}
        </button>
      </div>
    </form>
  );
}

/** What has been done, in words. */
async function keep({ api, chats }: Session, chat: Chat, way: Way, message: string): Promise<string> {
  const branch = readableLine(chat.worktree?.branch ?? '', 100);
  if (way === 'leave') return `${branch} stays as it is.`;
  if (way === 'branch') {
    await api.releaseWorktree(chat.id);
    // The live socket says it, too.
    await api.getChat(chat.id).then(
      (changed) => chats.put(changed),
      () => undefined,
    );
    return `The branch ${branch} stays. Its working tree was removed.`;
  }
  const merged = await mergeOnce(api, chat.id, message === '' ? undefined : message);
  return merged
    ? `${branch} was merged into ${readableLine(merged.base, 100)}.`
    : `There was nothing to merge: ${branch} is merged already.`;
}
