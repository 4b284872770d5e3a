import type { ChangeDiff, ChangeList, DiffQuery, Since } from '../../protocol/changes.ts';
import { findChat } from '../../store/chats.ts';
import type { Sql } from '../../store/database.ts';
import { rowHere } from '../assert-here.ts';
import { ask, unknownChat } from '../storage.ts';
import type { Workspaces } from '../workspaces/workspaces.ts';
import { changingChat, type ChangingChat } from './changing-chat.ts';

/** What has changed in chats' directories on this host. Throws `changes_unavailable`, `workspace_missing`. */
export class ChatChanges {
  readonly #sql: Sql;
  readonly #workspaces: Workspaces;

  constructor({ sql, workspaces }: { sql: Sql; workspaces: Workspaces }) {
    this.#sql = sql;
    this.#workspaces = workspaces;
  }

  async list(chatId: string, since: Since): Promise<ChangeList> {
    return this.#workspaces.changes.list(await this.#find(chatId), since);
  }

  /** Of one file, or of all. */
  async diff(chatId: string, query: DiffQuery & { since: Since }): Promise<ChangeDiff> {
    return this.#workspaces.changes.diff(await this.#find(chatId), query);
  }

  async #find(chatId: string): Promise<ChangingChat> {
    const row = await ask(() => findChat(this.#sql, chatId));
    if (!row) throw unknownChat();
    return changingChat(await rowHere(this.#workspaces, row));
  }
}
