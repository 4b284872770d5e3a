/** One turn: stores what the agent says, event by event, and finishes the turn exactly once, whatever happens. */
import { type AgentEvent, type AgentEventOf, endWithoutResult } from '../agents/agent-backend.ts';
import type { AgentName } from '../protocol/chat.ts';
import type { Decision, DecisionAnswer } from '../protocol/decision.ts';
import { BooError, toBooError } from '../protocol/error.ts';
import type { AgentBody, DeltaBody, TurnError } from '../protocol/event.ts';
import type { DoneBy } from '../protocol/principal.ts';
import { continuesWhenAnswered } from '../protocol/suspended-text.ts';
import { bookUsage, setAgentSession } from '../store/agent-sessions.ts';
import type { Sql } from '../store/database.ts';
import { closeDecision, insertDecision, settleDecision } from '../store/decisions.ts';
import { insertHostPrompt, type HostPrompt, requeuePrompts } from '../store/prompts.ts';
import { finishTurn, insertTurn, isSignOfNothing, takePrompt } from '../store/turns.ts';
import { deleteUnfinished } from '../store/unfinished-messages.ts';
import type { Continuation, RowChanges } from '../store/chats.ts';
import type { NewEvent, Write } from '../store/events.ts';
import type { ChatLog } from './chat-log.ts';
import type { ChatSettings } from './chat-settings.ts';
import type { Waits } from './waits.ts';

export type TurnEnd = AgentEventOf<'turn_finished'>;

/** Ids of decisions that can be answered, or are still to take effect; shared with `OpenDecisions`. */
export interface DecisionIds {
  /** The running turn's agent waits for them. */
  readonly pending: Set<string>;
  /** Their agent is gone; another process will take up their calls. */
  readonly kept: Set<string>;
  /** Answered, but no agent has got the answer yet: another process will take up their calls too. */
  readonly unheard: Set<string>;
  /**
   * By tool call: what an agent was denied, as long as the call has no result. A denial can be given twice, so it is not
   * handed over before, and stays open until then.
   */
  readonly denied: Map<string, Denied>;
}

export interface Denied {
  decision: Decision;
  answer: DecisionAnswer;
  /** Given to a process that continues the call. */
  isContinued: boolean;
}

export interface TurnParts {
  log: ChatLog;
  turnId: string;
  settings: ChatSettings;
  waits: Waits;
  decisions: DecisionIds;
  /** What the agent has shown so far. */
  signs: {
    /** It has the prompt. */
    isTaken: boolean;
    /** It has started to work on it: said something, called a tool, asked a person. */
    isBegun: boolean;
  };
}

/** What else is written with the end of a turn. */
export interface TurnAftermath {
  /** Events that go before its end. */
  events?: readonly NewEvent[] | undefined;
  /** By model, how many of its tokens have no price yet. */
  unpriced?: Readonly<Record<string, number>> | undefined;
  /** The person who interrupted it, if one did. Stored only with a turn that ended as interrupted. */
  interruptedBy?: DoneBy | undefined;
  /** The prompt, which never reached the agent and waits again. */
  requeued?: { id: string; starts: number } | undefined;
  /** The turn continues by itself; null if it was such a turn and does not any more. */
  continuation?: Continuation | null | undefined;
  /** Continues it, once the queue is not held any more. */
  followUp?: HostPrompt | undefined;
  /** Holds the queue. Called when it is the write's turn. */
  hold?: (() => { event: NewEvent; chat: RowChanges } | null) | undefined;
}

/** A turn that cannot start has failed, and ends like any other. */
export function attempt(begin: () => AsyncIterable<AgentEvent> | TurnEnd): AsyncIterable<AgentEvent> | TurnEnd {
  try {
    return begin();
  } catch (error) {
    return endWithoutResult('failed', toBooError(error));
  }
}

/** What a turn begins with; nothing if the agent began it by itself. */
export interface TurnOrigin {
  prompt?: { id: string; isWaiting: boolean; starts: number } | undefined;
  /** It continues with a call of this turn. */
  continuesTurnId?: string | undefined;
}

/** The write that starts a turn. With a prompt, that prompt no longer waits. */
export function turnStart(log: ChatLog, turnId: string, { prompt, continuesTurnId }: TurnOrigin = {}): Write {
  const promptIds = prompt ? [prompt.id] : [];
  return {
    events: [{ turnId, body: { type: 'turn_started', turnId, promptIds, continuesTurnId } }],
    side: (db) => [
      insertTurn(db, log.lease, turnId),
      ...(prompt?.isWaiting ? [takePrompt(db, log.lease, { promptId: prompt.id, turnId, starts: prompt.starts })] : []),
    ],
  };
}

/** Stores what the agent yields, and returns its end unstored. Throws only FencedError and errors of the database. */
export async function recordTurn(parts: TurnParts, events: AsyncIterable<AgentEvent>): Promise<TurnEnd> {
  let end: TurnEnd | undefined;
  const iterator = events[Symbol.asyncIterator]();
  let asked: ReturnType<typeof nextOrFailure> | undefined;
  try {
    for (;;) {
      const next = await (asked ?? nextOrFailure(iterator));
      asked = undefined;
      if (next instanceof BooError) return end ?? endWithoutResult('failed', next);
      if (next === null) break;
      if (next.type === 'turn_finished') end = next;
      else if (!isPlain(next)) await record(parts, next);
      else {
        // What comes at once is stored at once.
        const plain: AgentBody[] = [next];
        for (;;) {
          asked = nextOrFailure(iterator);
          const more = await Promise.race([asked, soon()]);
          if (!more || more instanceof BooError || !isPlain(more)) break;
          plain.push(more);
        }
        await recordPlain(parts, plain);
      }
    }
  } finally {
    // Behind a read that is under way it would wait for the agent's next word.
    const ended = iterator.return?.();
    if (asked) ended?.catch(() => undefined);
    else await ended;
  }
  return (
    end ?? {
      ...endWithoutResult('failed', new BooError('agent_failed', 'The agent stopped in the middle of the turn.')),
      uncounted: { except: new Set() },
    }
  );
}

/** These say something, and nothing else follows from them. */
const plainTypes: ReadonlySet<AgentEvent['type']> = new Set([
  'agent_message',
  'agent_thought',
  'tool_call',
  'usage_update',
  'notice',
] satisfies AgentBody['type'][]);

const isPlain = (event: AgentEvent): event is AgentBody => plainTypes.has(event.type);

/** When everything that only waited for its turn has run: what an agent has said already can be read by then. */
async function soon(): Promise<null> {
  for (let hop = 0; hop < 16; hop += 1) await Promise.resolve();
  return null;
}

async function recordPlain(parts: TurnParts, bodies: readonly AgentBody[]): Promise<void> {
  for (const { type } of bodies) noteSign(parts, type);
  await parts.log.append({ events: bodies.map((body) => ({ turnId: parts.turnId, body })) });
}

function noteSign({ signs }: TurnParts, type: AgentEvent['type']): void {
  signs.isTaken ||= !isSignOfNothing(type);
  signs.isBegun ||= signsOfWork.has(type);
}

/** An error of the backend fails the turn. An error of our own writes does not: it is thrown. */
async function nextOrFailure(iterator: AsyncIterator<AgentEvent>): Promise<AgentEvent | null | BooError> {
  try {
    const next = await iterator.next();
    return next.done ? null : next.value;
  } catch (error) {
    return toBooError(error);
  }
}

const signsOfWork: ReadonlySet<AgentEvent['type']> = new Set([
  'agent_message_chunk',
  'agent_message',
  'tool_call_chunk',
  'tool_call',
  'decision_requested',
]);

async function record(parts: TurnParts, event: Exclude<AgentEvent, TurnEnd>): Promise<void> {
  const { log, turnId, settings, waits, decisions } = parts;
  noteSign(parts, event.type);
  switch (event.type) {
    case 'agent_message_chunk':
    case 'agent_thought_chunk':
    case 'tool_call_chunk':
      waits.sign();
      log.preview(turnId, event satisfies DeltaBody);
      return;
    case 'decision_requested': {
      // Before the event is published, because an answer may follow at once.
      decisions.pending.add(event.decisionId);
      await log.append({
        events: [{ turnId, body: event }],
        side: (db) => [
          insertDecision(db, {
            id: event.decisionId,
            chatId: log.lease.chatId,
            turnId,
            kind: event.kind,
            title: event.title,
            input: event.input,
            toolName: event.toolName ?? null,
            toolCallId: event.toolCallId ?? null,
            subagentCallId: event.subagentCallId ?? null,
            canAllowAlways: event.canAllowAlways,
            alwaysScope: event.alwaysScope,
          }),
        ],
      });
      return;
    }
    case 'decision_resolved':
      await log.appendIf(() =>
        decisions.pending.delete(event.decisionId)
          ? settlement(turnId, event.decisionId, { outcome: event.outcome, by: event.by })
          : null,
      );
      return;
    default: {
      const write = agentWrite(log, settings.row.agent, event, turnId);
      const denied = event.type === 'tool_call_update' ? decisions.denied.get(event.toolCallId) : undefined;
      await log.append(denied ? andSide(write, (db) => closeDecision(db, denied.decision.id)) : write);
      if (denied && event.type === 'tool_call_update') decisions.denied.delete(event.toolCallId);
      if (write.chat) settings.stored(write.chat);
    }
  }
}

/** The write that stores what the agent says, in a turn or outside one, with all that follows from it. */
export function agentWrite(log: ChatLog, agent: AgentName, said: AgentBody, turnId?: string): Write {
  // What follows from it, such as a title, is kept in memory as well.
  const body = log.redaction.deep(said);
  const events = [{ turnId, body }];
  // From now on this session is the one to resume.
  if (body.type === 'session_started') return { events, side: (db) => [setAgentSession(db, log.lease, agent, body)] };
  // Stored with the chat, so that the next process is opened with it.
  if (body.type === 'current_mode_update') return { events, chat: { permissionMode: body.permissionMode } };
  if (body.type === 'current_model_update') return { events, chat: { model: body.model } };
  if (body.type === 'session_info_update') return { events, chat: { title: body.title } };
  if (body.type === 'current_directory_update') {
    return { events, chat: { agentDirectory: { cwd: body.cwd, worktree: body.worktree } } };
  }
  if (body.type === 'current_effort_update') return { events, chat: { effort: body.effort } };
  return { events };
}

/** The write that settles a decision. */
export function settlement(
  turnId: string | undefined,
  decisionId: string,
  settled: Parameters<typeof settleDecision>[2] & {
    message?: string | undefined;
    input?: Record<string, unknown> | undefined;
  },
): Write {
  const { outcome, by, principal, via, message, input } = settled;
  return {
    events: [{ turnId, body: { type: 'decision_resolved', decisionId, outcome, by, principal, via, message, input } }],
    side: (db) => [settleDecision(db, decisionId, settled)],
  };
}

function andSide(write: Write, more: (db: Sql) => ReturnType<typeof closeDecision>): Write {
  return { ...write, side: (db) => [...(write.side?.(db) ?? []), more(db)] };
}

/** A turn that the host interrupted for a reason of its own has failed with that reason. Its cost stays. */
export function withCause(end: TurnEnd, failure: BooError | undefined): TurnEnd {
  if (!failure || end.outcome !== 'interrupted') return end;
  return { ...end, outcome: 'failed', error: { code: failure.code, message: failure.message } };
}

function andContinues({ code, message }: TurnError): TurnError {
  return { code, message: `${message.replace(/(?<![.!?…])$/, '.')} ${continuesWhenAnswered}` };
}

/** The turn's last write cancels its open decisions, finishes the turn and adds its cost, all at once. */
export async function endTurn(parts: TurnParts, end: TurnEnd, aftermath: TurnAftermath = {}): Promise<void> {
  const { log, turnId, settings, decisions } = parts;
  const { outcome, usage, costUsd, models } = end;
  const { events: before = [], interruptedBy, requeued, hold, continuation, unpriced, followUp } = aftermath;
  const by = outcome === 'interrupted' ? interruptedBy : undefined;
  await log.appendIf(() => {
    const kept = (end.keptDecisionIds ?? []).filter((id) => decisions.pending.delete(id));
    for (const id of kept) decisions.kept.add(id);
    const open = [...decisions.pending].map((id) => settlement(turnId, id, { outcome: 'cancelled', by: 'agent' }));
    decisions.pending.clear();
    // Its process has ended: what was denied is said again, unless nobody wants it to continue.
    const isLost = end.uncounted !== undefined && interruptedBy === undefined;
    const denied = [...decisions.denied.values()];
    const again = isLost ? denied.filter(({ isContinued }) => !isContinued).map(({ decision }) => decision.id) : [];
    if (!isLost) decisions.denied.clear();
    const left = [...decisions.unheard, ...kept, ...again];
    const openDecisionIds = left.length > 0 ? left : undefined;
    const error = kept.length > 0 && end.error ? andContinues(end.error) : end.error;
    const held = hold?.();
    // What a completed turn left unfinished was abandoned by the agent itself.
    const cutOff = outcome === 'completed' ? [] : log.unfinished.asEvents();
    const isStored = log.unfinished.isStored;
    const requeuedPromptIds = requeued && [requeued.id];
    const events: NewEvent[] = [
      ...cutOff.map((body) => ({ turnId, body })),
      ...open.flatMap((write) => write.events),
      ...before,
      {
        turnId,
        body: {
          type: 'turn_finished',
          turnId,
          outcome,
          error,
          usage,
          costUsd,
          requeuedPromptIds,
          openDecisionIds,
          ...by,
        },
      },
    ];
    const followsAt = events.length;
    if (followUp) events.push({ body: { type: 'prompt_accepted', ...followUp, by: 'host' } });
    if (held) events.push(held.event);
    return {
      events,
      side: (db) => [
        ...open.flatMap((write) => write.side?.(db) ?? []),
        ...(isLost ? [] : denied.map(({ decision }) => closeDecision(db, decision.id))),
        finishTurn(db, { id: turnId, outcome, error, usage, costUsd }),
        ...(isStored ? [deleteUnfinished(db, log.lease)] : []),
        ...bookUsage(db, log.lease, settings.row.agent, { costUsd, models, unpriced }),
        ...(requeued ? [requeuePrompts(db, log.lease, [requeued.id], requeued.starts)] : []),
        ...(followUp ? [insertHostPrompt(db, log.lease, followUp, followsAt)] : []),
      ],
      chat: { ...held?.chat, ...(continuation === undefined ? {} : { continuation }) },
    };
  });
}
