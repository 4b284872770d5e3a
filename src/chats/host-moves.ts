/**
 * Which host is to run a chat: it was moved there, or is pinned to it by name. A chat that this host holds leaves it between
 * turns; for one that nobody holds, it is enough to say so in its log and its row.
 */
import type { Log } from '../lib/log.ts';
import type { Chat as ChatView } from '../protocol/chat.ts';
import { BooError } from '../protocol/error.ts';
import type { HostInfo, HostMove, MovedToHost, MoveToHost } from '../protocol/host.ts';
import { type Actor, doneByActor } from '../protocol/principal.ts';
import { findChat } from '../store/chats.ts';
import type { Sql } from '../store/database.ts';
import { appendEvents, type Write } from '../store/events.ts';
import { findHolder } from '../store/hosts.ts';
import { inTime } from '../store/in-time.ts';
import { claimLease, releaseLease } from '../store/leases.ts';
import type { Host } from './host.ts';
import { describeHosts } from './hosts.ts';
import { leaseTtlMs } from './lease-keeper.ts';
import { movedWrite } from './leave-host.ts';
import { ask, elsewhere, unknownChat, write } from './storage.ts';

export interface HostMovesParts {
  sql: Sql;
  host: Host;
  logger: Log;
}

export class HostMoves {
  readonly #sql: Sql;
  readonly #host: Host;
  readonly #logger: Log;

  constructor({ sql, host, logger }: HostMovesParts) {
    this.#sql = sql;
    this.#host = host;
    this.#logger = logger;
  }

  /** Throws `host_unavailable`, and `chat_busy` if a turn is running and the request does not say what happens to it. */
  async move(
    actor: Actor,
    chatId: string,
    { hostId, running = 'refuse' }: MoveToHost,
    signal: AbortSignal | undefined,
  ): Promise<MovedToHost> {
    const row = await ask(() => findChat(this.#sql, chatId));
    if (!row) throw unknownChat();
    const hosts = await ask(() => describeHosts(this.#sql, this.#host.id));
    const target = targetAmong(hosts, hostId, row.backend);
    const holder = await ask(() => findHolder(this.#sql, chatId));
    const move: HostMove = { from: null, to: { id: target.id, name: target.name } };
    if (holder?.isHeld) move.from = { id: holder.id, name: holder.name ?? holder.id };
    // On its way there is as good as there.
    if (holder?.id === target.id && (holder.isHeld || row.host === null)) {
      return { ...move, moved: false, pinnedTo: row.host };
    }
    assertTakes(target);
    let { host: pinnedTo } = row;
    const hasLeft = await this.#host.letLeave(chatId, (chat) =>
      chat.leave({ running, destination: (now) => ((pinnedTo = now), move) }, actor, signal),
    );
    if (!hasLeft) await this.#assign(chatId, movedWrite(move, row.host, actor));
    return { ...move, moved: true, pinnedTo: pinnedTo === null ? null : target.name };
  }

  /** Pins a chat that this host does not hold, or takes that back; false if this host holds it. */
  async pinIfCold(actor: Actor, chatId: string, name: string | null): Promise<boolean> {
    if (this.#host.isHolding(chatId)) return false;
    const body = { type: 'chat_updated', host: name, ...doneByActor(actor) } as const;
    await this.#assign(chatId, { events: [{ body }], chat: { host: name } });
    return true;
  }

  /** Lets a chat go that is pinned to another host now, once nothing runs in it. Nobody waits for that. */
  letGoIfPinned({ id: chatId, host }: ChatView, actor: Actor): void {
    if (host !== null) {
      this.#letGoIfPinned(chatId, actor).catch((err: unknown) =>
        this.#logger.warn({ chatId, err }, 'A chat that is pinned to another host stays here until it is idle.'),
      );
    }
  }

  async #letGoIfPinned(chatId: string, actor: Actor): Promise<void> {
    const hosts = await ask(() => describeHosts(this.#sql, this.#host.id));
    const name = hosts.find(({ isThis }) => isThis)?.name;
    const destination = (pinnedTo: string | null) => (pinnedTo === null || pinnedTo === name ? 'stays' : null);
    await this.#host.letLeave(chatId, (chat) => chat.leave({ running: 'finish', destination }, actor));
  }

  /** Throws `invalid_request` if no host on this database has that name. */
  async assertKnown(name: string): Promise<void> {
    const hosts = await ask(() => describeHosts(this.#sql, this.#host.id));
    const names = [...new Set(hosts.map((host) => host.name))];
    if (names.includes(name)) return;
    const message = `host: there is no host “${name}” on this database. There is: ${names.join(', ')}.`;
    throw new BooError('invalid_request', message, { details: { field: 'host' } });
  }

  /** Writes to a chat that nobody holds, without taking it up: whichever host is to run it does that. */
  async #assign(chatId: string, what: Write): Promise<void> {
    const lease = await ask(() => claimLease(this.#sql, chatId, this.#host.id, leaseTtlMs, { toAssign: true }));
    if (!lease) {
      if (!(await ask(() => findChat(this.#sql, chatId)))) throw unknownChat();
      throw await elsewhere(this.#sql, chatId);
    }
    try {
      await write(() => appendEvents(this.#sql, lease, what));
    } finally {
      await inTime(releaseLease(this.#sql, lease));
    }
  }
}

function targetAmong(hosts: readonly HostInfo[], hostId: string, backend: string): HostInfo {
  const target = hosts.find(({ id }) => id === hostId);
  if (!target) throw unavailable(`There is no host ${hostId} on this database.`);
  if (target.backends.length > 0 && !target.backends.includes(backend)) {
    throw unavailable(`The host ${target.name} cannot run this chat: ${backend} is not available there.`);
  }
  return target;
}

function assertTakes({ name, state }: HostInfo): void {
  if (state === 'silent') throw unavailable(`The host ${name} is silent: it may be gone, or without its database.`);
  if (state === 'draining') throw unavailable(`The host ${name} is draining: it takes no chats.`);
}

function unavailable(problem: string): BooError {
  const message = `${problem} \`boocode hosts\` lists the hosts.`;
  return new BooError('host_unavailable', message, { details: { field: 'hostId' } });
}
