/**
 * What the agent has the program tell it later: `CronCreate`, `ScheduleWakeup`, and `/loop`, which calls them. It is in the
 * program's memory and ends with its process. The tools' results in the transcript say when each is due. The program also tells
 * a `Stop` hook, which would cost every turn three milliseconds at its end.
 */
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { Cron } from 'croner';
import { asCount, asList, asRecord, asText, type LooseRecord } from './mapping/loose-json.ts';

/** The program looks once a second, and tells nothing while a turn runs. One that is overdue for longer was told. */
const overdueMs = 60_000;

/** Its own id in the map; there is one at a time. */
const wakeUp = 'ScheduleWakeup';

interface WakeUp {
  /** When it is due next, as the program said. */
  firstMs: number;
  /** Of one that recurs: its times, and how much later than those the program tells it, always the same. */
  recurs?: { cron: Cron; laterMs: number; untilMs: number };
}

export class WakeUps {
  readonly #now: () => number;
  readonly #due = new Map<string, WakeUp>();
  /** Times of the calls without a result yet, by call. */
  readonly #asked = new Map<string, string>();

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  note(entries: readonly SessionStoreEntry[]): void {
    for (const entry of entries) {
      const blocks = asList(asRecord(entry['message'])['content']);
      if (entry.type === 'assistant') for (const block of blocks) this.#noteCall(asRecord(block));
      else if (entry.type === 'user') this.#noteResult(asRecord(blocks[0]), asRecord(entry['toolUseResult']));
    }
  }

  /** In milliseconds from now, 0 if it is overdue; null if nothing is. */
  get nextMs(): number | null {
    const now = this.#now();
    let next: number | null = null;
    for (const [id, each] of this.#due) {
      const at = dueAfter(each, now - overdueMs);
      if (at === null) this.#due.delete(id);
      else next = Math.min(next ?? Infinity, Math.max(0, at - now));
    }
    return next;
  }

  #noteCall(block: LooseRecord): void {
    const [id, cron] = [asText(block['id']), asText(asRecord(block['input'])['cron'])];
    if (block['type'] === 'tool_use' && block['name'] === 'CronCreate' && id !== undefined && cron !== undefined)
      this.#asked.set(id, cron);
  }

  #noteResult(block: LooseRecord, result: LooseRecord): void {
    const callId = asText(block['tool_use_id']) ?? '';
    const cron = this.#asked.get(callId);
    this.#asked.delete(callId);
    const id = asText(result['id']);
    const [nextMs, scheduledMs] = [asCount(result['nextFireAt']), asCount(result['scheduledFor'])];
    if (scheduledMs !== undefined) this.#due.set(wakeUp, { firstMs: scheduledMs });
    else if (id !== undefined && nextMs !== undefined && cron !== undefined) {
      const recurs = result['recurring'] === true ? this.#recurring(cron, nextMs, result) : undefined;
      this.#due.set(id, { firstMs: nextMs, ...(recurs && { recurs }) });
    }
    // The result of CronDelete is the id alone.
    else if (id !== undefined && Object.keys(result).length === 1) this.#due.delete(id);
  }

  #recurring(pattern: string, firstMs: number, { maxAgeMs }: LooseRecord): WakeUp['recurs'] {
    const now = this.#now();
    try {
      const cron = new Cron(pattern, { mode: '5-part', paused: true });
      const nominal = cron.nextRun(new Date(now))?.getTime() ?? firstMs;
      return { cron, laterMs: firstMs - nominal, untilMs: now + (asCount(maxAgeMs) ?? Infinity) };
    } catch {
      // The program understands it and we do not: then it is known once.
      return undefined;
    }
  }
}

function dueAfter({ firstMs, recurs }: WakeUp, afterMs: number): number | null {
  if (firstMs >= afterMs) return firstMs;
  if (!recurs) return null;
  const { cron, laterMs, untilMs } = recurs;
  const next = cron.nextRun(new Date(afterMs - laterMs));
  const at = next ? next.getTime() + laterMs : null;
  return at !== null && at <= untilMs ? at : null;
}
