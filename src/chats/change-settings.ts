import type { PermissionMode } from '../protocol/chat.ts';
import { toBooError } from '../protocol/error.ts';
import { type Actor, doneByActor } from '../protocol/principal.ts';
import type { ChatChanges } from '../store/chats.ts';
import type { ChatContext } from './chat-context.ts';
import type { ChatSession } from './chat-session.ts';

type Parts = Pick<ChatContext, 'log' | 'settings'> & { session: ChatSession };

/** Stores changes, and applies them to the open session as far as that takes them. */
export async function changeSettings(
  { log, settings, session }: Parts,
  changes: ChatChanges,
  actor: Actor,
): Promise<void> {
  if (Object.keys(changes).length === 0) return;
  await log.append({ events: [{ body: { type: 'chat_updated', ...changes, ...doneByActor(actor) } }], chat: changes });
  const before = settings.row;
  settings.stored(changes);
  const { model, effort, permissionMode, acceptsAgentMessages } = settings.row;
  const hasModel = model !== before.model;
  const hasEffort = effort !== before.effort;
  const hasMode = permissionMode !== before.permissionMode;
  const hasMessages = acceptsAgentMessages !== before.acceptsAgentMessages;
  // A session that is just being opened may have been given the settings from before.
  const isTooLate = session.isOpening && (hasModel || hasEffort || hasMode || hasMessages);
  // Also if it was trusted before: what is in the directory now was trusted again.
  if (changes.trusted !== undefined || isTooLate) session.outdate();
  const { handle } = session;
  if (!handle) return;
  try {
    if (hasMessages) await handle.setAcceptsAgentMessages(acceptsAgentMessages);
    if (hasModel) await handle.setModel(model);
    if (hasEffort && !(await handle.setEffort(effort))) session.outdate();
    if (hasMode) await storeMode({ log, settings }, await handle.setPermissionMode(permissionMode));
  } catch (error) {
    // What is stored holds from the next opening on, whatever the running process made of it.
    session.outdate();
    const message = `The change takes effect with the next turn, before which the agent is started anew: ${toBooError(error).message}`;
    await log.append({ events: [{ body: { type: 'notice', level: 'warning', code: 'setting_deferred', message } }] });
  }
}

/** The agent decides: it may have taken another mode than it was asked for. */
async function storeMode({ log, settings }: Pick<Parts, 'log' | 'settings'>, permissionMode: PermissionMode) {
  if (permissionMode === settings.row.permissionMode) return;
  const changes = { permissionMode };
  await log.append({ events: [{ body: { type: 'current_mode_update', permissionMode } }], chat: changes });
  settings.stored(changes);
}
