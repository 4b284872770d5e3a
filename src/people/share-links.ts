/**
 * Links by which anybody reads one chat. Whoever has one is nobody here: a link is no grant and names no principal, so what
 * asks for either refuses it.
 */
import { randomUUID } from 'node:crypto';
import type { Log } from '../lib/log.ts';
import { BooError } from '../protocol/error.ts';
import type { Principal } from '../protocol/principal.ts';
import type { ShareLink } from '../protocol/share-link.ts';
import { ask } from '../store/ask.ts';
import type { Sql } from '../store/database.ts';
import {
  deleteShareLink,
  findShareLinks,
  type FoundLink,
  insertShareLink,
  listShareLinks,
  maxShareLinks,
  type ShareLinkRow,
  touchShareLink,
} from '../store/share-links.ts';
import { digestOf, newCode } from './grant.ts';

/** So that a link's secret is told from a token, here and where it should not be. */
const prefix = 'boolink_';
const pattern = /^boolink_[\w-]{43}$/;
const maxUnknown = 10_000;

/** A link that is shown to the server. */
export type OpenLink = FoundLink;

export interface ShareLinksApi {
  /** The secret is returned only now. */
  create(
    by: Principal,
    chatId: string,
    how: { expiresInSeconds: number; until?: number | undefined },
  ): Promise<{ link: ShareLink; secret: string }>;
  list(chatId: string): Promise<ShareLink[]>;
  /** What is open by it ends: at once on this host. */
  revoke(chatId: string, linkId: string): Promise<void>;
  /** Undefined if it is no valid link. Throws `storage_unavailable`. */
  find(secret: string): Promise<OpenLink | undefined>;
  /** For how long it is valid still. Throws `storage_unavailable`. */
  leftMs(link: OpenLink): Promise<number>;
  /** Called when a link of the chat was revoked, on this host. */
  observe(onRevoked: (chatId: string) => void): () => void;
}

export class ShareLinks implements ShareLinksApi {
  readonly #parts: { sql: Sql; logger: Log };
  readonly #observers = new Set<(chatId: string) => void>();
  /** Nobody can choose a secret: what there is not, there never will be. The oldest first. */
  readonly #unknown = new Set<string>();
  #asked = new Set<string>();
  #answer: Promise<ReadonlyMap<string, OpenLink>> | undefined;
  #running: Promise<unknown> = Promise.resolve();

  constructor(parts: { sql: Sql; logger: Log }) {
    this.#parts = parts;
  }

  async create(
    { id, name }: Principal,
    chatId: string,
    { expiresInSeconds, until }: { expiresInSeconds: number; until?: number | undefined },
  ): Promise<{ link: ShareLink; secret: string }> {
    const secret = prefix + newCode();
    const made = { chatId, digest: digestOf(secret), untilSeq: until ?? null, madeBy: { id, name }, expiresInSeconds };
    const row = await ask(() => insertShareLink(this.#parts.sql, { id: randomUUID(), ...made }));
    if (row) return { link: shown(row), secret };
    if ((await this.list(chatId)).length >= maxShareLinks) {
      throw new BooError('invalid_request', `A chat may have at most ${maxShareLinks} links: revoke one first.`);
    }
    if (until === undefined) throw new BooError('not_found', 'This chat does not exist.');
    throw new BooError('invalid_request', `until: the chat has no event ${until}.`, { details: { field: 'until' } });
  }

  async list(chatId: string): Promise<ShareLink[]> {
    return (await ask(() => listShareLinks(this.#parts.sql, chatId))).map(shown);
  }

  async revoke(chatId: string, linkId: string): Promise<void> {
    if (!(await ask(() => deleteShareLink(this.#parts.sql, chatId, linkId)))) {
      throw new BooError('not_found', 'This chat has no such link.');
    }
    for (const observer of this.#observers) observer(chatId);
  }

  async find(secret: string): Promise<OpenLink | undefined> {
    if (!pattern.test(secret)) return undefined;
    const link = await this.#read(digestOf(secret));
    if (!link || link.leftMs === 0) return undefined;
    if (link.isStale) await this.#noteUse(link.id);
    return link;
  }

  async leftMs({ digest }: OpenLink): Promise<number> {
    return (await this.#read(digest))?.leftMs ?? 0;
  }

  observe(onRevoked: (chatId: string) => void): () => void {
    this.#observers.add(onRevoked);
    return () => void this.#observers.delete(onRevoked);
  }

  async #noteUse(id: string): Promise<void> {
    const { sql, logger } = this.#parts;
    await touchShareLink(sql, id).catch((err: unknown) =>
      logger.warn({ err }, 'The use of a share link could not be written down.'),
    );
  }

  /** Asks about all that is unknown with one query at a time, however many wrong secrets come. */
  async #read(digest: string): Promise<OpenLink | undefined> {
    if (this.#unknown.has(digest)) return undefined;
    this.#asked.add(digest);
    const found = (await (this.#answer ??= this.#ask())).get(digest);
    if (!found) this.#unknown.add(digest);
    for (const oldest of this.#unknown) if (this.#unknown.size > maxUnknown) this.#unknown.delete(oldest);
    return found;
  }

  async #ask(): Promise<ReadonlyMap<string, OpenLink>> {
    await this.#running;
    const digests = [...this.#asked];
    this.#asked = new Set();
    this.#answer = undefined;
    const query = ask(() => findShareLinks(this.#parts.sql, digests));
    this.#running = query.catch(() => undefined);
    return new Map((await query).map((link) => [link.digest, link]));
  }
}

const shown = ({ id, untilSeq, madeById, madeByName, createdAt, expiresAt, lastUsedAt }: ShareLinkRow): ShareLink => ({
  id,
  createdBy: { id: madeById, name: madeByName },
  createdAt: createdAt.toISOString(),
  expiresAt: expiresAt.toISOString(),
  until: untilSeq,
  lastUsedAt: lastUsedAt?.toISOString() ?? null,
});
