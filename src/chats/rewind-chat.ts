/** Takes a chat back to before a prompt: what its agent remembers, the files of its working tree, or both. */
import { randomUUID } from 'node:crypto';
import { BooError } from '../protocol/error.ts';
import type { EventBody } from '../protocol/event.ts';
import { type Actor, doneByActor } from '../protocol/principal.ts';
import { type FilesRewind, type RewindChat, type RewindResult, rewindsConversation } from '../protocol/rewind.ts';
import type { FilesPlan, RewindTarget } from './changes/rewind-files.ts';
import type { ChatContext } from './chat-context.ts';
import type { ChatSession } from './chat-session.ts';
import { rewindConversation } from './rewind.ts';
import { rewindChatFiles } from './rewind-chat-files.ts';

/** `others` are those that whoever asks may not know of. */
export interface WorkingChats {
  known: FilesRewind['workingChats'];
  others: number;
}

/** A rewind whose prompt is known, and the files that it is about. */
export interface RewindRequest extends RewindChat {
  /** Present if files are rewound. */
  target?: RewindTarget | undefined;
  /** Other chats of this host that work in this directory right now. */
  readonly workingIn: (top: string) => Promise<WorkingChats>;
}

/** Between turns only. Throws as `Chats.rewind`. */
export async function rewindChat(
  context: ChatContext,
  session: ChatSession,
  request: RewindRequest,
  actor: Actor,
): Promise<RewindResult> {
  const { before, target, tree, undo, workingIn } = request;
  let promptIds: string[] = [];
  const conversation = async (): Promise<void> => {
    if (rewindsConversation(request)) promptIds = await rewindConversation(context, session, before, actor);
  };
  if (!target) {
    await conversation();
    return { promptIds, files: null };
  }
  const { log, settings } = context;
  const rewindId = randomUUID();
  const about = { rewindId, ...(before !== undefined && { promptId: before }), ...(undo && { undoes: undo }) };
  const note = (body: EventBody): Promise<unknown> => log.append({ events: [{ body }] });
  let isBegun = false;
  const begin = async ({ root, count }: FilesPlan): Promise<void> => {
    const working = await workingIn(root);
    if (working.known.length + working.others > 0) throw occupied(root, working);
    // Refused together: if the agent cannot go back, files stay too.
    await conversation();
    isBegun = true;
    await note({ type: 'files_rewind_started', ...about, count, ...doneByActor(actor) });
  };
  const { changed, ...files } = await rewindChatFiles(context, settings.rowHere, { target, rewindId, tree, begin });
  if (!isBegun) {
    await conversation();
    return { promptIds, files: { ...files, rewindId: null, workingChats: [] } };
  }
  const lines = (of: 'added' | 'removed') => files.files.reduce((sum, file) => sum + (file[of] ?? 0), 0);
  const counts = { changed, kept: files.keptCount, added: lines('added'), removed: lines('removed') };
  await note({ type: 'files_rewound', ...about, ...counts, ...doneByActor(actor) });
  return { promptIds, files: { ...files, rewindId, workingChats: [] } };
}

function occupied(root: string, { known, others }: WorkingChats): BooError {
  const names = [
    ...known.map(({ title, chatId }) => `“${title}” (${chatId})`),
    ...(others > 0 ? ['somebody else’s'] : []),
  ];
  return new BooError(
    'chat_busy',
    `Another chat works in ${root} right now: ${names.join(', ')}. Wait for its turn to end, or interrupt it.`,
    { details: { chats: known } },
  );
}
