/**
 * The composition root: store -> agents -> chats -> http. What comes before, and closes whatever is opened here in the
 * opposite order, is in `start-server.ts`, which loads this while the database starts.
 */
import { hostname } from 'node:os';
import { AuditLog } from './chats/audit-log.ts';
import { PlanWindows } from './chats/limits/plan-usage.ts';
import { endOrphans } from './agents/agent-process.ts';
import { startHostWatcher } from './agents/host-watcher.ts';
import { Bypass } from './chats/bypass.ts';
import { ChangesElsewhere } from './chats/changes-elsewhere.ts';
import { Doorbell } from './chats/doorbell.ts';
import { drain } from './chats/drain.ts';
import { Heartbeat } from './chats/heartbeat.ts';
import { registerHost } from './chats/register-host.ts';
import { Host } from './chats/host.ts';
import { SandboxFloor } from './chats/sandbox-floor.ts';
import { SecretKeys } from './chats/secrets/secret-keys.ts';
import { Secrets } from './chats/secrets/secrets.ts';
import { SearchIndexer } from './chats/search-indexer.ts';
import { HostedChats } from './chats/hosted-chats.ts';
import { SharedBudgets } from './chats/shared-budgets.ts';
import { StoredSharing } from './chats/sharing.ts';
import { WorkPlaces } from './chats/work-places.ts';
import { Workspaces } from './chats/workspaces/workspaces.ts';
import type { Config } from './config.ts';
import { exposureOf } from './exposure.ts';
import { openAgents } from './agents/agents.ts';
import { parseHostRule } from './agents/sandbox/host-rules.ts';
import { createApp } from './http/app.ts';
import { Forwarding } from './http/forwarding.ts';
import { makeSignInLink } from './http/sign-in-links.ts';
import { systemClock } from './lib/clock.ts';
import type { Log } from './lib/log.ts';
import type { Redaction } from './lib/redaction.ts';
import { memoryReader } from './lib/memory.ts';
import { BooError } from './protocol/error.ts';
import { checkAddress } from './peers/check-address.ts';
import { followHolder } from './peers/follow-holder.ts';
import { Peers } from './peers/peers.ts';
import { Grants } from './people/grants.ts';
import { Passkeys } from './people/passkeys.ts';
import { People } from './people/people.ts';
import { ownersGrant, SignIns } from './people/sign-ins.ts';
import { ShareLinks } from './people/share-links.ts';
import { SingleSignOn } from './people/single-sign-on.ts';
import { leaveNote } from './server-note.ts';
import { settingsInForce } from './settings-in-force.ts';
import { startLimitsOf } from './start-limits.ts';
import { chatsMissing } from './store/chats.ts';
import { stopHost } from './store/hosts.ts';
import { inTime } from './store/in-time.ts';
import { openToken, replaceToken } from './token-file.ts';
import { isWeak } from './token-strength.ts';
import { version } from './version.ts';
import type { Door } from './http/door.ts';
import type { HttpServer } from './http/server.ts';
import type { Store } from './open-store.ts';
import type { RunningServer, ServerOptions } from './server-options.ts';

export interface ServerParts {
  config: Config;
  options: ServerOptions;
  store: Store;
  server: HttpServer;
  door: Door;
  publicOrigins: readonly string[];
  logger: Log;
  /** Of the logger. */
  redaction: Redaction;
  closers: (() => Promise<unknown>)[];
  close: () => Promise<void>;
  signal: AbortSignal;
}

/**
 * The chats come last, so that a failed start uses nothing up. What closes it all is added to `closers`; the
 * caller closes it if this fails.
 */
export async function serveChats(parts: ServerParts): Promise<RunningServer> {
  const { config, options, store, server, door, publicOrigins, logger, closers, close, signal } = parts;
  const { sql, leaseSql, slow, openListener } = store;
  // Not earlier: a refused start gives its reason in one sentence, and nothing else.
  logger.info(settingsInForce(config, options), 'BooCode is starting.');
  const ownToken = { current: config.token ?? openToken(config.dataDir) };
  if (isWeak(ownToken.current)) {
    logger.warn({}, 'The token can be guessed: create a better one, for example with `openssl rand -base64 32`.');
  }
  const exposed = exposureOf(config);
  if (exposed) logger.warn({}, `${exposed.problem} ${exposed.fix}`);
  const hostName = config.hostName ?? hostname();
  const audit = new AuditLog({ sql, slow, clock: systemClock, logger, host: hostName });
  closers.push(() => audit.close());
  await endOrphans(logger);
  const watcher = startHostWatcher(logger);
  closers.push(() => watcher.close());

  const agentEnv = options.demo
    ? await (await import('./demo-environment.ts')).demoEnvironment(config, options, closers)
    : config.agentEnv;
  const limits = { answerMs: config.agentAnswerMs, startMs: config.agentStartMs };
  const planWindows = new PlanWindows({ sql, host: hostName, clock: systemClock, logger });
  const agents = await openAgents(
    {
      env: agentEnv,
      dataDir: config.dataDir,
      sandbox: {
        mode: config.sandbox,
        readable: config.sandboxRead,
        writable: config.sandboxWrite,
        secretFiles: [
          config.tokenFile,
          config.tls?.key,
          config.secretsKeyFile,
          config.singleSignOn?.clientSecretFile,
        ].filter((path) => typeof path === 'string'),
        network: config.sandboxNetwork,
        hosts: config.sandboxHosts.map(parseHostRule).filter((rule) => rule !== undefined),
      },
      logger,
      limits,
      passthrough: config.terminalPassthrough,
      sdkByDefault: options.demo || config.sdkByDefault,
      demo: options.demo,
      onPlanUsage: (agent, windows) => planWindows.note(agent, windows),
    },
    options.agents,
  );
  closers.push(() => agents.dispose());

  const { backends } = agents.describe();
  const { dataDir, workspaces: mappings, clones } = config;
  const places = new WorkPlaces({ dataDir, roots: config.workspaceRoots, programs: agents.privateDirectories });
  const workspaces = new Workspaces({ dataDir, places, env: config.agentEnv, mappings, clones });
  const keys = new SecretKeys(config.secretsKeyFile);
  const secrets = new Secrets({
    sql,
    keys,
    refuses: (name) => agents.all.some((agent) => agent.refusesVariable?.(name) ?? false),
    logger,
    ofLog: parts.redaction,
  });
  const bypass = new Bypass(config.bypassPermissions, config.sandbox);
  const sandbox = new SandboxFloor({
    mode: config.sandbox,
    network: config.sandboxNetwork,
    directories: config.sandboxDirectories,
  });
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
  const budgets = new SharedBudgets({
    sql,
    clock: systemClock,
    logger,
    defaults: { day: config.budgetDayUsd, server: config.budgetServerUsd },
  });
  await budgets.start();
  closers.push(() => Promise.resolve(budgets.stop()));
  secrets.check().catch((err: unknown) => logger.warn({ err }, 'Whether secrets can be read was not looked at.'));
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
    bypass,
    sandbox,
    waitLimits: { quietMs: config.quietMs, modelSilenceMs: config.modelSilenceMs },
    dataDir: config.dataDir,
    drainMs: config.drainMs,
    startLimits: startLimitsOf(config),
    readMemory: config.agentMemoryBytes === 0 ? () => null : readMemory,
    readerBacklogBytes: 4 * 1024 * 1024,
    agents,
    budgets,
    secrets,
    onRenewed: () => watcher.beat(),
    followHolder: (holder, from, gone) => followHolder(peers, holder, from, gone),
    doorbell,
  });
  secrets.onChosen = (chatId) => host.find(chatId)?.renewAgent();
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
    bypass,
    budgetUsd: config.budgetChatUsd,
    sandbox,
    budgets,
    logger,
    agents,
    describe: () => ({
      name: 'boocode',
      version,
      demo: options.demo,
      startedAt,
    }),
  });
  closers.push(() => chats.worktrees.settled());
  const searchIndexer = new SearchIndexer({ slow, clock: systemClock, logger });
  searchIndexer.start();
  closers.push(() => searchIndexer.stop());

  const grants = new Grants({ sql, clock: systemClock, logger });
  grants.observe((isEnded) => server.connections.end(isEnded));
  grants.start();
  closers.push(async () => grants.stop());
  const people = new People({ sql, grants, logger });
  const signInCodes = new SignIns({ sql, grants, logger });
  const passkeys = new Passkeys({ sql, codes: signInCodes, clock: systemClock, logger });
  const singleSignOn =
    config.singleSignOn && new SingleSignOn({ settings: config.singleSignOn, sql, grants, clock: systemClock, logger });
  const links = { codes: signInCodes, publicOrigins, clock: systemClock };
  const app = createApp({
    chats,
    access: { token: ownToken, grants, publicOrigins, tls: config.tls !== null },
    basePath: config.basePath,
    quotas: config.quotas,
    signInCodes,
    people,
    passkeys,
    singleSignOn: singleSignOn ?? undefined,
    async rotateToken({ endSessions }) {
      if (config.token !== null) throw setOnPurpose();
      ownToken.current = replaceToken(config.dataDir);
      grants.end(({ by }) => by === 'server');
      // The token is replaced in any case; codes last for minutes.
      await signInCodes
        .endServers()
        .catch((err: unknown) => logger.warn({ err }, 'Sign-in links of the former token may work until they expire.'));
      logger.info({ endSessions }, 'The server’s own token was replaced.');
      if (endSessions) await people.endOwners();
    },
    forwarding: new Forwarding({ chats, peers, hostId, clock: systemClock, log: logger }),
    agentSignIn: agents.default.signIn,
    audit,
    secrets,
    sharing: new StoredSharing({ sql }),
    shareLinks: new ShareLinks({ sql, logger }),
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
  setImmediate(() => agents.prepare());
  chats.worktrees
    .sweep()
    .catch((err: unknown) => logger.warn({ err }, 'Worktrees that were being made were not looked for.'));
  workspaces.changes
    .sweep((chatIds) => chatsMissing(sql, chatIds))
    .catch((err: unknown) => logger.warn({ err }, 'What is left of deleted chats was not looked for.'));
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
  return {
    url: server.url,
    token: ownToken.current,
    close,
    hurry,
    signInLink: () => makeSignInLink(links, ownersGrant, server.url).link.url,
  };
}

function setOnPurpose(): BooError {
  const where = 'The server’s token was set with BOOCODE_TOKEN or --token-file';
  return new BooError('invalid_request', `${where}: change it there, and start the server again.`);
}
