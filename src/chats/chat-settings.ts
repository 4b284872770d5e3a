import { dropUndefined } from '../lib/drop-undefined.ts';
import type { BooError } from '../protocol/error.ts';
import type { Event } from '../protocol/event.ts';
import type { ChatChanges, ChatRow, StoredWorkspace } from '../store/chats.ts';
import { afterEvent } from './chat-view.ts';
import type { Place } from './workspaces/workspaces.ts';

/** A chat's row as this host knows it: only the holder of the lease changes it. */
export class ChatSettings {
  #row: ChatRow;
  #place: Place;

  constructor(row: ChatRow, place: Place = { directory: row.cwd }) {
    this.#row = row;
    this.#place = place;
  }

  /** Where the chat's directory is on this host; its `cwd` if it is not here. */
  get directory(): string {
    return this.#place.directory;
  }

  /** Why no agent can work here: this host does not have the directory. */
  get missing(): BooError | undefined {
    return this.#place.missing;
  }

  /** The row with the directory on this host as its `cwd`. */
  get rowHere(): ChatRow {
    return { ...this.#row, cwd: this.directory };
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
  stored(
    changes: ChatChanges & { workspace?: StoredWorkspace | null; worktree?: null; budgetWarnedUsd?: number },
  ): void {
    // A chat is moved to a directory of this host.
    if (changes.cwd !== undefined) this.#place = { directory: changes.cwd };
    this.#row = { ...this.#row, ...dropUndefined(changes) };
  }
}
