/**
 * What an agent has scheduled for itself, as a whole transcript says. It is told when the session is opened, if nobody may
 * have taken note of it: it came into the store after its process was gone, or its host was killed in that turn.
 */
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import type { AgentSessionSpec, ScheduledChange } from '../agent-backend.ts';
import { asList, asRecord, asText, asTimeMs } from './mapping/loose-json.ts';
import { schedulingCalls, timeOf, wakeUp, WakeUps } from './wake-ups.ts';

/** What is over is known for longer than this, so that it does not come back. */
const longestMs = 30 * 24 * 3_600_000;

interface Found {
  entries: readonly SessionStoreEntry[];
  atMs: number;
  isSurplus: boolean;
}

export class TranscriptSchedules {
  readonly #now: () => number;
  readonly #asked = new Map<string, SessionStoreEntry>();
  readonly #found: Found[] = [];
  #endedMs = 0;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  get isEmpty(): boolean {
    return this.#found.length === 0;
  }

  /** `isSurplus`: it was not stored before. */
  add(entry: SessionStoreEntry, isSurplus = false): void {
    const atMs = timeOf(entry);
    if (atMs === undefined) return;
    this.#endedMs = Math.max(this.#endedMs, atMs);
    if (entry.type === 'assistant') for (const { id } of schedulingCalls(entry)) this.#asked.set(id, entry);
    if (entry.type !== 'user' || this.#asked.size === 0) return;
    const id = asText(asRecord(asList(asRecord(entry['message'])['content'])[0])['tool_use_id']) ?? '';
    const call = this.#asked.get(id);
    this.#asked.delete(id);
    if (call && atMs > this.#now() - longestMs) this.#found.push({ entries: [call, entry], atMs, isSurplus });
  }

  /**
   * What has come of that, without what was said before this time and stored as it was written. What the program has told its
   * agent before it ended is over.
   */
  left(since: Date | null): ScheduledChange[] {
    const changes = new Map<string, { change: ScheduledChange; isLeft: boolean }>();
    let isLeft = false;
    const wakeUps = new WakeUps(
      () => this.#endedMs,
      (change) => {
        const key = (change.is === 'added' ? change.replaces : undefined) ?? change.key;
        changes.delete(key);
        changes.set(key, { change, isLeft });
      },
    );
    for (const { entries, atMs, isSurplus } of this.#found) {
      isLeft = isSurplus || (since !== null && atMs >= since.getTime());
      // It replaces the one before, even if it is over itself.
      if (asTimeMs(asRecord(entries[1]!['toolUseResult'])['scheduledFor']) !== undefined) changes.delete(wakeUp);
      wakeUps.note(entries);
    }
    const now = this.#now();
    const isExpired = (change: ScheduledChange): boolean =>
      change.is === 'added' && (change.recurs?.until?.getTime() ?? Infinity) < now;
    return [...changes.values()].flatMap(({ change, isLeft }) => (isLeft && !isExpired(change) ? [change] : []));
  }
}

/** Before the program starts. */
export async function tellLeftSchedules(
  spec: Pick<AgentSessionSpec, 'onScheduled' | 'lastTurnAt'>,
  schedules: TranscriptSchedules | undefined,
): Promise<void> {
  if (!schedules || schedules.isEmpty) return;
  for (const change of schedules.left((await spec.lastTurnAt?.()) ?? null)) spec.onScheduled?.(change);
}
