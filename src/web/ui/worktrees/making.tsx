import { useEffect, useState } from 'react';
import type { ListedWorktree } from '../../../protocol/worktree.ts';
import { readableLine } from '../../text/readable.ts';
import { useSession } from '../parts/session-context.ts';

const lookEveryMs = 1_000;
const words = { checkout: 'checking out its files', copy: 'copying files', setup: 'running the setup command' };

/** How far the worktrees of this repository are that are being made: of others, if it is not known. */
export function Making({ repository }: { repository: string | undefined }) {
  const { api } = useSession();
  const [items, setItems] = useState<ListedWorktree[]>([]);
  useEffect(() => {
    let isOver = false;
    let timer: ReturnType<typeof setTimeout>;
    const look = async (): Promise<void> => {
      if (document.visibilityState === 'visible') {
        // That it cannot be told ends nothing.
        const found = await api.listWorktrees({ making: true }).catch(() => []);
        if (isOver) return;
        setItems(found);
      }
      timer = setTimeout(() => void look(), lookEveryMs);
    };
    void look();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [api]);
  const own = items.filter(({ worktree }) => repository === undefined || worktree.repository === repository);
  return (
    <div className="making">
      {/* Not what follows: it changes all the time, and would be read aloud each time. */}
      <p role="status">Making the branch and its working tree …</p>
      {own.map(({ chatId, worktree, progress }) => (
        <p key={chatId} className="quiet">
          <bdi>{readableLine(worktree.branch, 100)}</bdi>
          {progress && `: ${words[progress.step]}`}
          {progress && progress.line !== '' && (
            <>
              {' · '}
              <code>{readableLine(progress.line, 200)}</code>
            </>
          )}
        </p>
      ))}
    </div>
  );
}
