import { type FormEvent, useEffect, useState } from 'react';
import type { Chat } from '../../../protocol/chat.ts';
import { toBooError } from '../../../protocol/error.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Problem } from '../parts/problem.tsx';
import { chatHref } from '../parts/route.ts';
import { useSession } from '../parts/session-context.ts';
import { useAttempt } from '../parts/use-attempt.ts';
import { useIsShown } from '../parts/use-is-shown.ts';
import { refusedField } from './isolation.ts';
import { Making } from './making.tsx';
import { NameField } from './name-field.tsx';
import './worktrees.css';

interface ForkDialogProps {
  chat: Chat;
  /** The end of a turn; by default that of the last one. */
  at?: number | undefined;
  onClose: () => void;
}

/** Forks a chat into a branch of its own. Loaded when it is opened. */
export default function ForkDialog({ chat, at, onClose }: ForkDialogProps) {
  const session = useSession();
  const { isBusy, problem, details, attempt } = useAttempt();
  const [given, setName] = useState('');
  const name = given.trim();
  const isNameRefused = refusedField(details) === 'name';
  const [repository, setRepository] = useState(chat.worktree?.repository);
  useEffect(() => {
    if (chat.worktree) return;
    session.api.listBranches(chat.cwd).then(
      (found) => setRepository(found.repository ?? undefined),
      () => undefined,
    );
  }, [session, chat.cwd, chat.worktree]);
  // A setup command may take minutes, and nobody has to watch.
  const isShown = useIsShown();

  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const forked = await attempt(() =>
      session.api
        .fork(chat.id, {
          ...(at !== undefined && { at }),
          isolation: 'worktree',
          ...(name !== '' && { worktree: { name } }),
        })
        .catch((error: unknown) => {
          if (!isShown.current) session.showToast(toBooError(error).message, { level: 'error' });
          throw error;
        }),
    );
    if (!forked) return;
    session.chats.put(forked);
    const open = (): void => void (location.hash = chatHref(forked.id));
    if (!isShown.current) {
      session.showToast('The fork is ready.', { action: { label: 'Show', run: open } });
      return;
    }
    onClose();
    open();
  };

  return (
    <Dialog title="Fork with its own branch" onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <p>
          The new chat knows everything up to {at === undefined ? 'its last answer' : 'that answer'}, and works in a
          directory of its own, with the files as they were then.
        </p>
        <NameField value={given} onChange={setName} refusal={isNameRefused ? problem : undefined} />
        <Problem text={isNameRefused ? undefined : problem} />
        {isBusy && <Making repository={repository} />}
        <div className="actions">
          <button type="button" onClick={onClose}>
            {isBusy ? 'Close' : 'Cancel'}
          </button>
          <button className="primary" disabled={isBusy}>
            {isBusy ? 'Forking …' : 'Fork'}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
