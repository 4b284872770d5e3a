import type { Hold } from './hold.ts';

/** A usage limit holds the queue, and says when it resets. */
export function isParked({ reason, resetsAt }: Pick<Hold, 'reason' | 'resetsAt'>): boolean {
  return reason === 'usage_limit' && typeof resetsAt === 'string';
}
