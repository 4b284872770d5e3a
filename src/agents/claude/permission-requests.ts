/** The program's questions to a person, from `canUseTool` to the answer. */
import { randomUUID } from 'node:crypto';
import type { CanUseTool, PermissionResult, PermissionUpdate } from '@anthropic-ai/claude-agent-sdk';
import type { DecisionKind } from '../../protocol/decision.ts';
import type { AgentEvent, AgentEventOf, AnswerCheck, DecisionAnswer } from '../agent-backend.ts';
import { alwaysScope, heldHereToo, keptRules } from './always-scope.ts';
import { checkInput } from './check-input.ts';
import { checkPlan } from './check-plan.ts';
import { askedTitle } from './mapping/tool-title.ts';

/** What a person is asked, as the event reports it. */
export type Asked = Omit<AgentEventOf<'decision_requested'>, 'type' | 'decisionId'>;

interface AskedCall {
  toolName: string;
  rules: readonly string[];
}

interface Waiting {
  asked: Asked;
  /** The call in question; a form has none. */
  call: AskedCall | undefined;
  /** Without an answer if the question was withdrawn. */
  settle(answer?: DecisionAnswer): void;
}

const interrupted: PermissionResult = { behavior: 'deny', message: 'The turn was interrupted.' };

type AskedKind = Extract<DecisionKind, 'permission' | 'question' | 'plan'>;

function kindOf(toolName: string): AskedKind {
  if (toolName === 'AskUserQuestion') return 'question';
  return toolName === 'ExitPlanMode' ? 'plan' : 'permission';
}

/** How long a question waits for its tool call to be reported, so that the call comes first in the log. */
const callFirstMs = 250;

export class PermissionRequests {
  readonly #emit: (event: AgentEvent) => void;
  readonly #waiting = new Map<string, Waiting>();
  readonly #told = new Set<string>();
  readonly #untold = new Map<string, () => void>();

  constructor(emit: (event: AgentEvent) => void) {
    this.#emit = emit;
  }

  get count(): number {
    return this.#waiting.size;
  }

  /** Call it for every tool call that has been reported. */
  noteCall(toolCallId: string): void {
    this.#told.add(toolCallId);
    this.#untold.get(toolCallId)?.();
  }

  /** Call it at the end of a turn. */
  forgetCalls(): void {
    this.#told.clear();
  }

  readonly canUseTool: CanUseTool = async (toolName, input, { signal, ...options }) => {
    await this.#callTold(options.toolUseID);
    const suggestions = options.suppressAlwaysAllowRule === true ? [] : (options.suggestions ?? []);
    const answer = await this.ask(
      {
        kind: kindOf(toolName),
        toolName,
        toolCallId: options.toolUseID,
        title: options.title ?? askedTitle(toolName, input),
        input,
        canAllowAlways: suggestions.length > 0,
        alwaysScope: alwaysScope(suggestions),
      },
      signal,
      { toolName, rules: keptRules(suggestions) },
    );
    return answer ? permissionResult(answer, input, suggestions) : interrupted;
  };

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
      const withdraw = (): void => this.#withdraw(waiting);
      signal.addEventListener('abort', withdraw, { once: true });
      this.#ask(waiting);
    });
  }

  #ask(waiting: Waiting): void {
    const decisionId = randomUUID();
    this.#waiting.set(decisionId, waiting);
    this.#emit({ type: 'decision_requested', decisionId, ...waiting.asked });
  }

  #withdraw(waiting: Waiting): void {
    for (const [decisionId, each] of this.#waiting) {
      if (each !== waiting) continue;
      this.#waiting.delete(decisionId);
      this.#emit({ type: 'decision_resolved', decisionId, outcome: 'cancelled', by: 'agent' });
      waiting.settle();
    }
  }

  /** Withdraws all questions, because nobody will answer them anymore. */
  withdrawAll(): void {
    for (const waiting of new Set(this.#waiting.values())) this.#withdraw(waiting);
  }

  /** Someone has answered in the agent itself, which settles the question about this call. */
  settleElsewhere(toolCallId: string, outcome: 'allow' | 'deny', by: string): void {
    for (const [decisionId, each] of this.#waiting) {
      if (each.asked.toolCallId !== toolCallId) continue;
      this.#waiting.delete(decisionId);
      this.#emit({ type: 'decision_resolved', decisionId, outcome, by });
      each.settle();
    }
  }

  /** A decision ends with its turn. Questions that still wait after that are asked again, as new decisions. */
  askAgain(): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const each of waiting) this.#ask(each);
  }

  /** Whether the program would do exactly what the answer says. */
  async check(decisionId: string, { outcome, input }: DecisionAnswer): Promise<AnswerCheck> {
    const waiting = this.#waiting.get(decisionId);
    if (!waiting) return 'settled';
    const { call, asked } = waiting;
    if (outcome === 'deny' || !call) return 'fine';
    switch (kindOf(call.toolName)) {
      case 'permission':
        return (input && checkInput({ toolName: call.toolName, input: asked.input }, input)) ?? 'fine';
      case 'plan':
        return (input ? undefined : await checkPlan(asked.input)) ?? 'fine';
      case 'question':
        return 'fine';
    }
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

  #callTold(toolCallId: string): Promise<void> {
    if (this.#told.has(toolCallId)) return Promise.resolve();
    return new Promise((resolve) => {
      const go = (): void => {
        clearTimeout(timer);
        this.#untold.delete(toolCallId);
        resolve();
      };
      // A call that is never reported, such as one of a silent sub-agent, must not delay its own question.
      const timer = setTimeout(go, callFirstMs);
      this.#untold.set(toolCallId, go);
    });
  }
}

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
