/** What is done to a host or the database, and how it is put right again. */
import { createWriteStream, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { OwnPostgres } from '../support/own-postgres.ts';
import type { ChaosHost } from './chaos-host.ts';
import { type Disk, diskMegabytes } from './disk.ts';
import type { FaultName } from './fault-plan.ts';
import { agentsOf } from './host-processes.ts';

export interface FaultScene {
  host: ChaosHost;
  /** All of them. */
  hosts: readonly ChaosHost[];
  postgres: OwnPostgres;
  /** Small file systems below the database and the hosts; null where none can be mounted. */
  disk: Disk | null;
  readonly random: () => number;
  /** Says what happens, before it happens. */
  readonly note: (detail: string) => void;
  /** Right after a host was killed or frozen. `isGone`: it does not come back. */
  readonly onStruck: (isGone: boolean) => void;
}

export type Fault = (scene: FaultScene) => Promise<void>;

/** Three times as long as a lease lasts. */
const threeLeasesMs = 45_000;
const between = (random: () => number, least: number, most: number): number =>
  Math.round(least + random() * (most - least));

const cut =
  (...sides: ('database' | 'peers')[]): Fault =>
  async ({ host, random, note }) => {
    const how = random() < 0.6 ? 'stall' : 'refuse';
    // Half of them are longer than a host may go on without renewing its leases.
    const forMs = random() < 0.5 ? between(random, 500, 5_000) : between(random, 9_000, 20_000);
    note(`${how} for ${forMs} ms`);
    for (const side of sides) await host.network.cut(side, how);
    await delay(forMs);
    await host.network.heal();
  };

const restartPostgres =
  (signal: 'SIGINT' | 'SIGQUIT'): Fault =>
  async ({ postgres, random, note }) => {
    const awayMs = between(random, 0, 4_000);
    note(`away for ${awayMs} ms`);
    await postgres.stop(signal);
    await delay(awayMs);
    await postgres.start();
  };

export const faults: Record<FaultName, Fault> = {
  async kill({ host, random, note, onStruck }) {
    // The others have to wait for the end of the leases, or the host comes back before.
    const awayMs = random() < 0.5 ? between(random, 0, 2_000) : between(random, 2_000, 12_000);
    note(`back after ${awayMs} ms`);
    const ended = host.end('SIGKILL');
    onStruck(true);
    await ended;
    await delay(awayMs);
    await host.start();
  },
  async freeze({ host, note, onStruck }) {
    note(`for ${threeLeasesMs} ms`);
    host.signal('SIGSTOP');
    onStruck(false);
    try {
      await delay(threeLeasesMs);
    } finally {
      host.signal('SIGCONT');
    }
  },
  'cut-database': cut('database'),
  'cut-peers': cut('peers'),
  'cut-both': cut('database', 'peers'),
  'postgres-fast': restartPostgres('SIGINT'),
  'postgres-immediate': restartPostgres('SIGQUIT'),
  async clock({ host, random, note }) {
    const hours = [-25, -1, -0.01, 0.01, 1, 25];
    const steps = [0, 1, 2].map(() => hours[Math.floor(random() * hours.length)]! * 3_600_000);
    note(`off by ${steps.map((clockMs) => clockMs / 1000).join(', ')} s`);
    for (const clockMs of steps) {
      host.order({ clockMs });
      await delay(between(random, 300, 3_000));
    }
    host.order({ clockMs: 0 });
  },
  async block({ host, random, note }) {
    const blockMs = random() < 0.7 ? between(random, 300, 4_000) : between(random, 8_000, 14_000);
    note(`for ${blockMs} ms`);
    host.order({ blockMs });
    await delay(blockMs);
  },
  // Those of any host: a host that lost only its agents is not disturbed.
  async agent({ hosts, note }) {
    const agents = hosts.flatMap(({ life }) => (life ? agentsOf(life.identity) : []));
    note(`${agents.length} agents`);
    for (const { pid } of agents) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    }
    await delay(200);
  },
  async 'disk-full'({ host, postgres, disk, random, note }) {
    if (!disk) return;
    const ofDatabase = random() < 0.5;
    const folder = ofDatabase ? disk.postgres : host.dataDir;
    const forMs = between(random, 2_000, 6_000);
    note(`${ofDatabase ? 'the database’s' : 'the host’s'}, for ${forMs} ms`);
    const ballast = join(folder, 'ballast');
    await fill(ballast, ofDatabase ? diskMegabytes.postgres : diskMegabytes.host);
    await delay(forMs);
    if (existsSync(ballast)) rmSync(ballast);
    // A Postgres that cannot write its log ends.
    await postgres.start();
  },
  async stop({ host, random, note }) {
    const awayMs = between(random, 0, 5_000);
    note(`back after ${awayMs} ms`);
    await host.end('SIGTERM');
    await delay(awayMs);
    await host.start();
  },
};

/** Writes until nothing more fits. */
async function fill(file: string, megabytes: number): Promise<void> {
  const stream = createWriteStream(file);
  const megabyte = Buffer.alloc(1024 * 1024);
  const isFull = finished(stream).catch(() => undefined);
  let failed = false;
  stream.on('error', () => (failed = true));
  for (let count = 0; count <= megabytes && !failed; count += 1)
    await new Promise<void>((done) => stream.write(megabyte, () => done()));
  stream.end();
  await isFull;
}
