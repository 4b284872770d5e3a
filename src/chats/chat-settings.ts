import { dropUndefined } from '../lib/drop-undefined.ts';
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
    this.#row = { ...this.#row, ...dropUndefined(changes) };
  }
}
