import { within } from '../lib/within.ts';
import type { Sql } from '../store/database.ts';
import { inTime } from '../store/in-time.ts';
import { isPassing } from '../store/storage-error.ts';
import type { Host } from './host.ts';

const lookEveryMs = 500;
const answerLimitMs = 1_000;
/** How long a stop waits for a database that is away. */
const patienceMs = 2_500;

/**
 * Drains a host, even if its database is away: after a moment its connections are closed and nothing is retried, so
 * that a stop does not hang. The next host finishes what could not be stored.
 */
export async function drain(
  host: Pick<Host, 'drain' | 'stopRetrying'>,
  pools: readonly [Sql, ...Sql[]],
): Promise<void> {
  const drained = host.drain();
  const watch = async (): Promise<void> => {
    let awaySinceMs: number | undefined;
    while (!(await within(lookEveryMs, drained))) {
      if (await isAway(pools[0])) awaySinceMs ??= performance.now();
      else awaySinceMs = undefined;
      if (awaySinceMs === undefined || performance.now() - awaySinceMs < patienceMs) continue;
      host.stopRetrying();
      await Promise.all(pools.map((sql) => sql.end({ timeout: 0 })));
      return;
    }
  };
  await Promise.all([drained, watch()]);
}

async function isAway(sql: Sql): Promise<boolean> {
  try {
    await inTime(sql`select 1`, answerLimitMs);
    return false;
  } catch (error) {
    return isPassing(error);
  }
}
