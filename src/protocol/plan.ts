import type { Decision } from './decision.ts';

const seen = /[^\s\p{Z}\p{C}\p{Default_Ignorable_Code_Point}\u2800]/u;

/** The text of a plan; undefined if there is nothing readable, and so nothing to approve. */
export function planOf({ kind, input }: Pick<Decision, 'kind' | 'input'>): string | undefined {
  const plan = kind === 'plan' ? input['plan'] : undefined;
  return typeof plan === 'string' && seen.test(plan) ? plan : undefined;
}
