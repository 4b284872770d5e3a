import type { Session } from '../../state/session.ts';
import { chatHref } from './route.ts';

/** Forks the chat at the end of this turn, by default the last one, and opens the new chat. */
export async function forkChat(session: Session, chatId: string, at?: number): Promise<void> {
  const forked = await session.attempt(() => session.api.fork(chatId, at === undefined ? {} : { at }));
  if (!forked) return;
  session.chats.put(forked);
  location.hash = chatHref(forked.id);
}
