/**
 * Plays a plan of faults, several at a time, each on a host that nothing else is done to. One host is always left alone,
 * for a minute each, so that there is one that can take what the others leave behind; and in every other minute the
 * database is left alone too.
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { commandLine } from '../../src/lib/process-identity.ts';
import type { OwnPostgres } from '../support/own-postgres.ts';
import { randomOf } from '../support/random.ts';
import type { ChaosHost } from './chaos-host.ts';
import type { Disk } from './disk.ts';
import { faults } from './faults.ts';
import type { FaultName } from './fault-plan.ts';
import { familyOf, leftOf } from './host-processes.ts';
import { openRecords, type Records } from './records.ts';
import { watchTakeovers } from './takeovers.ts';

export interface FaultParts {
  plan: readonly FaultName[];
  seed: number;
  hosts: readonly ChaosHost[];
  postgres: OwnPostgres;
  disk: Disk | null;
  records: Records;
  runDirectory: string;
  signal: AbortSignal;
  readonly tell: (line: string) => void;
  progress: { faults: number };
}

/** When something was disturbed: a host, or all of them through the database. */
interface Disturbance {
  what: string;
  fromMs: number;
  toMs: number;
}

/** What needs a moment after a fault is not yet as before: a host that comes back looks for work, leases are renewed. */
const recoveryMs = 3_000;
const eraMs = 60_000;
/** How far ahead of the plan's order a fault is taken whose turn it is not yet. */
const lookAhead = 8;
const leftAfterMs = 10_000;

export async function playFaults(parts: FaultParts): Promise<void> {
  const { plan, hosts, postgres, disk, records, signal, tell, progress } = parts;
  const notes = openRecords(join(parts.runDirectory, 'notes'), 'runner');
  const random = randomOf(parts.seed + 77);
  const free = new Set(hosts);
  const disturbances: Disturbance[] = [];
  const watching: Promise<unknown>[] = [];
  const pending = [...plan];
  let isDatabaseBusy = false;
  const startedMs = performance.now();
  const era = (): number => Math.floor((performance.now() - startedMs) / eraMs);
  const mayDisturb = (host: ChaosHost): boolean => hosts.length === 1 || host !== hosts[era() % hosts.length];
  const mayDisturbDatabase = (): boolean => !isDatabaseBusy && (era() % 2 === 0 || pending.every(isOfDatabase));

  const wasPossibleSince = (sinceMs: number, except: string): boolean => {
    const since = disturbances.filter(({ toMs }) => toMs + recoveryMs > sinceMs);
    if (since.some(({ what }) => what === 'database')) return false;
    return hosts.some(({ name }) => name !== except && !since.some(({ what }) => what === name));
  };

  async function play(name: FaultName, host: ChaosHost): Promise<void> {
    const ofDatabase = isOfDatabase(name);
    const disturbance = { what: ofDatabase ? 'database' : host.name, fromMs: Date.now(), toMs: Infinity };
    disturbances.push(disturbance);
    if (!ofDatabase) host.isDisturbed = true;
    const note = (detail: string): void =>
      records.write({ kind: 'fault', fault: name, host: ofDatabase ? null : host.name, detail });
    const { life } = host;
    const family = name === 'kill' && life ? familyOf(life.identity) : [];
    const onStruck = (isGone: boolean): void => {
      if (!life) return;
      const atMs = Date.now();
      if (life.hostId !== undefined) {
        const struck = { host: host.name, hostId: life.hostId, atMs };
        watching.push(watchTakeovers({ sql: postgres.sql, records, notes, wasPossibleSince }, struck));
      }
      if (isGone) watching.push(lookWhatIsLeft());
    };
    const lookWhatIsLeft = async (): Promise<void> => {
      if (!life) return;
      await life.ended;
      await delay(leftAfterMs);
      const pids = leftOf(life.identity, family);
      records.write({ kind: 'left', host: host.name, pids, commands: pids.map(commandLine) });
    };
    try {
      // Disks are the host's or the database's; both count as the database's here.
      await faults[name]({ host, hosts, postgres, disk, random, note, onStruck });
    } finally {
      disturbance.toMs = Date.now();
      if (!ofDatabase) host.isDisturbed = false;
      progress.faults += 1;
    }
  }

  async function lane(): Promise<void> {
    while (pending.length > 0 && !signal.aborted) {
      const candidates = [...free].filter(mayDisturb);
      const index = pending
        .slice(0, lookAhead)
        .findIndex((name) => (isOfDatabase(name) ? mayDisturbDatabase() : candidates.length > 0));
      if (index < 0) {
        await delay(100);
        continue;
      }
      const [name] = pending.splice(index, 1) as [FaultName];
      const host = candidates[Math.floor(random() * candidates.length)] ?? hosts[0]!;
      if (isOfDatabase(name)) isDatabaseBusy = true;
      else free.delete(host);
      try {
        await play(name, host);
        tell(`${name} on ${isOfDatabase(name) ? 'the database' : host.name}: ${progress.faults}/${plan.length}`);
      } finally {
        if (isOfDatabase(name)) isDatabaseBusy = false;
        else free.add(host);
      }
      await delay(200 + random() * (isOfDatabase(name) ? 6_000 : 1_500), undefined, { signal }).catch(() => undefined);
    }
  }

  // Every chat has begun to work by then.
  await delay(3_000);
  // One at a time per host, and one for the database.
  await Promise.all(Array.from({ length: hosts.length }, lane));
  await Promise.all(watching);
}

const isOfDatabase = (name: FaultName): boolean => name.startsWith('postgres-') || name === 'disk-full';
