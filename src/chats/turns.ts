/** A chat's turns, one after another: each from its start to its end, and what follows from the way it has ended. */
import { randomUUID } from 'node:crypto';
import type { AgentDirectory } from '../agents/agent.ts';
import { type AgentEvent, endWithoutResult } from '../agents/agent-backend.ts';
import type { Log } from '../lib/log.ts';
import type { BooError } from '../protocol/error.ts';
import { type Actor, type DoneBy, doneByActor } from '../protocol/principal.ts';
import type { Sql } from '../store/database.ts';
import type { PromptRow } from '../store/prompts.ts';
import type { ChatSession } from './chat-session.ts';
import type { ChatLog } from './chat-log.ts';
import type { ChatSettings } from './chat-settings.ts';
import { maxTries, type QueueHold } from './queue-hold.ts';
import { attempt, endTurn, recordTurn, type TurnAftermath, type TurnEnd, type TurnParts, withCause } from './turn.ts';
import { readTraces, withTraces } from './uncounted.ts';
import { mayBeUnasked, notTaken, wasAsked } from './unasked.ts';

export interface TurnsParts {
  sql: Sql;
  log: ChatLog;
  logger: Log;
  settings: ChatSettings;
  session: ChatSession;
  hold: QueueHold;
  readonly agents: AgentDirectory;
  pendingDecisions: Set<string>;
  readonly isStopped: () => boolean;
  /** The agent of the turn that runs gives a sign of life. */
  readonly onSign: () => void;
  /** A turn has begun or ended. */
  readonly onChanged: () => void;
}

/** A turn, or its beginning. */
export interface Interruptible {
  interrupted: boolean;
  /** Missing where no person has done it here. */
  interruptedBy?: Actor;
}

export interface TurnPlan extends Partial<Interruptible> {
  /** Stores the start; false where there is nothing to begin any more. */
  readonly start: (turnId: string) => Promise<boolean>;
  readonly begin: (turnId: string) => AsyncIterable<AgentEvent> | TurnEnd;
  /** What the turn is begun with; the agent begins some by itself. */
  prompt?: Pick<PromptRow, 'id' | 'content' | 'starts'> | undefined;
}

export interface RunningTurn extends Interruptible {
  readonly id: string;
  /** One that is ended for a reason of ours fails with it. */
  failure?: BooError;
}

export class Turns {
  readonly #parts: TurnsParts;
  #current: RunningTurn | undefined;

  constructor(parts: TurnsParts) {
    this.#parts = parts;
  }

  /** The turn that runs, which can be interrupted: also before its first event is stored. */
  get current(): RunningTurn | undefined {
    return this.#current;
  }

  async run({ start, begin, prompt, ...before }: TurnPlan): Promise<void> {
    const { log, settings, pendingDecisions, onSign, onChanged } = this.#parts;
    const turnId = randomUUID();
    const parts: TurnParts = {
      log,
      turnId,
      agent: settings.row.agent,
      pendingDecisions,
      onSign,
      onChanged: (changes) => settings.stored(changes),
      signs: { isTaken: false, isBegun: false },
    };
    this.#current = { id: turnId, interrupted: false, ...before };
    onChanged();
    try {
      if (!(await start(turnId))) return;
      const begun = attempt(() => begin(turnId));
      const end = withCause('type' in begun ? begun : await recordTurn(parts, begun), this.#current.failure);
      if (prompt && (await this.#isUnasked(parts, end, prompt))) await this.#giveBack(parts, end, prompt);
      else {
        const counted = await this.#count(turnId, end);
        await endTurn(parts, counted.end, {
          ...this.#aftermath(parts, end, prompt),
          told: counted.events,
          interruptedBy: this.#interruptedBy,
        });
      }
    } finally {
      this.#current = undefined;
      onChanged();
    }
  }

  get #interruptedBy(): DoneBy | undefined {
    return this.#current?.interruptedBy && doneByActor(this.#current.interruptedBy);
  }

  /** Whether the turn's prompt never reached the agent. A session of which that may be so is closed. */
  async #isUnasked({ signs, turnId }: TurnParts, end: TurnEnd, prompt: Pick<PromptRow, 'content'>): Promise<boolean> {
    if (signs.isTaken || end.isTaken || !mayBeUnasked(end, this.#current?.interrupted === true)) return false;
    const { log, session, settings } = this.#parts;
    // In order: it has written all that it had to write, and the next try is a fresh process'.
    await session.close();
    return !(await wasAsked({ ...this.#parts, lease: log.lease, chat: settings.row }, turnId, prompt));
  }

  /** The prompt waits again; the queue is held where it was given back before. */
  async #giveBack(parts: TurnParts, end: TurnEnd, { id, starts }: Pick<PromptRow, 'id' | 'starts'>): Promise<void> {
    const { hold, isStopped } = this.#parts;
    const isLast = starts >= maxTries && !isStopped();
    const message = `The agent did not take the prompt. ${end.error?.message ?? ''}`.trim();
    await endTurn(parts, endWithoutResult('interrupted', notTaken()), {
      // A server that stops in order is no failed attempt.
      interruptedBy: this.#interruptedBy,
      requeued: { id, starts: isStopped() ? starts - 1 : starts },
      hold: isLast ? () => hold.holding({ reason: 'agent', message }) : undefined,
    });
  }

  /** Adds what a turn without a result used. */
  async #count(turnId: string, end: TurnEnd): Promise<ReturnType<typeof withTraces>> {
    const { sql, log, agents, settings } = this.#parts;
    const { uncounted } = end;
    if (!uncounted) return { end, events: [] };
    const { chatId } = log.lease;
    return log.ask(async () => {
      const traces = agents.agentFor(settings.row.agent).createTurnTraces(uncounted.except);
      await readTraces(sql, { chatId, turnId }, traces);
      return withTraces(turnId, end, traces);
    });
  }

  #aftermath({ signs }: TurnParts, { outcome, obstacle, error }: TurnEnd, prompt?: { id: string }): TurnAftermath {
    if (outcome !== 'failed' || !obstacle) return {};
    const failed = prompt && { id: prompt.id, sendsAgain: !signs.isBegun };
    return { hold: () => this.#parts.hold.afterTurn(obstacle, error?.message ?? '', failed) };
  }
}
