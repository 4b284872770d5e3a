/** Which faults a run plays, in which order: all from its seed. */
import { randomOf } from '../support/random.ts';

/** How often each is played for one kill, and at least once. */
const shares = {
  kill: 1,
  freeze: 0.04,
  'cut-database': 0.08,
  'cut-peers': 0.06,
  'cut-both': 0.03,
  'postgres-fast': 0.12,
  'postgres-immediate': 0.12,
  clock: 0.08,
  block: 0.12,
  agent: 0.12,
  'disk-full': 0.02,
  stop: 0.08,
} as const;

export type FaultName = keyof typeof shares;
export const faultNames = Object.keys(shares) as FaultName[];

export function planFaults(options: { seed: number; kills: number; only: readonly FaultName[] | null }): FaultName[] {
  const { seed, kills, only } = options;
  const random = randomOf(seed);
  const chosen = faultNames.filter((name) => only === null || only.includes(name));
  const plan = chosen.flatMap((name) => {
    const count = name === 'kill' ? kills : Math.max(1, Math.round(kills * shares[name]));
    return Array.from({ length: count }, () => ({ name, at: random() }));
  });
  return plan.toSorted((one, other) => one.at - other.at).map(({ name }) => name);
}
