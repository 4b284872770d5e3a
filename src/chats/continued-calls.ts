/**
 * Answers whose agent is gone: a new process of the session takes up the very call that was asked about, gets the answer,
 * and continues the turn. An answer stays open in the database until an agent is about to get it, so that it takes effect
 * once, whoever dies in between.
 */
import type { ContinuedCall, DecisionAnswer } from '../agents/agent-backend.ts';
import type { Decision } from '../protocol/decision.ts';
import { type BooError, toBooError } from '../protocol/error.ts';
import type { ChatRow } from '../store/chats.ts';
import { closeDecision, findOpenDecisions, handOver, takeBack } from '../store/decisions.ts';
import { findFinishedCalls } from '../store/events.ts';
import { FencedError } from '../store/storage-error.ts';
import type { ChatContext } from './chat-context.ts';
import type { ChatSession } from './chat-session.ts';
import { findStoredSession } from './stored-session.ts';
import type { DecisionIds } from './turn.ts';
import { WaitEnded } from './start-place.ts';
import type { Turns } from './turns.ts';

const maxTries = 3;

/** Whether a decision's call can be continued by another process at all. An MCP server's form ends with its server. */
export const hasCall = ({ kind, toolCallId }: Pick<Decision, 'kind' | 'toolCallId'>): boolean =>
  kind !== 'form' && toolCallId !== null;

/** Whether another process of the chat's session can continue the call: it has not run. */
export async function canContinue(
  {
    sql,
    log,
    agents,
    settings: { rowHere: row },
  }: Pick<ChatContext, 'sql' | 'agents' | 'log'> & { settings: { rowHere: ChatRow } },
  { kind, toolCallId, subagentCallId }: Pick<Decision, 'kind' | 'toolCallId' | 'subagentCallId'>,
): Promise<boolean> {
  const backend = agents.backendFor(row.backend);
  if (!backend.canContinue || toolCallId === null || !hasCall({ kind, toolCallId })) return false;
  const session = await findStoredSession({
    sql,
    lease: log.lease,
    chat: row,
    agents,
    ask: (statement) => log.ask(statement),
  });
  return session !== null && backend.canContinue(session, subagentCallId ?? toolCallId);
}

const neverAskedAgain = 'the sub-agent that asked has started over, and did not ask for the same again';

/** Of a sub-agent's question the agent's own call is continued. What is denied needs no sub-agent: the agent is told. */
const startsOver = ({ subagentCallId }: Decision, { outcome }: DecisionAnswer): boolean =>
  subagentCallId !== null && outcome !== 'deny';

function whatContinues(
  decision: Decision,
  answer: DecisionAnswer,
): Pick<ContinuedCall, 'toolCallId' | 'answer' | 'asksAgain'> {
  const { toolCallId, subagentCallId, toolName, title, input } = decision;
  if (subagentCallId === null) return { toolCallId: toolCallId!, answer };
  if (startsOver(decision, answer)) {
    return { toolCallId: subagentCallId, answer, asksAgain: { toolName: toolName ?? '', input } };
  }
  const message = `The sub-agent asked for “${title}”, and the user said no${answer.message ? `: ${answer.message}` : '.'}`;
  return { toolCallId: subagentCallId, answer: { ...answer, message } };
}

export class ContinuedCalls {
  readonly #context: ChatContext;
  readonly #session: ChatSession;
  readonly #turns: Turns;
  readonly #ids: DecisionIds;

  constructor(context: ChatContext, parts: { session: ChatSession; turns: Turns; ids: DecisionIds }) {
    this.#context = context;
    this.#session = parts.session;
    this.#turns = parts.turns;
    this.#ids = parts.ids;
  }

  /** Has the call continued with this answer, before anything else that waits. */
  add(decision: Decision, answer: DecisionAnswer): void {
    const { queue, logger } = this.#context;
    const { id: decisionId, chatId } = decision;
    this.#ids.unheard.add(decisionId);
    queue
      .addTask('continuation', () => this.#run(decision, answer), { isFirst: true })
      // It stays open for the chat's next holder.
      .catch((err: unknown) =>
        logger.warn({ chatId, decisionId, err }, 'An answer could not be given to its agent yet.'),
      );
  }

  /** Stores that the agent gets the answer now. Throws FencedError. */
  async handOver({ id }: Decision): Promise<void> {
    const { sql, log } = this.#context;
    if (!(await log.ask(() => handOver(sql, log.lease, id)))) throw new FencedError(log.lease.chatId);
  }

  /** The agent's process ended before it got the answer: this comes after `handOver`. */
  async takeBack({ id }: Decision): Promise<void> {
    const { sql, log } = this.#context;
    await log.ask(() => takeBack(sql, log.lease, id));
  }

  async #run(decision: Decision, answer: DecisionAnswer): Promise<void> {
    const { queue, state } = this.#context;
    const call = whatContinues(decision, answer);
    const isDenial = answer.outcome === 'deny';
    let isGiven = false;
    let failure: BooError | undefined;
    for (let count = 1; count <= maxTries && !isGiven; count += 1) {
      if (!(await canContinue(this.#context, decision))) {
        return isDenial ? this.#wasDenied(decision) : this.#giveUp(decision, 'its session has moved on');
      }
      queue.assertOpen();
      const onAsked = async (rules: readonly string[] = []): Promise<void> => {
        this.#session.noteRules(rules);
        if (isDenial) this.#ids.denied.set(call.toolCallId, { decision, answer, isContinued: true });
        // The agent may ask twice.
        else if (!isGiven) await this.handOver(decision);
        this.#ids.unheard.delete(decision.id);
        isGiven = true;
      };
      state.start();
      try {
        await this.#session.continueCall({
          ...call,
          waitingCallIds: await this.#waitingCallIds(decision),
          finishedCallIds: await this.#finishedCallIds(decision),
          onAsked,
        });
      } catch (error) {
        // Or the host stops before a place for its agent was free.
        if (error instanceof FencedError || error instanceof WaitEnded) throw error;
        failure = toBooError(error);
      } finally {
        const interruption = state.end();
        if (interruption) await state.handle?.interrupt();
      }
      await this.#turns.recordUnprompted({ continuesTurnId: decision.turnId ?? undefined });
      // Its process has ended before the call had a result.
      if (this.#ids.denied.delete(call.toolCallId)) isGiven = false;
      // Once is enough: a sub-agent that starts over may do again what it had done.
      if (!isGiven && !failure && startsOver(decision, answer)) return this.#giveUp(decision, neverAskedAgain);
    }
    if (!isGiven) await this.#giveUp(decision, failure?.message ?? 'the agent did not take it up');
  }

  /** Each of them will be continued in a process of its own. */
  async #waitingCallIds({ id, chatId }: Decision): Promise<string[]> {
    const { sql, log } = this.#context;
    const open = await log.ask(() => findOpenDecisions(sql, chatId));
    return open.flatMap(({ decision }) =>
      decision.id === id ? [] : (decision.subagentCallId ?? decision.toolCallId ?? []),
    );
  }

  async #finishedCallIds({ chatId, turnId }: Decision): Promise<string[]> {
    const { sql, log } = this.#context;
    return turnId === null ? [] : log.ask(() => findFinishedCalls(sql, chatId, turnId));
  }

  /** The agent knew already, or has gone on without the call, which did not run either way. */
  async #wasDenied({ id, title, toolCallId }: Decision): Promise<void> {
    const message = `“${title}” was denied, and its call ended with that before the agent’s process did.`;
    await this.#close(id, { level: 'info', message, data: { decisionId: id, toolCallId } });
  }

  /** The answer has no effect, and the log says why. */
  async #giveUp({ id, title, toolCallId }: Decision, why: string): Promise<void> {
    const message = `“${title}” was answered, but the agent’s process had ended and the call could not be continued: ${why}.`;
    await this.#close(id, { level: 'warning', message, data: { decisionId: id, toolCallId } });
  }

  async #close(id: string, notice: { level: 'info' | 'warning'; message: string; data: object }): Promise<void> {
    this.#ids.unheard.delete(id);
    await this.#context.log.append({
      events: [{ body: { ...notice, data: { ...notice.data }, type: 'notice', code: 'decision_without_effect' } }],
      side: (db) => [closeDecision(db, id)],
    });
  }
}
