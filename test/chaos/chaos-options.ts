import type { FaultName } from './fault-plan.ts';
import type { NetworkChoice } from './network.ts';

export interface ChaosOptions {
  seed: number;
  /** How many prompts are sent. */
  turns: number;
  /** How many hosts are killed. */
  kills: number;
  hosts: number;
  /** How many races between a stale writer and its successor are forced. */
  races: number;
  /** No new prompts and faults after this long; null for no limit. */
  minutes: number | null;
  /** Only these faults; null for all. */
  only: readonly FaultName[] | null;
  /** Namespaces where they can be had, unless given. */
  network?: NetworkChoice;
  /** Whether a takeover that took too long is a problem. */
  strict: boolean;
  /** The run directory stays. It does so too when something was found. */
  keep: boolean;
  /** A build's `boocode.js`; the usual one if none is given. */
  program?: string;
  /** Progress, line by line. */
  readonly tell: (line: string) => void;
  signal?: AbortSignal;
}
