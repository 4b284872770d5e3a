/** Shows other hosts, again and again, that this one is up, and what it has to spare. */
import { freemem, totalmem } from 'node:os';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Memory, ReadMemory } from '../lib/memory.ts';
import type { Sql } from '../store/database.ts';
import { beatHost, type HostLoad, silentAfterMs } from '../store/hosts.ts';
import { inTime } from '../store/in-time.ts';

export const beatEveryMs = 5_000;

export interface HeartbeatParts {
  sql: Sql;
  hostId: string;
  clock: Clock;
  logger: Log;
  readonly counts: () => Pick<HostLoad, 'warmChats' | 'waitingStarts'>;
  readonly readMemory: ReadMemory;
  /** Called with each heartbeat. */
  readonly onOthers?: ((areUp: boolean) => void) | undefined;
}

export class Heartbeat {
  readonly #parts: HeartbeatParts;
  #cancel: (() => void) | undefined;
  #beating: Promise<void> | undefined;
  #isFailing = false;
  #isStopped = false;

  constructor(parts: HeartbeatParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#beating = this.#beat();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel?.();
    await this.#beating;
  }

  async #beat(): Promise<void> {
    const { sql, hostId, clock, logger, counts, readMemory, onOthers } = this.#parts;
    try {
      const hasOthers = await inTime(beatHost(sql, hostId, loadOf(counts(), readMemory()), silentAfterMs));
      onOthers?.(hasOthers);
      this.#isFailing = false;
    } catch (err) {
      if (!this.#isFailing) logger.warn({ err }, 'The heartbeat could not be stored; trying again.');
      this.#isFailing = true;
    }
    if (this.#isStopped) return;
    this.#cancel = clock.after(beatEveryMs, () => this.start());
  }
}

function loadOf({ warmChats, waitingStarts }: ReturnType<HeartbeatParts['counts']>, memory: Memory | null): HostLoad {
  const memoryBytes = memory?.totalBytes ?? totalmem();
  return { memoryBytes, freeMemoryBytes: memory?.availableBytes ?? freemem(), warmChats, waitingStarts };
}
