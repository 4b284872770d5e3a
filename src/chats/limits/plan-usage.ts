/** How much of its account's plan an agent has heard to be used: stored, so that every host and client knows it. */
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { HeardWindow, PlanUsage } from '../../protocol/plan-usage.ts';
import type { Sql } from '../../store/database.ts';
import { listPlanWindows, putPlanWindows } from '../../store/plan-windows.ts';

/** Every answer of the API tells it. */
const leastMs = 60_000;

interface Parts {
  sql: Sql;
  /** The host's name. */
  host: string;
  clock: Clock;
  logger: Log;
}

export class PlanWindows {
  readonly #parts: Parts;
  readonly #stored = new Map<string, { text: string; atMs: number }>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Stores what is new, or was stored a while ago. */
  note(agent: string, windows: readonly HeardWindow[]): void {
    const { sql, host, clock, logger } = this.#parts;
    const nowMs = clock.monotonicMs();
    const fresh = windows.filter((window) => {
      const key = `${agent} ${window.name}`;
      const text = textOf(window);
      const before = this.#stored.get(key);
      if (before?.text === text && nowMs - before.atMs < leastMs) return false;
      this.#stored.set(key, { text, atMs: nowMs });
      return true;
    });
    if (fresh.length === 0) return;
    putPlanWindows(sql, { host, agent }, fresh).catch((err: unknown) => {
      this.#stored.clear();
      logger.warn({ err }, 'How much of the plan is used could not be stored.');
    });
  }
}

/** Less than a percent is no news. */
const textOf = ({ used, status, resetsAt }: HeardWindow): string =>
  JSON.stringify([used === null ? null : Math.round(used * 100), status, resetsAt]);

export async function readPlanUsage(sql: Sql): Promise<PlanUsage> {
  const items = new Map<string, PlanUsage['items'][number]>();
  for (const { host, agent, ...window } of await listPlanWindows(sql)) {
    const key = JSON.stringify([host, agent]);
    const item = items.get(key) ?? { host, agent, windows: [] };
    item.windows.push(window);
    items.set(key, item);
  }
  return { items: [...items.values()] };
}
