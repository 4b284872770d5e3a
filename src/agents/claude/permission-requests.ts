/** The program's questions to a person, from `canUseTool` to the answer. */
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { CanUseTool, PermissionResult, PermissionUpdate } from '@anthropic-ai/claude-agent-sdk';
import type { AgentEvent, AgentEventOf, AnswerCheck, ContinuedCall, DecisionAnswer } from '../agent-backend.ts';
import { alwaysScope, heldHereToo, keptRules } from './always-scope.ts';
import { checkAnswer, kindOf } from './check-answer.ts';
import { AwaitedIds } from '../awaited-ids.ts';
import { askedTitle } from './mapping/tool-title.ts';

/** What a person is asked, as the event reports it. */
export type Asked = Omit<AgentEventOf<'decision_requested'>, 'type' | 'decisionId'>;

interface AskedCall {
  toolName: string;
  rules: readonly string[];
  /** Another process of the session could take it up: it is the agent's own, and stored. */
  canContinue: boolean;
}

interface Waiting {
  asked: Asked;
  /** The call in question; a form has none. */
  call: AskedCall | undefined;
  /** Without an answer if the question was withdrawn. */
  settle(answer?: DecisionAnswer): void;
}

const abandoned: PermissionResult = {
  behavior: 'deny',
  message:
    'The process that asked about this call has ended, and nobody approved it since: it is not known whether it ran.',
};
const interrupted: PermissionResult = { behavior: 'deny', message: 'The turn was interrupted.' };

/** How long a question waits for its tool call to be reported, so that the call comes first in the log. */
const reportedMs = 250;
/** How long a question waits for its tool call to be stored, without which no other process could take it up. */
const storedMs = 1_000;

export interface PermissionRequestsParts {
  readonly emit: (event: AgentEvent) => void;
  /** The program asks about it when it resumes the session, once or twice. */
  continued?: ContinuedCall | undefined;
  /** The program has ended: what it asked is not withdrawn, even though the SDK says so. See `leave`. */
  readonly isGone?: () => boolean;
  /** Whether calls are stored while the program waits, so that the question should too. */
  storesCalls?: boolean;
}

export class PermissionRequests {
  readonly #parts: PermissionRequestsParts;
  readonly #waiting = new Map<string, Waiting>();
  /** Of calls of sub-agents: the call that the sub-agent works for. */
  readonly #parents = new Map<string, string>();
  readonly #reported = new AwaitedIds(reportedMs);
  readonly #stored = new AwaitedIds(storedMs);
  /** Calls that have a result. */
  readonly #finished = new Set<string>();
  #abandoned: string | undefined;
  /** The call that was asked about again, by a sub-agent that started over. */
  #askedAgain: string | undefined;

  constructor(parts: PermissionRequestsParts) {
    this.#parts = parts;
  }

  get count(): number {
    return this.#waiting.size;
  }

  /** Call it for every tool call that has been reported. */
  noteCall(toolCallId: string, parentToolCallId?: string): void {
    if (parentToolCallId !== undefined) this.#parents.set(toolCallId, parentToolCallId);
    this.#reported.add(toolCallId);
  }

  /** Call it for every result of a tool call. */
  noteResult(toolCallId: string): void {
    this.#finished.add(toolCallId);
  }

  /** Call it for every tool call that is in the stored transcript. */
  noteStoredCall(toolCallId: string): void {
    this.#stored.add(toolCallId);
  }

  /** Call it at the end of a turn. */
  forgetCalls(): void {
    this.#reported.clear();
    this.#stored.clear();
    this.#parents.clear();
    this.#finished.clear();
  }

  readonly canUseTool: CanUseTool = async (toolName, input, { signal, ...options }) => {
    const { toolUseID, agentID } = options;
    if (toolUseID === this.#abandoned) return abandoned;
    const { continued, storesCalls = false } = this.#parts;
    const suggestions = options.suppressAlwaysAllowRule === true ? [] : (options.suggestions ?? []);
    if (continued?.asksAgain) {
      if (continued.toolCallId === toolUseID) return { behavior: 'allow', updatedInput: input };
      if (
        agentID !== undefined &&
        isAgain(continued.asksAgain, { toolName, input }) &&
        !this.#hasAskedAgain(toolUseID)
      ) {
        await continued.onAsked(continued.answer.outcome === 'allow_always' ? keptRules(suggestions) : []);
        return permissionResult(continued.answer, input, suggestions);
      }
    } else if (continued?.toolCallId === toolUseID) {
      await continued.onAsked(continued.answer.outcome === 'allow_always' ? keptRules(suggestions) : []);
      return permissionResult(continued.answer, input, suggestions);
    }
    // A call that is never reported, such as one of a silent sub-agent, must not delay its own question.
    const isReported = this.#reported.has(toolUseID);
    const isOwn = agentID === undefined;
    if (!isOwn) await isReported;
    // Only the agent's own calls can be continued: instead of a sub-agent's, the one that started the sub-agent.
    const ownCallId = isOwn ? toolUseID : this.#ownCallOf(toolUseID);
    const [, isStored] = await Promise.all([
      isReported,
      storesCalls && ownCallId !== undefined && this.#stored.has(ownCallId),
    ]);
    const canContinue = isStored && !this.#finished.has(ownCallId!);
    const answer = await this.ask(
      {
        kind: kindOf(toolName),
        toolName,
        toolCallId: toolUseID,
        ...(canContinue && !isOwn ? { subagentCallId: ownCallId } : {}),
        title: options.title ?? askedTitle(toolName, input),
        input,
        canAllowAlways: suggestions.length > 0,
        alwaysScope: alwaysScope(suggestions),
      },
      signal,
      { toolName, rules: keptRules(suggestions), canContinue },
    );
    return answer ? permissionResult(answer, input, suggestions) : interrupted;
  };

  /** The agent's own call that started the sub-agent, or the sub-agent's sub-agent, with this call. */
  #ownCallOf(toolCallId: string): string | undefined {
    let own: string | undefined;
    for (let id = this.#parents.get(toolCallId); id !== undefined; id = this.#parents.get(id)) own = id;
    return own;
  }

  /** Another call than the first one with the same input is another question. The program may ask twice about one. */
  #hasAskedAgain(toolCallId: string): boolean {
    this.#askedAgain ??= toolCallId;
    return this.#askedAgain !== toolCallId;
  }

  /** Asks a person, and resolves with the answer, or with undefined if the signal withdraws the question. */
  ask(asked: Asked, signal: AbortSignal, call?: AskedCall): Promise<DecisionAnswer | undefined> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve(undefined);
      const waiting: Waiting = {
        asked,
        call,
        settle: (answer) => {
          signal.removeEventListener('abort', withdraw);
          resolve(answer);
        },
      };
      const withdraw = (): void => {
        if (this.#parts.isGone?.() !== true) this.#withdraw(waiting);
      };
      signal.addEventListener('abort', withdraw, { once: true });
      this.#ask(waiting);
    });
  }

  #ask(waiting: Waiting): void {
    const decisionId = randomUUID();
    this.#waiting.set(decisionId, waiting);
    this.#parts.emit({ type: 'decision_requested', decisionId, ...waiting.asked });
  }

  #withdraw(waiting: Waiting): void {
    for (const [decisionId, each] of this.#waiting) {
      if (each !== waiting) continue;
      this.#waiting.delete(decisionId);
      this.#parts.emit({ type: 'decision_resolved', decisionId, outcome: 'cancelled', by: 'agent' });
      waiting.settle();
    }
  }

  /** Withdraws all questions, because nobody will answer them anymore. */
  withdrawAll(): void {
    for (const waiting of new Set(this.#waiting.values())) this.#withdraw(waiting);
  }

  /** Something was asked, and another process could continue each call. */
  get canLeave(): boolean {
    const waiting = [...this.#waiting.values()];
    return waiting.length > 0 && waiting.every(({ call }) => call?.canContinue === true);
  }

  /** The process is gone. Withdraws the questions that end with it, and returns the ids of the others. */
  leave(): string[] {
    const kept = [...this.#waiting].filter(([, { call }]) => call?.canContinue === true);
    for (const [decisionId] of kept) this.#waiting.delete(decisionId);
    this.withdrawAll();
    return kept.map(([decisionId]) => decisionId);
  }

  /** Refuses a call of an earlier process, which the program will ask about although it is not to run. */
  abandon(toolCallId: string): void {
    this.#abandoned = toolCallId;
  }

  /** Someone has answered in the agent itself, which settles the question about this call. */
  settleElsewhere(toolCallId: string, outcome: 'allow' | 'deny', by: string): void {
    for (const [decisionId, each] of this.#waiting) {
      if (each.asked.toolCallId !== toolCallId) continue;
      this.#waiting.delete(decisionId);
      this.#parts.emit({ type: 'decision_resolved', decisionId, outcome, by });
      each.settle();
    }
  }

  /** A decision ends with its turn. Questions that still wait after that are asked again, as new decisions. */
  askAgain(): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const each of waiting) this.#ask(each);
  }

  async check(decisionId: string, answer: DecisionAnswer): Promise<AnswerCheck> {
    const waiting = this.#waiting.get(decisionId);
    if (!waiting) return 'settled';
    return waiting.call ? checkAnswer({ toolName: waiting.call.toolName, input: waiting.asked.input }, answer) : 'fine';
  }

  /** The rules that `allow_always` would make the program store in the directory's settings. */
  keptRules(decisionId: string): readonly string[] {
    return this.#waiting.get(decisionId)?.call?.rules ?? [];
  }

  /** False if nothing waits under this id. */
  resolve(decisionId: string, answer: DecisionAnswer): boolean {
    const waiting = this.#waiting.get(decisionId);
    if (!waiting) return false;
    this.#waiting.delete(decisionId);
    waiting.settle(answer);
    return true;
  }
}

const isAgain = (asked: ContinuedCall['asksAgain'], { toolName, input }: NonNullable<ContinuedCall['asksAgain']>) =>
  asked?.toolName === toolName && isDeepStrictEqual(asked.input, input);

function permissionResult(
  answer: DecisionAnswer,
  input: Record<string, unknown>,
  suggestions: PermissionUpdate[],
): PermissionResult {
  if (answer.outcome === 'deny') {
    return {
      behavior: 'deny',
      message: answer.message ?? 'The user said no.',
      decisionClassification: 'user_reject',
    };
  }
  const always = answer.outcome === 'allow_always';
  return {
    behavior: 'allow',
    updatedInput: answer.input ?? input,
    ...(always ? { updatedPermissions: heldHereToo(suggestions) } : {}),
    decisionClassification: always ? 'user_permanent' : 'user_temporary',
  };
}
