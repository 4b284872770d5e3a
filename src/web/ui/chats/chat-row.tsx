import { lazy, memo, useState } from 'react';
import type { Chat } from '../../../protocol/chat.ts';
import { readableLine } from '../../text/readable.ts';
import { Icon } from '../parts/icon.tsx';
import { forkChat, isInRepository } from '../parts/fork-chat.ts';
import { LateDialog } from '../parts/late-dialog.tsx';
import { Menu, type MenuItem } from '../parts/menu.tsx';
import { attemptsHref, chatHref, parseRoute } from '../parts/route.ts';
import { RenameDialog } from './rename-dialog.tsx';
import { useSession } from '../parts/session-context.ts';
import { costText, lastPart, whenText } from '../parts/format.ts';
import { shownState } from '../parts/shown-state.ts';

const ForkDialog = lazy(() => import('../worktrees/fork-dialog.tsx'));
const SchedulesDialog = lazy(() => import('../schedules/schedules-dialog.tsx'));
const ShareDialog = lazy(() => import('../shared/share-dialog.tsx'));
const WorktreeDialog = lazy(() => import('./worktree-dialog.tsx'));

export function StateMark({ chat }: { chat: Chat }) {
  const { state, words } = shownState(chat);
  return <span className={`state state-${state}`}>{words}</span>;
}

export const ChatRow = memo(function ChatRow({ chat, isHere }: { chat: Chat; isHere: boolean }) {
  const session = useSession();
  const title = readableLine(chat.title, 120);
  return (
    <div className={`chat-row ${isHere ? 'is-here' : ''}`}>
      <a href={chatHref(chat.id)} aria-current={isHere ? 'page' : undefined} onClick={() => session.warmAhead(chat.id)}>
        <span className="row-title" dir="auto">
          {title}
        </span>
        <span className="row-facts">
          <StateMark chat={chat} />
          <span className="row-dir" title={readableLine(chat.cwd, 1000)}>
            <bdi>{readableLine(lastPart(chat.cwd), 60)}</bdi>
          </span>
          {chat.costUsd > 0 && <span>{costText(chat.costUsd)}</span>}
          <time dateTime={chat.updatedAt}>{whenText(chat.updatedAt)}</time>
        </span>
      </a>
      <ChatMenu chat={chat} label={`More for ${title}`} />
    </div>
  );
});

const itemIf = (isWanted: boolean, label: string, run: () => void): MenuItem[] =>
  isWanted ? [{ icon: 'fork', label, run }] : [];

export function ChatMenu({ chat, label }: { chat: Chat; label: string }) {
  const session = useSession();
  const [isRenaming, setRenaming] = useState(false);
  const [isBranching, setBranching] = useState(false);
  const [isForking, setForking] = useState(false);
  const [isScheduling, setScheduling] = useState(false);
  const [isSharing, setSharing] = useState(false);
  const archive = async (archived: boolean): Promise<void> => {
    const changed = await session.attempt(() => session.api.patchChat(chat.id, { archived }));
    if (!changed) return;
    session.chats.put(changed);
    if (archived) {
      const leave = session.showToast(`“${readableLine(chat.title, 60)}” is archived.`, {
        action: {
          label: 'Undo',
          run() {
            leave();
            void archive(false);
          },
        },
      });
    }
  };
  return (
    <>
      <Menu
        label={label}
        items={[
          { icon: 'pencil', label: 'Rename', run: () => setRenaming(true) },
          { icon: 'fork', label: 'Fork', run: () => void forkChat(session, chat.id) },
          ...itemIf(isInRepository(chat), 'Fork with its own branch', () => setForking(true)),
          ...itemIf(chat.worktree !== null, 'Branch', () => setBranching(true)),
          ...itemIf(chat.group !== null, 'Attempts', () => (location.hash = attemptsHref(chat.group ?? ''))),
          { icon: 'plan', label: 'Schedules', run: () => setScheduling(true) },
          { icon: 'globe', label: 'Share', run: () => setSharing(true) },
          {
            icon: 'archive',
            label: chat.archived ? 'Unarchive' : 'Archive',
            run: () => void archive(!chat.archived),
          },
          {
            icon: 'trash',
            label: 'Delete',
            isDangerous: true,
            run() {
              const route = parseRoute(location.hash);
              if (route.name === 'chat' && route.chatId === chat.id) location.hash = '#/';
              session.deleteChat(chat);
            },
          },
        ]}
      >
        <Icon name="more" />
      </Menu>
      {isBranching && (
        <LateDialog onClose={() => setBranching(false)}>
          <WorktreeDialog chat={chat} onClose={() => setBranching(false)} />
        </LateDialog>
      )}
      {isScheduling && (
        <LateDialog onClose={() => setScheduling(false)}>
          <SchedulesDialog chatId={chat.id} onClose={() => setScheduling(false)} />
        </LateDialog>
      )}
      {isSharing && (
        <LateDialog onClose={() => setSharing(false)}>
          <ShareDialog chat={chat} onClose={() => setSharing(false)} />
        </LateDialog>
      )}
      {isForking && (
        <LateDialog onClose={() => setForking(false)}>
          <ForkDialog chat={chat} onClose={() => setForking(false)} />
        </LateDialog>
      )}
      {isRenaming && <RenameDialog chat={chat} onClose={() => setRenaming(false)} />}
    </>
  );
}
