/**
 * What the agent has the program tell it later: `CronCreate`, `ScheduleWakeup`, and `/loop`, which calls them. It is in the
 * program's memory and ends with its process, so the chat stores it and gives it instead. The tools' results in the transcript say when each is due. The program also tells
 * a `Stop` hook, which would cost every turn three milliseconds at its end.
 */
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { Cron } from 'croner';
import type { AgentEvent, ScheduledChange } from '../agent-backend.ts';
import { asCount, asList, asRecord, asText, asTimeMs, type LooseRecord } from './mapping/loose-json.ts';

/** The program looks once a second, and tells nothing while a turn runs. One that is overdue for longer was told. */
const overdueMs = 60_000;

const tools: readonly string[] = ['CronCreate', 'CronDelete', 'ScheduleWakeup'];

/** Its own id in the map; there is one at a time. */
export const wakeUp = 'ScheduleWakeup';

/** No pattern is told this much later than it says: then we do not understand it. */
const mostLaterMs = 3_600_000;

/** When the program wrote it. */
export function timeOf({ timestamp }: SessionStoreEntry): number | undefined {
  const ms = typeof timestamp === 'string' ? Date.parse(timestamp) : NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

/** The calls of an agent's message that schedule or cancel something. */
export function schedulingCalls(entry: SessionStoreEntry) {
  return asList(asRecord(entry['message'])['content']).flatMap((each) => {
    const block = asRecord(each);
    const [id, tool] = [asText(block['id']), asText(block['name'])];
    if (block['type'] !== 'tool_use' || id === undefined || tool === undefined || !tools.includes(tool)) return [];
    const { cron, prompt } = asRecord(block['input']);
    return [{ id, tool, cron: asText(cron), prompt: asText(prompt) ?? '' }];
  });
}

/** Words that the program replaces when it tells them, by what only it knows. */
const isOwn = (prompt = ''): boolean => /^(?:<<[\w-]+>>)?$/.test(prompt.trim());

/** Why the program does not tell its agent what that has scheduled. */
export const givenByHost = 'BooCode gives what the agent has scheduled, as a prompt of the chat.';

/** What the agent was to be told is not told by the program: that it has blocked it is no news. */
export function isAboutGiven(event: AgentEvent): boolean {
  if (event.type === 'notice') return event.message.includes(givenByHost);
  return event.type === 'turn_finished' && event.error?.message.includes(givenByHost) === true;
}

interface WakeUp {
  /** When it is due next, as the program said. */
  firstMs: number;
  /** The chat cannot give it: only the program knows its words. */
  isOwn: boolean;
  /** Of one that recurs: its times, and how much later than those the program tells it, always the same. */
  recurs?: { cron: Cron; laterMs: number; untilMs: number };
}

export class WakeUps {
  readonly #now: () => number;
  readonly #onChange: (change: ScheduledChange) => void;
  readonly #openedMs: number;
  readonly #due = new Map<string, WakeUp>();
  /** The calls without a result yet. */
  readonly #asked = new Map<string, { tool: string; cron?: string | undefined; prompt: string }>();

  constructor(now: () => number = Date.now, onChange: (change: ScheduledChange) => void = () => {}) {
    this.#now = now;
    this.#openedMs = now();
    this.#onChange = onChange;
  }

  note(entries: readonly SessionStoreEntry[]): void {
    for (const entry of entries) {
      if (entry.type === 'assistant') for (const { id, ...call } of schedulingCalls(entry)) this.#asked.set(id, call);
      else if (entry.type === 'user') this.#noteResult(entry);
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

  /** Something will be told that only the program can, and that ends with its process. */
  get hasOwn(): boolean {
    const now = this.#now();
    return [...this.#due.values()].some((each) => each.isOwn && dueAfter(each, now - overdueMs) !== null);
  }

  #noteResult(entry: SessionStoreEntry): void {
    const block = asRecord(asList(asRecord(entry['message'])['content'])[0]);
    const result = asRecord(entry['toolUseResult']);
    const saidMs = timeOf(entry) ?? this.#now();
    const callId = asText(block['tool_use_id']) ?? '';
    const asked = this.#asked.get(callId);
    this.#asked.delete(callId);
    const id = asText(result['id']);
    const [nextMs, scheduledMs] = [asTimeMs(result['nextFireAt']), asTimeMs(result['scheduledFor'])];
    if (scheduledMs !== undefined) {
      const each = { firstMs: scheduledMs, isOwn: isOwn(asked?.prompt) };
      this.#due.set(wakeUp, each);
      // Its calls are told apart by their ids, because an earlier one may have been given already.
      const key = `${wakeUp}:${callId}`;
      const nextAt = this.#firstOf(each, saidMs);
      if (nextAt) this.#tell({ is: 'added', key, prompt: asked?.prompt ?? '', nextAt, replaces: wakeUp });
    } else if (id !== undefined && nextMs !== undefined && asked?.cron !== undefined) {
      const { cron, prompt } = asked;
      const recurs = result['recurring'] === true ? recurring(cron, { firstMs: nextMs, saidMs }, result) : undefined;
      const each = { firstMs: nextMs, isOwn: isOwn(prompt), ...(recurs && { recurs }) };
      this.#due.set(id, each);
      const nextAt = this.#firstOf(each, saidMs);
      if (!nextAt) return;
      const until = recurs && (Number.isFinite(recurs.untilMs) ? new Date(recurs.untilMs) : null);
      this.#tell({
        is: 'added',
        key: id,
        prompt,
        nextAt,
        recurs: recurs && { cron, laterMs: recurs.laterMs, until: until ?? null },
      });
    }
    // The result of CronDelete is the id alone.
    else if (id !== undefined && Object.keys(result).length === 1) {
      this.#due.delete(id);
      if (asked?.tool === 'CronDelete') this.#onChange({ is: 'removed', key: id });
    }
  }

  #tell(change: Extract<ScheduledChange, { is: 'added' }>): void {
    if (!isOwn(change.prompt)) this.#onChange(change);
    else if (change.replaces !== undefined) this.#onChange({ is: 'removed', key: change.replaces });
  }

  /** When it is due first; null if it is over. What was said before the session was opened is read again. */
  #firstOf(each: WakeUp, saidMs: number): Date | null {
    const first = saidMs >= this.#openedMs ? each.firstMs : dueAfter(each, this.#now());
    return first === null ? null : new Date(first);
  }
}

/** Undefined if the program understands it and we do not: then it is known once. */
function recurring(
  pattern: string,
  { firstMs, saidMs }: { firstMs: number; saidMs: number },
  { maxAgeMs }: LooseRecord,
): WakeUp['recurs'] {
  try {
    const cron = new Cron(pattern, { mode: '5-part', paused: true });
    const laterMs = firstMs - (cron.nextRun(new Date(saidMs))?.getTime() ?? firstMs);
    if (Math.abs(laterMs) > mostLaterMs) return undefined;
    return { cron, laterMs, untilMs: asTimeMs(saidMs + (asCount(maxAgeMs) ?? Infinity)) ?? Infinity };
  } catch {
    return undefined;
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
