import type { Sql } from '../store/database.ts';
import { findDecision } from '../store/decisions.ts';
import { findHolder, findOtherHost } from '../store/hosts.ts';
import type { Holder, Subject } from './chats.ts';
import type { Host } from './host.ts';
import { ask } from './storage.ts';

/** Which other host a request belongs to. */
export class Holders {
  readonly #sql: Sql;
  readonly #host: Pick<Host, 'id' | 'find' | 'holderSeen'>;

  constructor({ sql, host }: { sql: Sql; host: Pick<Host, 'id' | 'find' | 'holderSeen'> }) {
    this.#sql = sql;
    this.#host = host;
  }

  /** The one that holds the chat, or is to take it. See `Chats.findHolder`. */
  async find(of: Subject, { seen }: { seen: boolean }): Promise<Holder | null> {
    const chatId = await this.#chatOf(of);
    if (chatId === undefined || this.#host.find(chatId)) return null;
    const known = seen ? this.#host.holderSeen(chatId) : undefined;
    if (known && known.id !== this.#host.id) return known;
    const holder = await ask(() => findHolder(this.#sql, chatId));
    return holder?.id === this.#host.id ? null : holder;
  }

  /** One that takes chats; see `Chats.findOtherHost`. */
  async findOther(of: Subject, wanted: { hasDirectory: boolean }): Promise<Holder | null> {
    const chatId = await this.#chatOf(of);
    return chatId === undefined ? null : ask(() => findOtherHost(this.#sql, this.#host.id, chatId, wanted));
  }

  async #chatOf(of: Subject): Promise<string | undefined> {
    return 'chatId' in of ? of.chatId : (await ask(() => findDecision(this.#sql, of.decisionId)))?.chatId;
  }
}
