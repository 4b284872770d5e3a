/**
 * A run of the chaos suite: hosts on one database, clients that use chats and write down what they are told, and faults in
 * between. When all is over and every host is up again, the logs are read, and the checker compares.
 */
import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startDemoModel } from '../../src/demo/demo-model.ts';
import type { Event } from '../../src/protocol/event.ts';
import { migrate } from '../../src/store/migrate.ts';
import { version } from '../../src/version.ts';
import { startOwnPostgres } from '../support/own-postgres.ts';
import { randomOf } from '../support/random.ts';
import { readLog } from '../support/turns.ts';
import { findStaleRows, prepareDatabase } from './audit.ts';
import { ChaosHost, usualProgram } from './chaos-host.ts';
import type { ChaosOptions } from './chaos-options.ts';
import { ChatClient } from './chat-client.ts';
import { checkRun } from './checker/check-run.ts';
import { openDisk } from './disk.ts';
import { playFaults } from './play-faults.ts';
import { planFaults } from './fault-plan.ts';
import { recordModel } from './model-record.ts';
import { chooseNetwork, openNetwork } from './network.ts';
import { openRecords } from './records.ts';
import { raceOnce } from './stale-races.ts';

export interface ChaosReport {
  seed: number;
  network: string;
  networkName: string;
  /** The directory of everything: gone, unless something was found. */
  folder: string;
  disk: boolean;
  seconds: number;
  problems: { kind: string; text: string }[];
  figures: Record<string, number>;
  /** The run directory; null if it is gone. */
  keptIn: string | null;
}

/** How long what was acknowledged may take to be done when all hosts are up again. Long: slowness is no fault. */
const settleLimitMs = 600_000;

export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seed, turns, kills, tell } = options;
  const races = options.hosts > 1 ? options.races : 0;
  const startedAt = new Date();
  const folder = await mkdtemp(join(tmpdir(), 'boocode-chaos-'));
  const runDirectory = join(folder, 'run');
  const workDir = join(folder, 'work');
  for (const path of [runDirectory, workDir, join(runDirectory, 'log')]) mkdirSync(path);
  const records = openRecords(runDirectory, 'runner');
  const modelFile = join(runDirectory, 'model.jsonl');
  const closers: (() => unknown)[] = [];
  tell(`Seed ${seed}: ${turns} turns, ${kills} kills, in ${runDirectory}.`);
  let facts = { network: '', networkName: '', disk: false };
  try {
    facts = await play();
    records.write({ kind: 'end' });
  } catch (error) {
    tell(`The run broke off. What there is of it is in ${folder}.`);
    throw error;
  } finally {
    for (const close of closers.toReversed()) await close();
  }
  const { problems, figures } = await checkRun(runDirectory);
  const isKept = options.keep || problems.length > 0;
  if (!isKept) await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  return {
    seed,
    ...facts,
    folder,
    seconds: Math.round((Date.now() - startedAt.getTime()) / 1000),
    problems,
    figures,
    keptIn: isKept ? runDirectory : null,
  };

  async function play(): Promise<typeof facts> {
    const disk = openDisk(folder);
    closers.push(() => disk?.close());
    const plan = planFaults(options).filter((name) => name !== 'disk-full' || disk !== null);
    const postgres = await startOwnPostgres({
      settings: { listen_addresses: '*', max_connections: '200', max_wal_size: '256MB' },
      ...(disk && { folder: disk.postgres }),
    });
    closers.push(() => postgres.close());
    await migrate(postgres.sql);
    await prepareDatabase(postgres.sql);
    const model = await startDemoModel({ keepRequests: 5_000 });
    closers.push(() => model.close());
    const recordRequests = recordModel(model, modelFile);
    const recording = setInterval(recordRequests, 1_000);
    closers.push(() => clearInterval(recording));
    const network = await openNetwork(options.network ?? chooseNetwork(), {
      hosts: options.hosts,
      databaseUrl: postgres.url,
      modelUrl: model.url,
      folder,
    });
    closers.push(() => network.close());
    tell(`Hosts are connected by ${network.kind}. ${disk ? 'Disks can be filled.' : 'No disk can be filled here.'}`);

    const token = randomBytes(24).toString('base64url');
    const hosts = network.hosts.map((each, slot) => {
      const own = join(folder, `host-${slot + 1}`);
      disk?.mountHost(join(own, 'data'));
      const program = options.program ?? usualProgram();
      return new ChaosHost({ slot, program, network: each, folder: own, workDir, token, modelFile, records });
    });
    closers.push(() => Promise.all(hosts.map((host) => host.end('SIGTERM'))));
    await Promise.all(hosts.map((host) => host.start()));

    const pick = (random: () => number) => (): ChaosHost => hosts[Math.floor(random() * hosts.length)]!;
    /** For races, which are to come about: who waits for a host that is frozen forces none. */
    const pickSteady = (random: () => number, than = '') => {
      const others = hosts.filter(({ name }) => name !== than);
      const steady = others.filter(({ isDisturbed }) => !isDisturbed);
      const from = steady.length > 0 ? steady : others;
      return from[Math.floor(random() * from.length)] ?? hosts[0]!;
    };
    const clients: ChatClient[] = [];
    const racers: ChatClient[] = [];
    async function openClient(kind: 'scripted' | 'real' | 'racing', number: number): Promise<ChatClient> {
      const random = randomOf(seed * 1_000 + number);
      const pickHost = kind === 'racing' ? () => pickSteady(random) : pick(random);
      const agent = kind === 'real' ? { agent: 'claude', backend: 'claude_sdk' } : { agent: 'scripted' };
      const { id } = await pickHost()
        .client(60_000)
        .createChat({ cwd: workDir, ...agent } as { cwd: string });
      return new ChatClient({
        name: `${kind}-${number}`,
        chatId: id,
        runDirectory,
        token,
        pickHost,
        random,
        write: kind === 'real' ? writeReal : writeScripted,
        readers: kind === 'racing' ? 1 : 2,
      });
    }
    const isLong = turns >= 1_000;
    for (let number = 1; number <= (isLong ? 3 : 2); number += 1) clients.push(await openClient('real', number));
    for (let number = 11; number <= (isLong ? 40 : 22); number += 1) clients.push(await openClient('scripted', number));
    for (let number = 101; number <= (races === 0 ? 100 : isLong ? 108 : 103); number += 1)
      racers.push(await openClient('racing', number));
    const everyone = [...clients, ...racers];
    closers.push(() => Promise.all(everyone.map((client) => client.close())));

    // Prompts are spread over the faults.
    const stop = new AbortController();
    const limit = options.minutes === null ? undefined : setTimeout(() => stop.abort(), options.minutes * 60_000);
    closers.push(() => clearTimeout(limit));
    options.signal?.addEventListener('abort', () => stop.abort());
    const progress = { faults: 0, sent: 0, races: 0 };
    const mayGoOn = async (): Promise<boolean> => {
      const allowed = (): number => (turns * (progress.faults + 2)) / Math.max(plan.length, 1);
      while (progress.sent < turns && progress.sent >= allowed() && !stop.signal.aborted) await delay(50);
      if (progress.sent >= turns || stop.signal.aborted) return false;
      progress.sent += 1;
      return true;
    };
    const telling = setInterval(() => {
      const waiting = everyone.reduce((sum, client) => sum + client.open.length, 0);
      tell(
        `${progress.sent}/${turns} prompts, ${progress.faults}/${plan.length} faults, ${progress.races}/${races} races; ` +
          `${waiting} prompts wait.`,
      );
    }, 10_000);
    closers.push(() => clearInterval(telling));

    const race = async (client: ChatClient): Promise<void> => {
      while (progress.races < races && !stop.signal.aborted) {
        const pickOther = (than: string): ChaosHost => pickSteady(Math.random, than);
        const parts = { sql: postgres.sql, records, client, signal: stop.signal, pickOther };
        progress.races += 1;
        if (!(await raceOnce(parts, progress.races))) progress.races -= 1;
      }
    };
    const activities = [
      playFaults({ plan, seed, hosts, postgres, disk, records, runDirectory, signal: stop.signal, tell, progress }),
      ...clients.map((client) => client.drive(mayGoOn)),
      ...racers.map(race),
    ];
    try {
      await Promise.all(activities);
    } catch (error) {
      // What still goes on comes to its end before anything is closed.
      stop.abort();
      await Promise.allSettled(activities);
      throw error;
    }
    clearTimeout(limit);

    tell('Everything is up again; waiting until every prompt has had its turn.');
    for (const client of everyone) for (const reader of client.readers) reader.settle();
    const deadline = performance.now() + settleLimitMs;
    for (const client of everyone) await client.untilQuiet(Math.max(1_000, deadline - performance.now()));
    await readLogs(everyone, hosts, deadline);
    await Promise.all(everyone.map((client) => client.close()));
    recordRequests();
    const stale = await findStaleRows(postgres.sql);
    const rows = stale.reduce((sum, { count }) => sum + count, 0);
    if (rows > 0) records.write({ kind: 'stale', race: 'the whole run', written: rows, rows: stale });
    await Promise.all(hosts.map((host) => host.end('SIGTERM')));
    const runFile = {
      seed,
      hosts: options.hosts,
      turns,
      startedAt: startedAt.toISOString(),
      endedAt: new Date().toISOString(),
      version,
      form: isLong ? 'long' : 'short',
      strict: options.strict,
      network: network.kind,
      clients: everyone.flatMap(({ name, readers }) => [
        name,
        ...readers.map((_, index) => `${name}-reader-${index + 1}`),
      ]),
    };
    writeFileSync(join(runDirectory, 'run.json'), JSON.stringify(runFile, null, 2));
    return { network: network.kind, networkName: network.name, disk: disk !== null };
  }

  /** Over the API of a host that is up, once the readers have been shown as much. */
  async function readLogs(everyone: readonly ChatClient[], hosts: readonly ChaosHost[], deadline: number) {
    for (const { chatId, readers } of everyone) {
      let log: Event[] = [];
      for (;;) {
        const host = hosts.find(({ life }) => life?.hasEnded() === false) ?? hosts[0]!;
        try {
          log = await readLog(host.client(60_000), chatId);
          const head = log.at(-1)?.seq ?? 0;
          if (readers.every(({ seq }) => seq >= head) || performance.now() > deadline) break;
        } catch (error) {
          if (performance.now() > deadline) throw error;
        }
        await delay(200);
      }
      for (const event of log)
        appendFileSync(join(runDirectory, 'log', `${chatId}.jsonl`), `${JSON.stringify(event)}\n`);
    }
  }
}

function writeScripted(promptId: string, random: () => number): string {
  const chance = random();
  if (chance < 0.15) return `${promptId}: ask`;
  if (chance < 0.45) return `${promptId}: stream ${50 + Math.floor(random() * 400)}`;
  return `${promptId}: write ${1 + Math.floor(random() * (chance < 0.55 ? 100 : 12))}`;
}

/** The demo model answers these by its scripts: with a call that asks, or with a sentence. */
function writeReal(promptId: string, random: () => number): string {
  return random() < 0.5
    ? `run: env sleep 0.${Math.floor(random() * 9)}; echo ${promptId}`
    : `Say something about ${promptId}`;
}
