import { type FormEvent, useState } from 'react';
import type { Chat } from '../../../protocol/chat.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Problem } from '../parts/problem.tsx';
import { useAttempt } from '../parts/use-attempt.ts';
import { useSession } from '../parts/session-context.ts';

export function RenameDialog({ chat, onClose }: { chat: Chat; onClose: () => void }) {
  const session = useSession();
  const { isBusy, problem, attempt } = useAttempt();
  const [title, setTitle] = useState(chat.title);
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const changed = await attempt(() => session.api.patchChat(chat.id, { title }));
    if (!changed) return;
    session.chats.put(changed);
    onClose();
  };
  return (
    <Dialog title="Rename chat" onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <label>
          Title
          <input value={title} maxLength={200} onChange={(event) => setTitle(event.target.value)} required />
        </label>
        <Problem text={problem} />
        <div className="actions">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button className="primary" disabled={isBusy || title.trim() === ''}>
            Rename
          </button>
        </div>
      </form>
    </Dialog>
  );
}
