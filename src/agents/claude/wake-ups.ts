/**
 * What the agent has the program tell it later: `CronCreate`, `ScheduleWakeup`, and `/loop`, which calls them. It is in the
 * program's memory and ends with its process, so the chat stores it and gives it instead. The tools' results in the transcript say when each is due. The program also tells
 * a `Stop` hook, which would cost every turn three milliseconds at its end.
 */
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { Cron } from 'croner';
import type { AgentEvent, ScheduledChange } from '../agent-backend.ts';
import { asCount, asList, asRecord, asText, type LooseRecord } from './mapping/loose-json.ts';

/** The program looks once a second, and tells nothing while a turn runs. One that is overdue for longer was told. */
const overdueMs = 60_000;

const tools: readonly string[] = ['CronCreate', 'CronDelete', 'ScheduleWakeup'];

/** Its own id in the map; there is one at a time. */
const wakeUp = 'ScheduleWakeup';

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
  readonly #due = new Map<string, WakeUp>();
  /** The calls without a result yet. */
  readonly #asked = new Map<string, { tool: string; cron?: string | undefined; prompt: string }>();

  constructor(now: () => number = Date.now, onChange: (change: ScheduledChange) => void = () => {}) {
    this.#now = now;
    this.#onChange = onChange;
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

  /** Something will be told that only the program can, and that ends with its process. */
  get hasOwn(): boolean {
    const now = this.#now();
    return [...this.#due.values()].some((each) => each.isOwn && dueAfter(each, now - overdueMs) !== null);
  }

  #noteCall(block: LooseRecord): void {
    const [id, tool] = [asText(block['id']), asText(block['name'])];
    if (block['type'] !== 'tool_use' || id === undefined || tool === undefined || !tools.includes(tool)) return;
    const { cron, prompt } = asRecord(block['input']);
    this.#asked.set(id, { tool, cron: asText(cron), prompt: asText(prompt) ?? '' });
  }

  #noteResult(block: LooseRecord, result: LooseRecord): void {
    const callId = asText(block['tool_use_id']) ?? '';
    const asked = this.#asked.get(callId);
    this.#asked.delete(callId);
    const id = asText(result['id']);
    const [nextMs, scheduledMs] = [asCount(result['nextFireAt']), asCount(result['scheduledFor'])];
    if (scheduledMs !== undefined) {
      this.#due.set(wakeUp, { firstMs: scheduledMs, isOwn: isOwn(asked?.prompt) });
      // Its calls are told apart by their ids, because an earlier one may have been given already.
      const key = `${wakeUp}:${callId}`;
      this.#tell({ is: 'added', key, prompt: asked?.prompt ?? '', nextAt: new Date(scheduledMs), replaces: wakeUp });
    } else if (id !== undefined && nextMs !== undefined && asked?.cron !== undefined) {
      const { cron, prompt } = asked;
      const recurs = result['recurring'] === true ? this.#recurring(cron, nextMs, result) : undefined;
      this.#due.set(id, { firstMs: nextMs, isOwn: isOwn(prompt), ...(recurs && { recurs }) });
      const until = recurs && (Number.isFinite(recurs.untilMs) ? new Date(recurs.untilMs) : null);
      this.#tell({
        is: 'added',
        key: id,
        prompt,
        nextAt: new Date(nextMs),
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
