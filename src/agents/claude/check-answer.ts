/** Whether the program would do exactly what an answer says. */
import type { DecisionKind } from '../../protocol/decision.ts';
import type { AnswerProblem, DecisionAnswer } from '../agent-backend.ts';
import { checkInput } from './check-input.ts';
import { checkPlan } from './check-plan.ts';

type AskedKind = Extract<DecisionKind, 'permission' | 'question' | 'plan'>;

export function kindOf(toolName: string): AskedKind {
  if (toolName === 'AskUserQuestion') return 'question';
  return toolName === 'ExitPlanMode' ? 'plan' : 'permission';
}

export async function checkAnswer(
  { toolName, input: shown }: { toolName: string; input: Record<string, unknown> },
  { outcome, input }: DecisionAnswer,
): Promise<'fine' | AnswerProblem> {
  if (outcome === 'deny') return 'fine';
  switch (kindOf(toolName)) {
    case 'permission':
      return (input && checkInput({ toolName, input: shown }, input)) ?? 'fine';
    case 'plan':
      return (input ? undefined : await checkPlan(shown)) ?? 'fine';
    case 'question':
      return 'fine';
  }
}
