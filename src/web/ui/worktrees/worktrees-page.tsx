import { useCallback, useEffect, useState } from 'react';
import { toBooError } from '../../../protocol/error.ts';
import { sizeText } from '../../../protocol/size-text.ts';
import type { ListedWorktree } from '../../../protocol/worktree.ts';
import { readableLine } from '../../text/readable.ts';
import { whenText } from '../parts/format.ts';
import { Problem } from '../parts/problem.tsx';
import { chatHref } from '../parts/route.ts';
import { useSession } from '../parts/session-context.ts';
import { LossList } from './loss-list.tsx';
import { PageFrame } from './page-frame.tsx';
import { RemoveDialog } from './remove-dialog.tsx';
import './worktrees.css';

const chatWords = { making: 'being made', active: '', archived: 'archived chat', deleted: 'deleted chat' };

/** All worktrees that were made for chats, also for deleted ones. Loaded when it is opened. */
export default function WorktreesPage() {
  const { api } = useSession();
  const [items, setItems] = useState<readonly ListedWorktree[]>();
  const [problem, setProblem] = useState<string>();
  const [isReading, setReading] = useState(false);
  const [removing, setRemoving] = useState<ListedWorktree>();
  const read = useCallback((): void => {
    setReading(true);
    api
      .listWorktrees()
      .then(
        (found) => {
          setItems(found);
          setProblem(undefined);
        },
        (error: unknown) => setProblem(`The worktrees could not be read. ${toBooError(error).message}`),
      )
      .finally(() => setReading(false));
  }, [api]);
  useEffect(read, [read]);

  return (
    <>
      <PageFrame title="Worktrees">
        <div className="worktrees-intro">
          <p className="quiet">
            The branches that chats have to themselves, and the directories in which they are checked out. Nothing here
            is ever removed by itself as long as it holds work.
          </p>
          <button disabled={isReading} onClick={read}>
            {isReading ? 'Reading …' : 'Read again'}
          </button>
        </div>
        <Problem text={problem} />
        {!items && problem === undefined && <p role="status">Looking at all worktrees …</p>}
        {items?.length === 0 && <p className="quiet">No chat has a worktree.</p>}
        {items && items.length > 0 && (
          <ul className="worktrees">
            {items.map((item) => (
              <Entry key={item.chatId} item={item} onRemove={() => setRemoving(item)} />
            ))}
          </ul>
        )}
      </PageFrame>
      {removing && (
        <RemoveDialog
          item={removing}
          onClose={() => setRemoving(undefined)}
          onGone={read}
          onRemoved={() => {
            setItems((before) => before?.filter(({ chatId }) => chatId !== removing.chatId));
            // Another one may be asked about by now.
            setRemoving((now) => (now === removing ? undefined : now));
          }}
        />
      )}
    </>
  );
}

function Entry({ item, onRemove }: { item: ListedWorktree; onRemove: () => void }) {
  const { chatId, chat, worktree, bytes, lastUsedAt, wouldLose, isHere, progress } = item;
  const title = readableLine(item.title ?? 'A new chat', 100);
  const isMaking = chat === 'making';
  return (
    <li className="worktree" aria-label={title}>
      <header>
        <h2 dir="auto">{chat === 'active' || chat === 'archived' ? <a href={chatHref(chatId)}>{title}</a> : title}</h2>
        {chatWords[chat] !== '' && <span className="quiet">{chatWords[chat]}</span>}
      </header>
      <dl>
        <dt>Branch</dt>
        <dd>
          <bdi>{readableLine(worktree.branch, 200)}</bdi>
        </dd>
        <dt>Path</dt>
        <dd>
          <bdi>{readableLine(worktree.path, 1000)}</bdi>
        </dd>
        <dt>Size</dt>
        <dd>{bytes === null ? 'unknown' : sizeText(bytes)}</dd>
        <dt>Last used</dt>
        <dd>{lastUsedAt === null ? 'unknown' : <time dateTime={lastUsedAt}>{whenText(lastUsedAt)}</time>}</dd>
      </dl>
      {isMaking ? (
        <p role="status">{readableLine(progress ? `${progress.step} ${progress.line}` : 'It is being made.', 200)}</p>
      ) : isHere ? (
        <LossList losses={wouldLose} />
      ) : (
        <p className="quiet">It is on another host, so nothing else is known of it here.</p>
      )}
      {!isMaking && (
        <div className="actions">
          <button aria-label={`Remove the worktree of ${title}`} onClick={onRemove}>
            Remove
          </button>
        </div>
      )}
    </li>
  );
}
