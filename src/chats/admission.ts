/**
 * Decides when an agent may start on this host, and which idle one ends so that it can.
 *
 * A start costs most of a second of a core, and then memory for as long as the agent is warm. So only a few agents start at
 * once, in the order in which they were asked for: the first answers come early, instead of all of them late. And none
 * starts unless its memory is free beyond a reserve, which keeps the kernel from ending processes, this one included.
 * Whoever cannot start waits here, and knows its place and the reason. An agent that is started ahead of a prompt never
 * waits, and keeps nobody waiting: it starts only if there is room to spare.
 */
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Memory, ReadMemory } from '../lib/memory.ts';
import type { WaitsFor } from '../protocol/chat.ts';
import { firstToEnd, type IdleAgent } from './idle-agent.ts';

export interface StartLimits {
  /** How many agents may start at the same time. */
  startsAtOnce: number;
  /** What an agent needs. */
  agentBytes: number;
  /** What stays free; null: a tenth of the memory, but at least 256 MB and at most 2 GB. */
  reserveBytes: number | null;
}

export interface AdmissionParts {
  clock: Clock;
  logger: Log;
  limits: StartLimits;
  readonly readMemory: ReadMemory;
  /** The agents of this host that may end now. */
  readonly idle: () => Iterable<IdleAgent>;
}

/** The right to start one agent. It ends with `leave`, which may be called again. */
export interface Place {
  leave(): void;
}

export interface StartRequest {
  chatId: string;
  /** From an earlier wait, to keep its place. */
  order?: number | undefined;
  /** Ends the wait. */
  signal: AbortSignal;
  /** What it waits for may have changed. */
  readonly onChanged: () => void;
}

export interface Waiting {
  readonly order: number;
  readonly since: Date;
}

interface Entry extends Waiting, Omit<StartRequest, 'order'> {
  waitsFor: WaitsFor;
  admit(place: Place): void;
}

type Obstacle = Pick<WaitsFor, 'for'> & { why: string };

const mb = 1024 * 1024;
const leastReserve = 256 * mb;
const mostReserve = 2048 * mb;
/** Above this the machine does little but wait for memory, whatever is free. */
const stalledLimit = 20;
/** Memory comes free without a word to us. */
const lookEveryMs = 1_000;
const guardEveryMs = 5_000;

export function reserveOf({ totalBytes }: Memory, { reserveBytes }: Pick<StartLimits, 'reserveBytes'>): number {
  return reserveBytes ?? Math.min(Math.max(totalBytes / 10, leastReserve), mostReserve);
}

export class Admission {
  readonly #parts: AdmissionParts;
  /** Agents that start, and whether ahead of a prompt. */
  readonly #starting = new Map<Place, boolean>();
  readonly #waiting: Entry[] = [];
  #lastOrder = 0;
  /** An idle agent ends to make room. */
  #isEnding = false;
  #cancelLook: (() => void) | undefined;
  #cancelGuard: (() => void) | undefined;

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
  }

  get startingCount(): number {
    return this.#starting.size;
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** Keeps the reserve also while nothing starts: agents grow. */
  start(): void {
    if (this.#parts.readMemory() === null) return;
    this.#cancelGuard = this.#parts.clock.after(guardEveryMs, () => {
      const memory = this.#parts.readMemory();
      if (memory && this.#isShort(memory)) this.#makeRoom('The host is short of memory.');
      this.start();
    });
  }

  stop(): void {
    this.#cancelGuard?.();
    this.#cancelLook?.();
  }

  /** What the chat's start waits for; null if it does not. */
  waitOf(chatId: string): WaitsFor | null {
    return this.#waiting.find((entry) => entry.chatId === chatId)?.waitsFor ?? null;
  }

  /** A place for an agent that nobody waits for yet, if there is one to spare. */
  enterAhead(): Place | undefined {
    const isTaken = this.#waiting.length > 0 || this.#starting.size >= this.#parts.limits.startsAtOnce;
    return isTaken || this.#obstacle() ? undefined : this.#take(true);
  }

  /** Resolves with a place as soon as there is one. `onWaits` tells that there is none yet. Rejects with the signal's reason. */
  enter(request: StartRequest, onWaits: (waiting: Waiting) => void): Promise<Place> {
    request.signal.throwIfAborted();
    if (this.#waiting.length === 0 && !this.#obstacle()) return Promise.resolve(this.#take(false));
    return new Promise((resolve, reject) => {
      const { order = (this.#lastOrder += 1), signal } = request;
      const since = this.#parts.clock.now();
      const entry: Entry = {
        ...request,
        order,
        since,
        waitsFor: { for: 'start', since: since.toISOString(), what: null, retry: null },
        admit(place) {
          signal.removeEventListener('abort', giveUp);
          resolve(place);
        },
      };
      const giveUp = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1);
        reject(signal.reason);
        this.look();
      };
      signal.addEventListener('abort', giveUp, { once: true });
      this.#waiting.push(entry);
      this.#waiting.sort((one, other) => one.order - other.order);
      onWaits(entry);
      this.look();
    });
  }

  /** Something may have become free. Safe to call at any time. */
  look(): void {
    this.#cancelLook?.();
    let obstacle: Obstacle | null = null;
    while (this.#waiting.length > 0 && !(obstacle = this.#obstacle())) this.#waiting.shift()!.admit(this.#take(false));
    if (!obstacle) return;
    if (obstacle.for === 'memory') {
      this.#makeRoom('Another agent needs the memory.');
      this.#cancelLook = this.#parts.clock.after(lookEveryMs, () => this.look());
    }
    this.#tell(obstacle);
  }

  #take(isAhead: boolean): Place {
    const place: Place = {
      leave: () => {
        if (this.#starting.delete(place)) this.look();
      },
    };
    this.#starting.set(place, isAhead);
    return place;
  }

  /** What keeps the next agent from starting. */
  #obstacle(): Obstacle | null {
    const { limits, readMemory } = this.#parts;
    // Nobody waits for those that start ahead, so they keep nobody waiting.
    const awaited = [...this.#starting.values()].filter((isAhead) => !isAhead).length;
    if (awaited >= limits.startsAtOnce) {
      const { startsAtOnce: many } = limits;
      return { for: 'start', why: many === 1 ? 'one agent starts at a time' : `${many} agents start at a time` };
    }
    const memory = readMemory();
    if (!memory) return null;
    // Those that start have yet to take most of theirs.
    const free = memory.availableBytes - reserveOf(memory, limits) - this.#starting.size * limits.agentBytes;
    if (free >= limits.agentBytes && !this.#isStalled(memory)) return null;
    return { for: 'memory', why: this.#isStalled(memory) ? stalledWords(memory) : freeWords(free, limits) };
  }

  #isStalled({ stalledPercent }: Memory): boolean {
    return stalledPercent !== null && stalledPercent >= stalledLimit;
  }

  #isShort(memory: Memory): boolean {
    return memory.availableBytes < reserveOf(memory, this.#parts.limits) || this.#isStalled(memory);
  }

  #makeRoom(why: string): void {
    const agent = this.#isEnding ? undefined : firstToEnd(this.#parts.idle());
    if (!agent) return;
    this.#isEnding = true;
    const { logger } = this.#parts;
    const { chatId } = agent;
    logger.info({ chatId, why }, 'An idle agent ends to make room.');
    agent
      .end()
      .catch((err: unknown) => logger.warn({ chatId, err }, 'An idle agent could not be ended.'))
      .finally(() => {
        this.#isEnding = false;
        this.look();
      });
  }

  /** Tells those that wait, as far as it is new to them. */
  #tell({ for: kind, why }: Obstacle): void {
    const hope = kind === 'memory' && !this.#isEnding ? '; no other agent is idle' : '';
    for (const [index, entry] of this.#waiting.entries()) {
      const place = `${index + 1} of ${this.#waiting.length} in line`;
      const before = entry.waitsFor;
      entry.waitsFor = { ...before, for: kind, what: `${place}: ${why}${hope}`, place: index + 1 };
      if (index === 0 && kind === 'memory' && before.for !== 'memory') {
        this.#parts.logger.warn({ chatId: entry.chatId, why }, 'A chat waits for memory before its agent starts.');
      }
      if (before.what !== entry.waitsFor.what) entry.onChanged();
    }
  }
}

/** Rounded, so that it does not change all the time. */
const inMb = (bytes: number): number => Math.round(Math.max(0, bytes) / mb / 10) * 10;

const freeWords = (free: number, { agentBytes }: StartLimits): string =>
  `${inMb(free)} MB of memory are free beyond the reserve, and an agent needs ${inMb(agentBytes)} MB`;

const stalledWords = ({ stalledPercent }: Memory): string =>
  `the machine stands still for lack of memory ${Math.round(stalledPercent ?? 0)} % of the time`;
