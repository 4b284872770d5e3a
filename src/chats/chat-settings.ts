import type { PermissionMode } from '../protocol/chat.ts';
import { toBooError } from '../protocol/error.ts';
import type { Event } from '../protocol/event.ts';
import { type Actor, doneByActor } from '../protocol/principal.ts';
import type { ChatChanges, ChatRow } from '../store/chats.ts';
import type { ChatSession } from './chat-session.ts';
import { afterEvent } from './chat-view.ts';
import type { ChatLog } from './chat-log.ts';

/** What a chat's row says, as this host knows it: only the holder of the lease changes it. */
export class ChatSettings {
  readonly #log: ChatLog;
  #row: ChatRow;

  constructor(row: ChatRow, log: ChatLog) {
    this.#row = row;
    this.#log = log;
  }

  get row(): Readonly<ChatRow> {
    return this.#row;
  }

  /** An event was stored. */
  noted(event: Event): void {
    this.#row = afterEvent(this.#row, event);
  }

  /** The chat gets its name with a write that is under way; null takes it back. */
  name(title: string | null): void {
    this.#row = { ...this.#row, title };
  }

  /** Changes were stored, with whatever write. */
  stored(changes: ChatChanges): void {
    this.#row = patched(this.#row, changes);
  }

  /** Stores changes, and has an open session follow where it can. */
  async change(changes: ChatChanges, session: ChatSession, actor: Actor): Promise<void> {
    if (Object.keys(changes).length === 0) return;
    await this.#log.append({
      events: [{ body: { type: 'chat_updated', ...changes, ...doneByActor(actor) } }],
      chat: changes,
    });
    const before = this.#row;
    this.stored(changes);
    const { model, effort, permissionMode, acceptsAgentMessages } = this.#row;
    const hasModel = model !== before.model;
    const hasEffort = effort !== before.effort;
    const hasMode = permissionMode !== before.permissionMode;
    const hasMessages = acceptsAgentMessages !== before.acceptsAgentMessages;
    // A session that is just being opened may have been given the settings from before.
    const isTooLate = session.phase === 'opening' && (hasModel || hasEffort || hasMode || hasMessages);
    // Also where it was wanted before: what stands there was trusted anew.
    if (changes.trusted !== undefined || isTooLate) session.outdate();
    const { handle } = session;
    if (!handle) return;
    try {
      if (hasMessages) await handle.setAcceptsAgentMessages(acceptsAgentMessages);
      if (hasModel) await handle.setModel(model);
      if (hasEffort && !(await handle.setEffort(effort))) session.outdate();
      if (hasMode) await this.#inForce(await handle.setPermissionMode(permissionMode));
    } catch (error) {
      // What is stored holds from the next opening on, whatever the running process made of it.
      session.outdate();
      const message = `The change takes effect with the next turn, before which the agent is started anew: ${toBooError(error).message}`;
      await this.#log.append({
        events: [{ body: { type: 'notice', level: 'warning', code: 'setting_deferred', message } }],
      });
    }
  }

  /** The agent's word counts: it may have taken another mode than it was asked for. */
  async #inForce(permissionMode: PermissionMode): Promise<void> {
    if (permissionMode === this.#row.permissionMode) return;
    const changes = { permissionMode };
    await this.#log.append({ events: [{ body: { type: 'current_mode_update', permissionMode } }], chat: changes });
    this.stored(changes);
  }
}

/** The chat with the changes applied, as the same changes alter its row. */
function patched(row: ChatRow, changes: ChatChanges): ChatRow {
  return {
    ...row,
    title: changes.title ?? row.title,
    model: changes.model === undefined ? row.model : changes.model,
    effort: changes.effort === undefined ? row.effort : changes.effort,
    permissionMode: changes.permissionMode ?? row.permissionMode,
    trusted: changes.trusted ?? row.trusted,
    acceptsAgentMessages: changes.acceptsAgentMessages ?? row.acceptsAgentMessages,
    resumeAtReset: changes.resumeAtReset ?? row.resumeAtReset,
    archived: changes.archived ?? row.archived,
    backend: changes.backend ?? row.backend,
    cwd: changes.cwd ?? row.cwd,
  };
}
