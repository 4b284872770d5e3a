import type { Event } from '../protocol/event.ts';
import type { ChatChanges, ChatRow } from '../store/chats.ts';
import { afterEvent } from './chat-view.ts';

/** A chat's row as this host knows it: only the holder of the lease changes it. */
export class ChatSettings {
  #row: ChatRow;

  constructor(row: ChatRow) {
    this.#row = row;
  }

  get row(): Readonly<ChatRow> {
    return this.#row;
  }

  /** An event was stored. */
  noted(event: Event): void {
    this.#row = afterEvent(this.#row, event);
  }

  /** Sets the title before the write that stores it; null takes it back. */
  name(title: string | null): void {
    this.#row = { ...this.#row, title };
  }

  /** Changes were stored. */
  stored(changes: ChatChanges): void {
    this.#row = patched(this.#row, changes);
  }
}

/** The row with the changes applied. */
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
