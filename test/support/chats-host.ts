import { randomUUID } from 'node:crypto';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agents } from '../../src/agents/agents.ts';
import { ChangesElsewhere } from '../../src/chats/changes-elsewhere.ts';
import { Host, type HostParts } from '../../src/chats/host.ts';
import { HostedChats } from '../../src/chats/hosted-chats.ts';
import type { Chats, Reader } from '../../src/chats/chats.ts';
import { type Clock, systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { type SandboxDirectory, SandboxFloor } from '../../src/chats/sandbox-floor.ts';
import type { SandboxMode, SandboxNetworkMode } from '../../src/protocol/sandbox.ts';
import type { Chat, CreateChat } from '../../src/protocol/chat.ts';
import type { Event, EventOf, EventType, FeedItem } from '../../src/protocol/event.ts';
import type { LogCursor } from '../../src/protocol/log-cursor.ts';
import { openDatabase, type Sql } from '../../src/store/database.ts';
import { SharedBudgets, type SharedLimits } from '../../src/chats/shared-budgets.ts';
import { Workspaces } from '../../src/chats/workspaces/workspaces.ts';
import { readEvents } from '../../src/store/events.ts';
import { insertHost, stopHost } from '../../src/store/hosts.ts';
import { SlowLane } from '../../src/store/slow-lane.ts';
import { asOwner, type OwnersChats } from './owners-chats.ts';
import { type ScriptedAgent, scriptedAgent } from './scripted-agent.ts';
import { ScriptedBackend } from './scripted-backend.ts';
import { until } from './until.ts';

export interface ChatsHost {
  readonly id: string;
  readonly host: Host;
  readonly changesElsewhere: ChangesElsewhere;
  /** As its owner uses them. */
  readonly chats: OwnersChats;
  /** The same, with an actor given in each call. */
  readonly everyones: Chats;
  readonly agent: ScriptedAgent;
  /** Runs the chats of `claude_sdk`. */
  readonly backend: ScriptedBackend;
  /** The host's own pool. */
  readonly sql: Sql;
  readonly slow: SlowLane;
  /** An empty directory, by its real path. */
  readonly cwd: string;
  createChat(input?: Partial<CreateChat>): Promise<Chat>;
  /** The whole log, as stored. */
  log(chatId: string): Promise<Event[]>;
  /** Waits until the log contains this many events of a type, and returns them. */
  events<T extends EventType>(chatId: string, type: T, count?: number): Promise<EventOf<T>[]>;
  /** Follows a chat and keeps what arrives. */
  follow(chatId: string, after?: LogCursor): Promise<Following>;
  /** Stops the host cleanly and releases every lease. */
  close(): Promise<void>;
  /** Like SIGKILL: its connections are cut and it does nothing more. Its leases stay as they are. */
  kill(): Promise<void>;
}

export interface ChatsHostOptions extends Partial<
  Omit<HostParts, 'sql' | 'leaseSql' | 'slow' | 'hostId' | 'agents' | 'budgets' | 'sandbox'>
> {
  backend?: ScriptedBackend;
  /** Another backend, to which chats can be flipped. */
  other?: ScriptedBackend;
  /** The database's address; the test database's own by default. */
  url?: string;
  clock?: Clock;
  /** For people and pins; none by default. */
  name?: string;
  /** Where other hosts reach it. */
  address?: string;
  /** The server's own setting for new chats. */
  resumeAtReset?: boolean;
  budgetUsd?: number | null;
  sandbox?: SandboxMode;
  sandboxNetwork?: SandboxNetworkMode;
  sandboxDirectories?: readonly SandboxDirectory[];
  /** The server's own budgets of all chats. */
  budgets?: Partial<SharedLimits>;
}

/** A host on a test database, with a scripted backend. */
export async function openChatsHost(url: string, options: ChatsHostOptions = {}): Promise<ChatsHost> {
  const {
    backend = new ScriptedBackend(),
    other,
    url: ownUrl = url,
    dataDir = '/nonexistent',
    resumeAtReset = false,
    name,
    address = null,
    budgets: defaults,
    budgetUsd = null,
    sandbox = 'off',
    sandboxNetwork = 'open',
    sandboxDirectories = [],
    workspaces = new Workspaces({ dataDir, env: process.env }),
    ...parts
  } = options;
  const id = randomUUID();
  const sql = openDatabase(ownUrl, { max: 6 });
  const leaseSql = openDatabase(ownUrl, { max: 1 });
  const slow = new SlowLane(openDatabase(ownUrl, { max: 2, oneAtATime: true }));
  const cwd = await realpath(await mkdtemp(join(tmpdir(), 'boocode-chats-')));
  await insertHost(sql, {
    id,
    machine: 'test',
    ...(name !== undefined && { name }),
    address,
    pid: process.pid,
    pidStarted: id,
    version: '0',
  });
  const agent = scriptedAgent(other ? [backend, other] : [backend]);
  const agents = new Agents([agent]);
  const { clock = systemClock, logger = silentLog } = parts;
  // It looks for other budgets by itself: not by the clock of a test that has none.
  const budgets = new SharedBudgets({
    sql,
    clock: defaults ? clock : systemClock,
    logger,
    defaults: { day: null, server: null, ...defaults },
  });
  await budgets.start();
  const floor = new SandboxFloor({ mode: sandbox, network: sandboxNetwork, directories: sandboxDirectories });
  const host = new Host({
    clock: systemClock,
    logger: silentLog,
    idleTimeoutMs: 600_000,
    aheadTimeoutMs: 120_000,
    waitLimits: { quietMs: 10_000, modelSilenceMs: 0 },
    startLimits: { startsAtOnce: 4, agentBytes: 0, reserveBytes: null },
    readMemory: () => null,
    readerBacklogBytes: 1024 * 1024,
    dataDir,
    sandbox: floor,
    drainMs: 0,
    workspaces,
    ...parts,
    hostId: id,
    sql,
    leaseSql,
    slow,
    agents,
    budgets,
  });
  const isHeld = (chatId: string): boolean => host.find(chatId) !== undefined;
  const changesElsewhere = new ChangesElsewhere({ sql, hostId: id, clock, logger, notifier: host.notifier, isHeld });
  const chats = new HostedChats({
    sql,
    slow,
    host,
    changesElsewhere,
    dataDir,
    workspaces,
    resumeAtReset,
    ...(parts.bypass && { bypass: parts.bypass }),
    budgetUsd,
    sandbox: floor,
    budgets,
    logger: parts.logger ?? silentLog,
    agents,
    describe: () => ({
      name: 'boocode',
      version: '0',
      demo: false,
      startedAt: new Date(0).toISOString(),
    }),
  });
  await host.start();

  const log = (chatId: string): Promise<Event[]> => readEvents(sql, chatId, { after: 0, limit: 1_000_000 });
  return {
    id,
    host,
    changesElsewhere,
    chats: asOwner(chats),
    everyones: chats,
    agent,
    backend,
    sql,
    slow,
    cwd,
    createChat: (input = {}) => chats.createChat({ cwd, ...input }),
    log,
    async events<T extends EventType>(chatId: string, type: T, count = 1) {
      return until(
        async () => {
          const found = (await log(chatId)).filter((event): event is EventOf<T> => event.type === type);
          return found.length >= count ? found : null;
        },
        { what: `${count} times ${type} in the log` },
      );
    },
    follow: async (chatId, after = 0) => new Following(await chats.follow(chatId, { after })),
    async close() {
      budgets.stop();
      await host.drain();
      await changesElsewhere.stop();
      await backend.dispose();
      await other?.dispose();
      await stopHost(sql, id);
      // After an outage the driver waits for connections that are gone.
      await Promise.all([sql, leaseSql, slow.sql].map((each) => each.end({ timeout: 1 })));
      await rm(cwd, { recursive: true, force: true });
    },
    async kill() {
      budgets.stop();
      void changesElsewhere.stop();
      await Promise.all([sql, leaseSql, slow.sql].map((each) => each.end({ timeout: 0 })));
      await rm(cwd, { recursive: true, force: true });
    },
  };
}

/** A reader that keeps everything it gets. */
export class Following {
  readonly items: FeedItem[] = [];
  /** Resolves when the feed has ended. */
  readonly ended: Promise<void>;
  readonly #reader: Reader;

  constructor(reader: Reader) {
    this.#reader = reader;
    this.ended = this.#read();
    // Whoever awaits the end gets the failure; nobody has to.
    this.ended.catch(() => undefined);
  }

  get events(): Event[] {
    return this.items.flatMap((item) => (item.kind === 'event' ? [item.event] : []));
  }

  /** All streamed text, joined. */
  get deltaText(): string {
    return this.items
      .flatMap((item) => (item.kind === 'delta' && 'content' in item.delta ? [item.delta.content.text] : []))
      .join('');
  }

  /** Waits for a matching item. */
  until(fits: (item: FeedItem) => boolean, what = 'an item of the feed'): Promise<FeedItem> {
    return until(() => this.items.find(fits), { what });
  }

  untilSeq(seq: number): Promise<FeedItem> {
    return this.until((item) => item.kind === 'event' && item.event.seq >= seq, `seq ${seq}`);
  }

  close(): Promise<void> {
    this.#reader.close();
    return this.ended;
  }

  async #read(): Promise<void> {
    for await (const item of this.#reader.items) this.items.push(item);
  }
}

/** Invariant of every log: dense seqs from 1. */
export function assertDense(events: readonly Event[]): void {
  const seqs = events.map((event) => event.seq);
  const wrong = seqs.findIndex((seq, index) => seq !== index + 1);
  if (wrong !== -1) throw new Error(`The log is not dense: position ${wrong + 1} has seq ${seqs[wrong]}.`);
}

/** Invariant of every idle chat: each started turn has finished, exactly once. */
export function assertTurnsFinished(events: readonly Event[]): void {
  const ids = (type: 'turn_started' | 'turn_finished'): string[] =>
    events.flatMap((event) => (event.type === type ? [event.turnId] : [])).toSorted();
  const [started, ended] = [ids('turn_started'), ids('turn_finished')];
  if (JSON.stringify(started) !== JSON.stringify(ended)) {
    throw new Error(`Turns started: ${started.join(', ')}. Turns finished: ${ended.join(', ')}.`);
  }
}
