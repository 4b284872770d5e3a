import type { Chat as ChatView } from '../protocol/chat.ts';
import type { ChatRow } from '../store/chats.ts';
import type { Sql } from '../store/database.ts';
import { findHeldElsewhere } from '../store/leases.ts';
import { atRest, chatView } from './chat-view.ts';
import type { Host } from './host.ts';
import { ask } from './storage.ts';

/** What clients see of chats: their stored state, with that of the host which holds them. */
export class ChatViews {
  readonly #sql: Sql;
  readonly #host: Pick<Host, 'id' | 'find'>;

  constructor({ sql, host }: { sql: Sql; host: Pick<Host, 'id' | 'find'> }) {
    this.#sql = sql;
    this.#host = host;
  }

  /** Of a chat that no other host holds. */
  here(row: ChatRow): ChatView {
    return chatView(row, this.#host.find(row.id)?.live ?? atRest(row));
  }

  async of(rows: readonly ChatRow[]): Promise<ChatView[]> {
    const held = await this.elsewhere(rows.filter((row) => !this.#host.find(row.id)));
    return rows.map((row) => {
      const state = this.#host.find(row.id) ? undefined : held.get(row.id);
      return state === undefined ? this.here(row) : chatView(row, { ...atRest(row), state });
    });
  }

  /** What those of them are doing that other hosts hold, by chat. */
  elsewhere(rows: readonly Pick<ChatRow, 'id'>[]): ReturnType<typeof findHeldElsewhere> {
    const ids = rows.map(({ id }) => id);
    if (ids.length === 0) return Promise.resolve(new Map());
    return ask(() => findHeldElsewhere(this.#sql, this.#host.id, ids));
  }
}
