import type { Chat } from '../../../protocol/chat.ts';
import type { Session } from '../../state/session.ts';
import { chatHref } from './route.ts';

/** Forks the chat at the end of this turn, by default the last one, and opens the new chat. */
export async function forkChat(session: Session, chatId: string, at?: number): Promise<void> {
  const forked = await session.attempt(() => session.api.fork(chatId, at === undefined ? {} : { at }));
  if (!forked) return;
  session.chats.put(forked);
  location.hash = chatHref(forked.id);
}

/** As far as it is known: one that was made since, or has neither a branch checked out nor a remote, is not. */
export const isInRepository = ({ worktree, workspace }: Chat): boolean =>
  worktree !== null || (workspace !== null && (workspace.branch !== null || workspace.remote !== null));
