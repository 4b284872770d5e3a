/** The program's questions to a person, from `canUseTool` to an answer. */
import { randomUUID } from 'node:crypto';
import type { CanUseTool, PermissionResult, PermissionUpdate } from '@anthropic-ai/claude-agent-sdk';
import type { DecisionKind } from '../../protocol/decision.ts';
import type { AgentEvent, AnswerCheck, DecisionAnswer } from '../agent-backend.ts';
import { alwaysScope, heldHereToo } from './always-scope.ts';
import { checkInput } from './check-input.ts';
import { checkPlan } from './check-plan.ts';
import { toolTitle } from './mapping/tool-title.ts';

interface Waiting {
  toolName: string;
  input: Record<string, unknown>;
  title: string;
  toolCallId: string;
  suggestions: PermissionUpdate[];
  settle(result: PermissionResult): void;
}

const interrupted: PermissionResult = { behavior: 'deny', message: 'The turn was interrupted.' };

type AskedKind = Extract<DecisionKind, 'permission' | 'question' | 'plan'>;

function kindOf(toolName: string): AskedKind {
  if (toolName === 'AskUserQuestion') return 'question';
  return toolName === 'ExitPlanMode' ? 'plan' : 'permission';
}

/** How long a question waits for its tool call to be told, so that the call comes first in the log. */
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

  /** To be called with every tool call that has been told. */
  noteCall(toolCallId: string): void {
    this.#told.add(toolCallId);
    this.#untold.get(toolCallId)?.();
  }

  /** To be called at the end of a turn. */
  forgetCalls(): void {
    this.#told.clear();
  }

  readonly canUseTool: CanUseTool = async (toolName, input, { signal, ...options }) => {
    await this.#callTold(options.toolUseID);
    if (signal.aborted) return interrupted;
    return new Promise<PermissionResult>((resolve) => {
      const waiting: Waiting = {
        toolName,
        input,
        title: options.title ?? `${toolName}: ${toolTitle(toolName, input)}`,
        toolCallId: options.toolUseID,
        suggestions: options.suppressAlwaysAllowRule === true ? [] : (options.suggestions ?? []),
        settle: (result) => {
          signal.removeEventListener('abort', withdraw);
          resolve(result);
        },
      };
      const withdraw = (): void => this.#withdraw(waiting);
      signal.addEventListener('abort', withdraw, { once: true });
      this.#ask(waiting);
    });
  };

  #ask(waiting: Waiting): void {
    const decisionId = randomUUID();
    this.#waiting.set(decisionId, waiting);
    const { toolName, toolCallId, title, input, suggestions } = waiting;
    this.#emit({
      type: 'decision_requested',
      decisionId,
      kind: kindOf(toolName),
      toolCallId,
      title,
      input,
      canAllowAlways: suggestions.length > 0,
      alwaysScope: alwaysScope(suggestions),
    });
  }

  #withdraw(waiting: Waiting): void {
    for (const [decisionId, each] of this.#waiting) {
      if (each !== waiting) continue;
      this.#waiting.delete(decisionId);
      this.#emit({ type: 'decision_resolved', decisionId, outcome: 'cancelled', by: 'agent' });
      waiting.settle(interrupted);
    }
  }

  /** Takes every question back: nobody will answer them any more. */
  withdrawAll(): void {
    for (const waiting of new Set(this.#waiting.values())) this.#withdraw(waiting);
  }

  /** Somebody has answered the agent itself: the question about this call is settled, and nobody else need answer it. */
  settleElsewhere(toolCallId: string, outcome: 'allow' | 'deny', by: string): void {
    for (const [decisionId, each] of this.#waiting) {
      if (each.toolCallId !== toolCallId) continue;
      this.#waiting.delete(decisionId);
      this.#emit({ type: 'decision_resolved', decisionId, outcome, by });
      each.settle(interrupted);
    }
  }

  /** A decision ends with its turn. What still waits after that is asked once more, as another decision. */
  askAgain(): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const each of waiting) this.#ask(each);
  }

  /** Whether the program would do just what the answer says. */
  async check(decisionId: string, { outcome, input }: DecisionAnswer): Promise<AnswerCheck> {
    const waiting = this.#waiting.get(decisionId);
    if (!waiting) return 'settled';
    if (outcome === 'deny') return 'fine';
    switch (kindOf(waiting.toolName)) {
      case 'permission':
        return (input && checkInput(waiting, input)) ?? 'fine';
      case 'plan':
        return (input ? undefined : await checkPlan(waiting.input)) ?? 'fine';
      case 'question':
        return 'fine';
    }
  }

  /** False when nothing waits under this id. */
  resolve(decisionId: string, answer: DecisionAnswer): boolean {
    const waiting = this.#waiting.get(decisionId);
    if (!waiting) return false;
    this.#waiting.delete(decisionId);
    if (answer.outcome === 'deny') {
      waiting.settle({
        behavior: 'deny',
        message: answer.message ?? 'The user said no.',
        decisionClassification: 'user_reject',
      });
    } else {
      const always = answer.outcome === 'allow_always';
      waiting.settle({
        behavior: 'allow',
        updatedInput: answer.input ?? waiting.input,
        ...(always ? { updatedPermissions: heldHereToo(waiting.suggestions) } : {}),
        decisionClassification: always ? 'user_permanent' : 'user_temporary',
      });
    }
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
      // A call that is never told, as one of a silent sub-agent, must not hold up its own question.
      const timer = setTimeout(go, callFirstMs);
      this.#untold.set(toolCallId, go);
    });
  }
}
