import type { PermissionMode } from '../protocol/chat.ts';
import { toBooError } from '../protocol/error.ts';
import { type Actor, doneByActor } from '../protocol/principal.ts';
import type { ChatChanges } from '../store/chats.ts';
import type { ChatContext } from './chat-context.ts';
import type { ChatSession } from './chat-session.ts';

type Parts = Pick<ChatContext, 'log' | 'settings'> & { session: ChatSession };

/** Stores changes, and applies them to the open session where possible. */
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
  const hasSandbox = settings.row.sandbox !== before.sandbox || settings.row.sandboxNetwork !== before.sandboxNetwork;
  const hasMessages = acceptsAgentMessages !== before.acceptsAgentMessages;
  // A session that is opening may have received the previous settings.
  const isTooLate = session.isOpening && (hasModel || hasEffort || hasMode || hasMessages);
  // Also if it was trusted before: what is in the directory now was trusted again.
  if (changes.trusted !== undefined || hasSandbox || isTooLate) session.outdate();
  const { handle } = session;
  if (!handle) return;
  try {
    if (hasMessages) await handle.setAcceptsAgentMessages(acceptsAgentMessages);
    if (hasModel) await handle.setModel(model);
    if (hasEffort && !(await handle.setEffort(effort))) session.outdate();
    if (hasMode) await storeMode({ log, settings }, await handle.setPermissionMode(permissionMode));
  } catch (error) {
    // The stored settings apply from the next opening on, whatever the running process did.
    session.outdate();
    const message = `The change takes effect with the next turn, for which the agent is restarted: ${toBooError(error).message}`;
    await log.append({ events: [{ body: { type: 'notice', level: 'warning', code: 'setting_deferred', message } }] });
  }
}

/** The agent decides: it may have chosen another mode than requested. */
async function storeMode({ log, settings }: Pick<Parts, 'log' | 'settings'>, permissionMode: PermissionMode) {
  if (permissionMode === settings.row.permissionMode) return;
  const changes = { permissionMode };
  await log.append({ events: [{ body: { type: 'current_mode_update', permissionMode } }], chat: changes });
  settings.stored(changes);
}
