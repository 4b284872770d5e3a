/** Secrets of people and directories: who may do what with them, and which chats' agents get them. */
import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { isWithin } from '../../lib/is-within.ts';
import type { Log } from '../../lib/log.ts';
import type { KnownSecret, Redaction } from '../../lib/redaction.ts';
import { BooError } from '../../protocol/error.ts';
import type { Principal } from '../../protocol/principal.ts';
import { type RekeyedSecrets, type Secret, secretLimits, type SetSecret } from '../../protocol/secret.ts';
import { ask } from '../../store/ask.ts';
import type { Sql } from '../../store/database.ts';
import {
  chooseSecret,
  deleteSecret,
  dropSecret,
  findChatPlace,
  findSecret,
  findSecretOf,
  type ListedSecret,
  listSecretKeys,
  listSecrets,
  noteSecretsUse,
  putSecret,
  readChatSecrets,
  resealSecret,
  type SecretRow,
} from '../../store/secrets.ts';
import { realPathOf } from '../work-places.ts';
import { open, seal, type SealedFor, type SecretScope } from './seal.ts';
import type { SecretKey, SecretKeys } from './secret-keys.ts';

export interface SecretsParts {
  sql: Sql;
  keys: SecretKeys;
  /** Whether an agent's process must not be given this variable. */
  refuses(name: string): boolean;
  logger: Log;
  /** Of the server's log: what any chat gets is redacted there. */
  ofLog?: Redaction | undefined;
}

/** What an agent is started with. */
export interface GivenSecret extends KnownSecret {
  readonly id: string;
}

/** Where a chat works: where its agent does, and, if that is a worktree of its own, the directory that it was made for. */
export interface SecretPlaces {
  readonly directories: readonly string[];
}

export type SecretsApi = Pick<Secrets, 'list' | 'set' | 'remove' | 'rekey' | 'listOf' | 'choose' | 'drop'>;

export class Secrets {
  readonly #parts: SecretsParts;
  /** A chat's list has changed. */
  onChosen: (chatId: string) => void = () => {};

  constructor(parts: SecretsParts) {
    this.#parts = parts;
  }

  /** Without a key file there is nothing that this host could give, and no chat asks the database about it. */
  get isUsed(): boolean {
    return this.#parts.keys.exist;
  }

  /** What the server's log is to be without. */
  get ofLog(): Redaction | undefined {
    return this.#parts.ofLog;
  }

  /** The caller's own and the directories'; everybody's, for owners. */
  async list(person: Principal): Promise<Secret[]> {
    const of = person.role === 'owner' ? 'everyone' : { personId: person.id };
    return this.#shown(await ask(() => listSecrets(this.#parts.sql, of)));
  }

  /** Throws `forbidden`, `invalid_request`, `cwd_invalid`, `config_invalid`. */
  async set(person: Principal, { name, value, directory }: SetSecret): Promise<Secret> {
    const { sql } = this.#parts;
    if (directory !== undefined && person.role !== 'owner') throw forbidden('set the secrets of directories');
    if (this.#parts.refuses(name)) throw refused(name);
    if (value.includes('[secret ') || `[secret ${name}]`.includes(value)) {
      throw invalid('value', 'is what stands for a secret where it was taken out');
    }
    const scope = directory === undefined ? { personId: person.id } : { directory: await realDirectory(directory) };
    const known = await ask(() => findSecretOf(sql, name, scope));
    if (!known) await this.#assertRoom(scope);
    const key = await this.#keyToSealWith();
    const what = { id: known?.id ?? randomUUID(), name, scope };
    const row = await ask(() =>
      putSecret(sql, {
        id: what.id,
        name,
        personId: 'personId' in scope ? scope.personId : null,
        directory: 'directory' in scope ? scope.directory : null,
        keyId: key.id,
        sealed: seal(key.key, what, value),
        setBy: person.name,
      }),
    );
    const personName = 'personId' in scope ? person.name : null;
    return this.#shown([{ ...row, personName }])[0] as Secret;
  }

  /** One's own; owners everybody's. Throws `not_found`, `forbidden`. */
  async remove(person: Principal, id: string): Promise<Pick<Secret, 'id' | 'name'>> {
    const { sql } = this.#parts;
    const row = await ask(() => findSecret(sql, id));
    const isOwner = person.role === 'owner';
    if (!row || (!isOwner && row.directory === null && row.personId !== person.id)) throw unknownSecret();
    if (row.directory !== null && !isOwner) throw forbidden('remove the secrets of directories');
    if (!(await ask(() => deleteSecret(sql, id)))) throw unknownSecret();
    return { id, name: row.name };
  }

  /** What the chat's agent gets at its next start. */
  async listOf(chatId: string): Promise<Secret[]> {
    const { sql } = this.#parts;
    const place = await ask(() => findChatPlace(sql, chatId));
    if (!place) throw unknownChat();
    const directories = place.madeFor === null ? [place.cwd] : [place.cwd, place.madeFor];
    return this.#shown(await this.#rowsFor(chatId, { directories }));
  }

  /** Puts one of the caller's own on a chat's list. Throws `not_found`, `invalid_request`. */
  async choose(person: Principal, chatId: string, name: string): Promise<Secret[]> {
    const { sql } = this.#parts;
    const row = await ask(() => findSecretOf(sql, name, { personId: person.id }));
    if (!row)
      throw new BooError('not_found', `You have no secret ${name}: set it with \`boocode secret set ${name}\`.`);
    const chosen = await ask(() => readChatSecrets(sql, chatId));
    if (chosen.filter(({ directory }) => directory === null).length >= secretLimits.perChat) {
      throw invalid('name', `this chat gets ${secretLimits.perChat} secrets, which is as many as there may be`);
    }
    if (!(await ask(() => chooseSecret(sql, chatId, row)))) {
      // Throws if there is no such chat.
      await this.listOf(chatId);
      throw invalid('name', `this chat gets another person’s ${name} already`);
    }
    this.onChosen(chatId);
    return this.listOf(chatId);
  }

  /** Takes one off a chat's list: one's own, or for owners anybody's. */
  async drop(person: Principal, chatId: string, secretId: string): Promise<Pick<Secret, 'id' | 'name'>> {
    const { sql } = this.#parts;
    const row = await ask(() => findSecret(sql, secretId));
    if (!row || (person.role !== 'owner' && row.personId !== person.id)) throw unknownSecret();
    if (!(await ask(() => dropSecret(sql, chatId, secretId)))) throw unknownSecret();
    this.onChosen(chatId);
    return { id: secretId, name: row.name };
  }

  /** Encrypts all with a fresh key, or with the first one of the file. Throws `config_invalid` if one cannot be read. */
  async rekey({ freshKey }: { freshKey: boolean }): Promise<RekeyedSecrets> {
    const { sql, keys, logger } = this.#parts;
    const rows = await ask(() => listSecrets(sql, 'everyone'));
    const before = keys.read();
    // Before anything is changed.
    for (const row of rows) this.#open(row, before);
    if (rows.length === 0 && !freshKey) return { secrets: 0, keyFile: keys.path };
    const to = freshKey ? keys.add() : keys.first();
    let secrets = 0;
    for (const row of rows.filter(({ keyId }) => keyId !== to.id)) {
      const resealed = {
        id: row.id,
        from: row.sealed,
        keyId: to.id,
        sealed: seal(to.key, sealedFor(row), this.#open(row, before)),
      };
      if (await ask(() => resealSecret(sql, resealed))) secrets += 1;
    }
    logger.info({ secrets, key: to.id, fresh: freshKey }, 'Secrets were encrypted with another key.');
    return { secrets, keyFile: keys.path };
  }

  /** Says so if this host could not give what others have set. */
  async check(): Promise<void> {
    const { sql, keys, logger } = this.#parts;
    const problem = unreadable(await ask(() => listSecretKeys(sql)), keys);
    if (problem !== null) logger.warn({}, problem);
  }

  /**
   * The values that a chat's agent gets. Throws `agent_failed` if one of them cannot be read here: an agent that lacks one
   * silently would do something else.
   */
  async valuesFor(chatId: string, places: SecretPlaces): Promise<GivenSecret[]> {
    const rows = await this.#rowsFor(chatId, places);
    if (rows.length === 0) return [];
    const keys = this.#parts.keys.read();
    return rows.map((row) => {
      if (this.#parts.refuses(row.name)) throw refused(row.name);
      return { id: row.id, name: row.name, value: this.#open(row, keys) };
    });
  }

  /** The values that are to be taken out of what the chat says, as far as this host can read them. */
  async knownOf(chatId: string): Promise<KnownSecret[]> {
    const place = await ask(() => findChatPlace(this.#parts.sql, chatId));
    if (!place) return [];
    const directories = place.madeFor === null ? [place.cwd] : [place.cwd, place.madeFor];
    const rows = await this.#rowsFor(chatId, { directories });
    const keys = this.#parts.keys.read();
    return rows.flatMap((row) => {
      const value = openWith(row, keys);
      return value === null ? [] : [{ name: row.name, value }];
    });
  }

  async noteUse(given: readonly GivenSecret[]): Promise<void> {
    if (given.length === 0) return;
    await ask(() =>
      noteSecretsUse(
        this.#parts.sql,
        given.map(({ id }) => id),
      ),
    );
  }

  /** Of a name, a person's goes before a directory's, and the deepest directory's before others'. */
  async #rowsFor(chatId: string, { directories }: SecretPlaces): Promise<ListedSecret[]> {
    const rows = await ask(() => readChatSecrets(this.#parts.sql, chatId));
    if (rows.length === 0) return [];
    const real = await Promise.all(directories.map((path) => realPathOf(path)));
    const found = new Map<string, ListedSecret>();
    const byDepth = rows.toSorted(
      (one, other) => (one.directory?.length ?? Infinity) - (other.directory?.length ?? Infinity),
    );
    for (const row of byDepth) {
      if (row.directory !== null) {
        // It may have become a link since.
        const of = await realPathOf(row.directory);
        if (of !== row.directory || !real.some((path) => isWithin(path, of))) continue;
      }
      found.set(row.name, row);
    }
    return [...found.values()].toSorted((one, other) => (one.name < other.name ? -1 : 1));
  }

  /** Not another key than the one that other hosts have. */
  async #keyToSealWith(): Promise<SecretKey> {
    const { sql, keys } = this.#parts;
    const problem = unreadable(await ask(() => listSecretKeys(sql)), keys);
    if (problem !== null) throw new BooError('config_invalid', problem);
    return keys.first();
  }

  async #assertRoom(scope: SecretScope): Promise<void> {
    if (!('personId' in scope)) return;
    const all = await ask(() => listSecrets(this.#parts.sql, scope));
    if (all.filter(({ personId }) => personId === scope.personId).length < secretLimits.perPerson) return;
    throw invalid(
      'name',
      `you have ${secretLimits.perPerson} secrets, which is as many as there may be: remove one first`,
    );
  }

  #open(row: SecretRow, keys: readonly SecretKey[]): string {
    const value = openWith(row, keys);
    if (value !== null) return value;
    const { path } = this.#parts.keys;
    const hasKey = keys.some(({ id }) => id === row.keyId);
    const why = hasKey
      ? 'it was changed in the database, or damaged. Set it again, or remove it'
      : `${path} does not have the key it was encrypted with (${row.keyId}). Copy that file from the host where it was set, or set it again`;
    throw new BooError('agent_failed', `The secret ${row.name} cannot be read on this host: ${why}.`);
  }

  #shown(rows: readonly ListedSecret[]): Secret[] {
    const known = new Set(this.#parts.keys.read().map(({ id }) => id));
    return rows.map((row) => ({
      id: row.id,
      name: row.name,
      personId: row.personId,
      personName: row.personName,
      directory: row.directory,
      setAt: row.setAt.toISOString(),
      setBy: row.setBy,
      lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
      chats: row.chats,
      isReadable: known.has(row.keyId),
    }));
  }
}

/** What is wrong if there are secrets that the keys of this host cannot open; null if nothing is. */
export function unreadable(used: readonly { keyId: string; secrets: number }[], keys: SecretKeys): string | null {
  const known = new Set(keys.read().map(({ id }) => id));
  const missing = used.filter(({ keyId }) => !known.has(keyId));
  if (missing.length === 0) return null;
  const count = missing.reduce((sum, { secrets }) => sum + secrets, 0);
  return (
    `${count === 1 ? 'A secret of this database cannot' : `${count} secrets of this database cannot`} be read here: ${keys.path} does ` +
    `not have the key (${missing.map(({ keyId }) => keyId).join(', ')}). Every host needs the same file: copy it from the one ` +
    'that has it, or restore it from a copy. If it is lost, remove these secrets and set them again.'
  );
}

const sealedFor = ({ id, name, personId, directory }: SecretRow): SealedFor => ({
  id,
  name,
  scope: personId === null ? { directory: directory ?? '' } : { personId },
});

function openWith(row: SecretRow, keys: readonly SecretKey[]): string | null {
  const key = keys.find(({ id }) => id === row.keyId);
  return key ? open(key.key, sealedFor(row), row.sealed) : null;
}

async function realDirectory(path: string): Promise<string> {
  const real = isAbsolute(path) ? await realPathOf(path) : null;
  const isThere = real !== null && (await stat(real).catch(() => null))?.isDirectory() === true;
  if (isThere) return real;
  throw new BooError('cwd_invalid', `directory: ${path} is not a directory of this machine, by its whole path`, {
    details: { field: 'directory' },
  });
}

function invalid(field: string, problem: string): BooError {
  return new BooError('invalid_request', `${field}: ${problem}.`, { details: { field } });
}

const refused = (name: string): BooError =>
  invalid(
    'name',
    `${name} cannot be a secret: it would change how the agent or what it runs is started, or where the model’s key goes`,
  );

const forbidden = (what: string): BooError =>
  new BooError('forbidden', `Only an owner of the server may ${what}.`, { details: { needs: 'owner' } });

const unknownSecret = (): BooError => new BooError('not_found', 'This secret does not exist.');
const unknownChat = (): BooError => new BooError('not_found', 'This chat does not exist.');
