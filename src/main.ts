/**
 * The composition root: config -> store -> agents -> chats -> http. Whatever is opened here is closed here, in the
 * opposite order.
 */
import { randomUUID } from 'node:crypto';
import { endOrphans } from './agents/agent-process.ts';
import { startHostWatcher } from './agents/host-watcher.ts';
import { ChangesElsewhere } from './chats/changes-elsewhere.ts';
import { Doorbell } from './chats/doorbell.ts';
import { drain } from './chats/drain.ts';
import { Heartbeat } from './chats/heartbeat.ts';
import { registerHost } from './chats/register-host.ts';
import { Host } from './chats/host.ts';
import { SearchIndexer } from './chats/search-indexer.ts';
import { HostedChats } from './chats/hosted-chats.ts';
import { Workspaces } from './chats/workspaces/workspaces.ts';
import type { Config } from './config.ts';
import { openDataDirectory } from './data-directory.ts';
import { demoEnvironment } from './demo-environment.ts';
import type { AgentDeclaration } from './agents/agent.ts';
import { openAgents } from './agents/agents.ts';
import { createAccess } from './http/access.ts';
import { createApp } from './http/app.ts';
import { Forwarding } from './http/forwarding.ts';
import { connectionsWithin } from './http/connections.ts';
import { createDoor } from './http/door.ts';
import { listen } from './http/server.ts';
import { createSignInCodes } from './http/sign-in-codes.ts';
import { makeSignInLink } from './http/sign-in-links.ts';
import { systemClock } from './lib/clock.ts';
import type { Log } from './lib/log.ts';
import { memoryReader } from './lib/memory.ts';
import { openFilesLimit } from './lib/open-files-limit.ts';
import { createLogger } from './logger.ts';
import { openStore } from './open-store.ts';
import { checkAddress } from './peers/check-address.ts';
import { followHolder } from './peers/follow-holder.ts';
import { Peers } from './peers/peers.ts';
import { reachableOrigins } from './reachable-origins.ts';
import { leaveNote } from './server-note.ts';
import { settingsInForce } from './settings-in-force.ts';
import { startLimitsOf } from './start-limits.ts';
import { stopHost } from './store/hosts.ts';
import { inTime } from './store/in-time.ts';
import { checkToken, openToken } from './token-file.ts';
import { isWeak } from './token-strength.ts';
import { version } from './version.ts';

export interface RunningServer {
  readonly url: string;
  readonly token: string;
  /** A link that signs in one browser, once, under the address that works from outside if there is one. */
  signInLink(): string;
  /**
   * Hands the chats over within the limit that is set, interrupts what still runs, ends every process, closes the
   * database. Idempotent.
   */
  close(): Promise<void>;
  /** Lets no turn finish any longer; false if `close` does not wait for one. */
  hurry(): boolean;
}

export interface ServerOptions {
  /** Answers come from the scripted demo model. */
  demo: boolean;
  /** The agents of this server, the default one first. Those that BooCode ships, unless given. */
  agents?: readonly AgentDeclaration[];
  /** Milliseconds between the pieces the demo model streams. */
  demoIntervalMs?: number;
  /** The database or the listener is gone for good: nothing can be served anymore. */
  onFatal?: (error: Error) => void;
  /**
   * When aborted, a start is cancelled: whatever was opened is closed, and the start fails with the signal's reason.
   */
  signal?: AbortSignal;
}

/**
 * Opens everything, in order: first what can fail for a reason that needs a person, then the database, last the chats,
 * so that a failed start leaves nothing and uses nothing up. Throws BooError `config_invalid` or `storage_unavailable`
 * with one clear sentence.
 */
export async function startServer(config: Config, options: ServerOptions): Promise<RunningServer> {
  const logger = createLogger(config.logLevel, config.logFormat);
  const closers: (() => Promise<unknown>)[] = [];
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= closeAll(closers, logger));
  const { signal = new AbortController().signal } = options;
  try {
    const publicOrigins = reachableOrigins(config);
    // A token nobody has: this only has to determine which hosts and origins are allowed.
    const access = createAccess({ token: randomUUID(), publicOrigins });
    const door = createDoor({ access, log: logger });
    const server = await listen(door, {
      host: config.host,
      port: config.port,
      log: logger,
      connections: connectionsWithin(openFilesLimit()),
    });
    closers.push(() => server.close());
    const takeBackDataDir = openDataDirectory(config.dataDir);
    closers.push(async () => takeBackDataDir());
    if (config.token === null) checkToken(config.dataDir);
    signal.throwIfAborted();

    const { sql, leaseSql, slow, openListener } = await openStore(config, { logger, closers, signal }, (error) => {
      if (!closing) options.onFatal?.(error);
    });
    signal.throwIfAborted();
    // Not earlier: a refused start gives its reason in one sentence, and nothing else.
    logger.info(settingsInForce(config, options), 'BooCode is starting.');
    const token = config.token ?? openToken(config.dataDir);
    if (isWeak(token)) {
      logger.warn({}, 'The token can be guessed: create a better one, for example with `openssl rand -base64 32`.');
    }
    await endOrphans(logger);
    const watcher = startHostWatcher(logger);
    closers.push(() => watcher.close());

    const agentEnv = options.demo ? await demoEnvironment(config, options, closers) : config.agentEnv;
    const limits = { answerMs: config.agentAnswerMs, startMs: config.agentStartMs };
    const agents = await openAgents(
      {
        env: agentEnv,
        dataDir: config.dataDir,
        logger,
        limits,
        passthrough: config.terminalPassthrough,
        sdkByDefault: options.demo || config.sdkByDefault,
        demo: options.demo,
      },
      options.agents,
    );
    closers.push(() => agents.dispose());

    const { backends } = agents.describe();
    const { dataDir, workspaces: mappings, clones } = config;
    const workspaces = new Workspaces({ dataDir, env: config.agentEnv, mappings, clones });
    const offers = {
      backends: backends.filter(({ available }) => available).map(({ name }) => name),
      workspaces: await workspaces.present(),
      place: workspaces.here,
    };
    // Port 0 is whichever one was free.
    const address = config.advertiseUrl?.replace(/:0(?=\/|$)/, `:${server.port}`) ?? null;
    const hostId = await registerHost(sql, { name: config.hostName, version, address, offers }, logger);
    closers.push(() => inTime(stopHost(sql, hostId), 3_000));
    const peers = new Peers({ sql: leaseSql, hostId, clock: systemClock, logger });
    await peers.start();
    closers.push(() => peers.stop());

    const doorbell = new Doorbell({ sql, hostId, clock: systemClock, logger, openListener });
    closers.push(() => doorbell.stop());
    doorbell.start();
    const readMemory = memoryReader();
    const host = new Host({
      hostId,
      sql,
      leaseSql,
      slow,
      clock: systemClock,
      logger,
      idleTimeoutMs: config.idleTimeoutMs,
      aheadTimeoutMs: 120_000,
      workspaces,
      waitLimits: { quietMs: config.quietMs, modelSilenceMs: config.modelSilenceMs },
      dataDir: config.dataDir,
      drainMs: config.drainMs,
      startLimits: startLimitsOf(config),
      readMemory: config.agentMemoryBytes === 0 ? () => null : readMemory,
      readerBacklogBytes: 4 * 1024 * 1024,
      agents,
      onRenewed: () => watcher.beat(),
      followHolder: (holder, from, gone) => followHolder(peers, holder, from, gone),
      doorbell,
    });
    host.notifier.observe((change) => doorbell.ring(change));
    const changesElsewhere = new ChangesElsewhere({
      sql,
      hostId,
      clock: systemClock,
      logger,
      notifier: host.notifier,
      isHeld: (chatId) => host.find(chatId) !== undefined,
      doorbell,
    });
    closers.push(() => changesElsewhere.stop());
    const heartbeat = new Heartbeat({
      sql: leaseSql,
      hostId,
      clock: systemClock,
      logger,
      counts: () => host.counts,
      readMemory,
      onOthers: (areUp) => doorbell.noteOthers(areUp),
    });
    heartbeat.start();
    closers.push(() => heartbeat.stop());
    closers.push(() => drain(host, [leaseSql, sql]));
    // Before that: who waits for a clone waits no longer.
    closers.push(() => workspaces.close());
    const startedAt = new Date().toISOString();
    const chats = new HostedChats({
      sql,
      slow,
      host,
      changesElsewhere,
      dataDir: config.dataDir,
      workspaces,
      resumeAtReset: config.resumeAtReset,
      logger,
      agents,
      describe: () => ({
        name: 'boocode',
        version,
        demo: options.demo,
        startedAt,
      }),
    });
    const searchIndexer = new SearchIndexer({ slow, clock: systemClock, logger });
    searchIndexer.start();
    closers.push(() => searchIndexer.stop());

    const signInCodes = createSignInCodes();
    const links = { codes: signInCodes, publicOrigins, clock: systemClock };
    const app = createApp({
      chats,
      access: { token, publicOrigins },
      signInCodes,
      forwarding: new Forwarding({ chats, peers, hostId, clock: systemClock, log: logger }),
      agentSignIn: agents.default.signIn,
      log: logger,
    });
    // Again: requests end before what answers them.
    closers.push(() => server.close());
    signal.throwIfAborted();
    await leaveNote(config.dataDir, { url: server.url, pid: process.pid, startedAt, demo: options.demo }, closers);
    let isHandingOver = false;
    const handOver = async (): Promise<void> => {
      isHandingOver = true;
      logger.info({ drainMs: config.drainMs }, 'Stopping once running turns have finished; a second signal ends them.');
      await host.draining.start();
      isHandingOver = false;
    };
    // While it is still served: readers stay, questions are answered.
    if (config.drainMs > 0) closers.push(handOver);
    await host.start(signal);
    signal.throwIfAborted();
    door.open(app);
    logger.info({ url: server.url, hostId }, 'BooCode is ready.');
    if (address !== null) void checkAddress({ sql: leaseSql, peers, hostId, address, logger });
    else if (peers.hasOthers) {
      logger.info({}, 'Other hosts share this database, and cannot reach this one: see --advertise-url.');
    }
    const hurry = (): boolean => {
      const isFirst = isHandingOver;
      isHandingOver = false;
      if (isFirst) void host.draining.start(0);
      return isFirst;
    };
    return { url: server.url, token, close, hurry, signInLink: () => makeSignInLink(links, server.url).url };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Runs every step, even if an earlier one failed. */
async function closeAll(closers: readonly (() => Promise<unknown>)[], logger: Log): Promise<void> {
  // Not everything we wait for keeps a process alive: without this it would exit early, with code 13.
  const alive = setInterval(() => undefined, 60_000);
  for (const close of closers.toReversed()) {
    try {
      await close();
    } catch (error) {
      logger.error({ err: error }, 'A part of the server did not close cleanly.');
    }
  }
  clearInterval(alive);
}
