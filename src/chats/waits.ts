/**
 * What a chat waits for, and since when. Derived from stored events and from the signs of an agent at work: a chat
 * reports it once it has been quiet for a while, and immediately if a person is asked or a failed request is retried.
 */
import type { Clock } from '../lib/clock.ts';
import type { WaitsFor } from '../protocol/chat.ts';
import type { Decision } from '../protocol/decision.ts';
import type { Event } from '../protocol/event.ts';

export interface WaitLimits {
  /** A turn without a sign for this long reports what it waits for. */
  quietMs: number;
  /** A model that gives no sign for this long is given up; 0 means never. */
  modelSilenceMs: number;
}

export interface WaitsParts extends WaitLimits {
  clock: Clock;
  /** It may have changed. */
  onChanged(): void;
  /** The model has given no sign for longer than it may. */
  onSilentModel(): void;
}

/** Something that was started or asked. */
interface Begun {
  what: string;
  since: Date;
}

type Retry = NonNullable<WaitsFor['retry']> & { since: Date; isRateLimit: boolean };

export class Waits {
  readonly #parts: WaitsParts;
  readonly #calls = new Map<string, Begun>();
  readonly #asked = new Map<string, Begun & { toolCallId: string | undefined }>();
  /** A screen of the terminal program, or a sign-in that is under way. */
  #outside: (Begun & { for: 'person' | 'sign_in' }) | undefined;
  #retry: Retry | undefined;
  #background: Begun | undefined;
  #isTurn = false;
  #sign = { at: new Date(0), monotonicMs: 0 };
  #cancelLook: (() => void) | undefined;
  /** What was visible at the last report. */
  #isQuiet = false;

  constructor(parts: WaitsParts) {
    this.#parts = parts;
  }

  get now(): WaitsFor | null {
    const asked = first(this.#asked.values());
    if (asked) return wait('person', asked);
    if (this.#outside) return wait(this.#outside.for, this.#outside);
    if (!this.#isTurn) return this.#background ? wait('background', this.#background) : null;
    if (this.#retry) {
      const { since, isRateLimit, ...retry } = this.#retry;
      return { for: isRateLimit ? 'rate_limit' : 'model', since: since.toISOString(), what: null, retry };
    }
    if (!this.#isQuiet) return null;
    const call = [...this.#calls.values()].at(-1);
    return call ? wait('tool', call) : { for: 'model', since: this.#sign.at.toISOString(), what: null, retry: null };
  }

  /** The agent was at work just now. */
  sign(): void {
    const { clock } = this.#parts;
    this.#sign = { at: clock.now(), monotonicMs: clock.monotonicMs() };
    if (!this.#isQuiet && !this.#retry && !this.#outside) return;
    this.#isQuiet = false;
    this.#retry = undefined;
    this.#outside = undefined;
    this.#parts.onChanged();
  }

  /** An event was stored. */
  noted(event: Event): void {
    const since = this.#parts.clock.now();
    switch (event.type) {
      case 'turn_started':
        this.#isTurn = true;
        this.sign();
        return this.#look();
      case 'turn_finished':
        return this.#ended(event.openDecisionIds);
      case 'tool_call':
        this.#calls.set(event.toolCallId, { what: event.title, since });
        return this.sign();
      case 'tool_call_update':
        this.#calls.delete(event.toolCallId);
        return this.sign();
      case 'decision_requested':
        this.#asked.set(event.decisionId, { what: event.title, since, toolCallId: event.toolCallId });
        return this.sign();
      case 'decision_resolved': {
        const call = this.#calls.get(this.#asked.get(event.decisionId)?.toolCallId ?? '');
        // Only now does it run.
        if (call) call.since = since;
        this.#asked.delete(event.decisionId);
        return this.sign();
      }
      case 'background_tasks': {
        const what = event.tasks.map(({ description }) => description).join(' · ');
        this.#background = event.tasks.length === 0 ? undefined : { what, since: this.#background?.since ?? since };
        return;
      }
      case 'notice':
        return this.#noticed(event, since);
      case 'agent_message':
      case 'agent_thought':
        return this.sign();
      default:
    }
  }

  /** A person was asked before this host had the chat. */
  takeOver({ id, title: what, requestedAt, toolCallId }: Decision): void {
    this.#asked.set(id, { what, since: new Date(requestedAt), toolCallId: toolCallId ?? undefined });
  }

  /** A person is asked, and of no other call the result is missing. */
  get isOnlyForPerson(): boolean {
    const asked = new Set([...this.#asked.values()].map(({ toolCallId }) => toolCallId));
    return asked.size > 0 && [...this.#calls.keys()].every((toolCallId) => asked.has(toolCallId));
  }

  /** Something runs in the background. */
  get hasBackground(): boolean {
    return this.#background !== undefined;
  }

  /** The agent's process is gone, and with it all that it did. */
  forget(): void {
    this.#background = undefined;
    this.#outside = undefined;
  }

  /** The chat is released. */
  stop(): void {
    this.#cancelLook?.();
  }

  #noticed({ code, message, data }: Extract<Event, { type: 'notice' }>, since: Date): void {
    if (code === 'terminal_waits') {
      this.#outside = { for: data?.['screen'] === 'start' ? 'sign_in' : 'person', what: message, since };
    } else if (code === 'signing_in') {
      this.#outside = { for: 'sign_in', what: message, since };
    } else if (code === 'signed_in') {
      this.#outside = undefined;
    } else if (code === 'api_retry') {
      const before = this.#retry;
      this.sign();
      this.#retry = { ...readRetry(data, since), since: before?.since ?? since };
    } else {
      return;
    }
    this.#parts.onChanged();
  }

  #ended(openDecisionIds: readonly string[] = []): void {
    this.#isTurn = false;
    this.#isQuiet = false;
    this.#retry = undefined;
    this.#outside = undefined;
    this.#calls.clear();
    for (const id of this.#asked.keys()) if (!openDecisionIds.includes(id)) this.#asked.delete(id);
    this.#cancelLook?.();
  }

  /** One timer for all of a turn: signs are many, and only the last one counts. */
  #look(): void {
    this.#cancelLook?.();
    const { clock, quietMs, modelSilenceMs } = this.#parts;
    const silentMs = clock.monotonicMs() - this.#sign.monotonicMs;
    const isModel = this.#asked.size === 0 && this.#calls.size === 0 && !this.#outside && !this.#retry;
    if (modelSilenceMs > 0 && isModel && silentMs >= modelSilenceMs) return this.#parts.onSilentModel();
    if (silentMs >= quietMs && !this.#isQuiet) {
      this.#isQuiet = true;
      this.#parts.onChanged();
    }
    const untilQuiet = silentMs < quietMs ? quietMs - silentMs : quietMs;
    const untilSilent = silentMs < modelSilenceMs ? modelSilenceMs - silentMs : untilQuiet;
    this.#cancelLook = clock.after(Math.min(untilQuiet, untilSilent), () => this.#look());
  }
}

function wait(kind: WaitsFor['for'], { what, since }: Begun): WaitsFor {
  return { for: kind, since: since.toISOString(), what, retry: null };
}

function first<T>(values: Iterable<T>): T | undefined {
  for (const value of values) return value;
  return undefined;
}

const count = (value: unknown): number | null => (Number.isSafeInteger(value) ? (value as number) : null);

/** Of an `api_retry` notice. */
function readRetry(data: Record<string, unknown> | undefined, now: Date): Omit<Retry, 'since'> {
  const { attempt, maxAttempts, delayMs, status, error, reason } = data ?? {};
  return {
    attempt: count(attempt),
    maxAttempts: count(maxAttempts),
    at: typeof delayMs === 'number' ? new Date(now.getTime() + delayMs).toISOString() : null,
    reason: typeof reason === 'string' ? reason : 'no answer',
    isRateLimit: status === 429 || error === 'rate_limit',
  };
}
