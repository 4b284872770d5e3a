/**
 * Who may see which chat. An owner sees all of them; everybody else their own, those that are shared with them, and the team's.
 * What one may not see does not exist; what one may see but not do is `forbidden`.
 */
import { BooError } from '../protocol/error.ts';
import type { Principal } from '../protocol/principal.ts';
import type { ChatSharing, ShareAccess, Visibility } from '../protocol/sharing.ts';
import {
  type ChatAccess,
  onlyVisible,
  readAccess,
  readOwner,
  readSharing,
  setVisibility,
  shareChat,
  unshareChat,
} from '../store/chat-access.ts';
import type { Sql } from '../store/database.ts';
import type { Subject } from './chats.ts';
import { ask, unknownChat } from './storage.ts';

export type { ChatAccess } from '../store/chat-access.ts';

export interface Sharing {
  /** Null if they may not see it. */
  accessOf(of: Subject, person: Principal): Promise<ChatAccess | null>;
  /** Whether the chat is the person's own, whatever else they may see. */
  isOwn(chatId: string, person: Principal): Promise<boolean>;
  /** Of these, or of all chats. Undefined for somebody who sees everything. */
  onlyVisible(person: Principal, chatIds?: readonly string[]): Promise<ReadonlySet<string> | undefined>;
  read(chatId: string, person: Principal): Promise<ChatSharing>;
  setVisibility(chatId: string, visibility: Visibility): Promise<void>;
  share(chatId: string, person: string, access: ShareAccess): Promise<void>;
  unshare(chatId: string, personId: string): Promise<void>;
  /** Called when what people may see of a chat has changed, on this host. */
  observe(onChanged: (chatId: string) => void): () => void;
}

/** For lists: undefined for somebody who sees everything. */
export const visibleTo = ({ id, role }: Principal): string | undefined => (role === 'owner' ? undefined : id);

const maxOwners = 10_000;

export class StoredSharing implements Sharing {
  readonly #sql: Sql;
  readonly #observers = new Set<(chatId: string) => void>();
  /** A chat's owner never changes. */
  readonly #owners = new Map<string, string>();

  constructor({ sql }: { sql: Sql }) {
    this.#sql = sql;
  }

  async accessOf(of: Subject, person: Principal): Promise<ChatAccess | null> {
    return person.role === 'owner' ? 'own' : ask(() => readAccess(this.#sql, of, person.id));
  }

  async isOwn(chatId: string, { id }: Principal): Promise<boolean> {
    const owner = this.#owners.get(chatId) ?? (await ask(() => readOwner(this.#sql, chatId)));
    if (owner === undefined) return false;
    this.#owners.set(chatId, owner);
    for (const oldest of this.#owners.keys()) if (this.#owners.size > maxOwners) this.#owners.delete(oldest);
    return owner === id;
  }

  async onlyVisible(person: Principal, chatIds?: readonly string[]): Promise<ReadonlySet<string> | undefined> {
    return person.role === 'owner' ? undefined : ask(() => onlyVisible(this.#sql, person.id, chatIds));
  }

  async read(chatId: string, person: Principal): Promise<ChatSharing> {
    const [found, yours] = await Promise.all([
      ask(() => readSharing(this.#sql, chatId)),
      this.accessOf({ chatId }, person),
    ]);
    if (!found || yours === null) throw unknownChat();
    return { ...found, yours };
  }

  async setVisibility(chatId: string, visibility: Visibility): Promise<void> {
    if (!(await ask(() => setVisibility(this.#sql, chatId, visibility)))) throw unknownChat();
    this.#tell(chatId);
  }

  async share(chatId: string, person: string, access: ShareAccess): Promise<void> {
    if ((await ask(() => readOwner(this.#sql, chatId))) === undefined) throw unknownChat();
    if (!(await ask(() => shareChat(this.#sql, chatId, person, access)))) {
      throw new BooError('invalid_request', 'person: nobody on this server has that name or id.', {
        details: { field: 'person' },
      });
    }
    this.#tell(chatId);
  }

  async unshare(chatId: string, personId: string): Promise<void> {
    await ask(() => unshareChat(this.#sql, chatId, personId));
    this.#tell(chatId);
  }

  observe(onChanged: (chatId: string) => void): () => void {
    this.#observers.add(onChanged);
    return () => void this.#observers.delete(onChanged);
  }

  #tell(chatId: string): void {
    for (const observer of this.#observers) observer(chatId);
  }
}
