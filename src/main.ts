/**
 * The composition root: config -> store -> agents -> chats -> http. Whatever is opened here is closed here, in the
 * opposite order.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, hostname } from 'node:os';
import { join } from 'node:path';
import { endOrphans } from './agents/agent-process.ts';
import { startHostWatcher } from './agents/host-watcher.ts';
import { drain } from './chats/drain.ts';
import { Host } from './chats/host.ts';
import { SearchIndexer } from './chats/search-indexer.ts';
import { HostedChats } from './chats/hosted-chats.ts';
import { type Config, isLoopback } from './config.ts';
import { openDataDirectory } from './data-directory.ts';
import { startDemoModel } from './demo/demo-model.ts';
import type { AgentDeclaration } from './agents/agent.ts';
import { declaredAgents, openAgents } from './agents/agents.ts';
import { createAccess } from './http/access.ts';
import { createApp } from './http/app.ts';
import { connectionsWithin } from './http/connections.ts';
import { createDoor } from './http/door.ts';
import { listen } from './http/server.ts';
import { createSignInCodes } from './http/sign-in-codes.ts';
import { makeSignInLink } from './http/sign-in-links.ts';
import { systemClock } from './lib/clock.ts';
import type { Log } from './lib/log.ts';
import { openFilesLimit } from './lib/open-files-limit.ts';
import { identifyProcess, isAlive } from './lib/process-identity.ts';
import { createLogger } from './logger.ts';
import { openStore } from './open-store.ts';
import { BooError, toBooError } from './protocol/error.ts';
import { databasePlace } from './store/database-address.ts';
import type { Sql } from './store/database.ts';
import { guardDriver } from './store/driver-guard.ts';
import { findUnstoppedHosts, insertHost, stopHost } from './store/hosts.ts';
import { inTime } from './store/in-time.ts';
import { checkToken, openToken } from './token-file.ts';
import { isWeak } from './token-strength.ts';
import { version } from './version.ts';

export interface RunningServer {
  readonly url: string;
  readonly token: string;
  /** A link that signs in one browser, once, under the address that works from outside if there is one. */
  signInLink(): string;
  /** Interrupts running turns, ends every process, closes the database. Idempotent. */
  close(): Promise<void>;
}

export interface ServerOptions {
  /** Answers come from the scripted demo model. */
  demo: boolean;
  /** The agents of this server, the default one first. Those that BooCode ships, unless given. */
  agents?: readonly AgentDeclaration[];
  /** Milliseconds between the pieces the demo model streams. */
  demoIntervalMs?: number;
  /** The database or the listener is gone for good: nothing can be served any more. */
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
    // A token nobody has: it only has to say which hosts and origins are allowed.
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

    const { sql, leaseSql, slow } = await openStore(config, { logger, closers, signal }, (error) => {
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

    const hostId = await enrol(sql);
    closers.push(() => inTime(stopHost(sql, hostId), 3_000));

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

    const host = new Host({
      hostId,
      sql,
      leaseSql,
      slow,
      clock: systemClock,
      logger,
      idleTimeoutMs: config.idleTimeoutMs,
      waitLimits: { quietMs: config.quietMs, modelSilenceMs: config.modelSilenceMs },
      dataDir: config.dataDir,
      warmingAtOnce: Math.max(2, availableParallelism()),
      readerBacklogBytes: 4 * 1024 * 1024,
      agents,
    });
    closers.push(() => drain(host, [leaseSql, sql]));
    const startedAt = new Date().toISOString();
    const chats = new HostedChats({
      sql,
      slow,
      host,
      dataDir: config.dataDir,
      resumeAtReset: config.resumeAtReset,
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
      agentSignIn: agents.default.signIn,
      log: logger,
    });
    // Again: requests end before what answers them.
    closers.push(() => server.close());
    signal.throwIfAborted();
    await leaveNote(config.dataDir, { url: server.url, pid: process.pid, startedAt, demo: options.demo }, closers);
    await host.start(signal);
    signal.throwIfAborted();
    door.open(app);
    logger.info({ url: server.url, hostId }, 'BooCode is ready.');
    return { url: server.url, token, close, signInLink: () => makeSignInLink(links, server.url).url };
  } catch (error) {
    await close();
    throw error;
  }
}

/** As logged, without anything that may be secret: only the location of the database's address. */
function settingsInForce(config: Config, { demo }: ServerOptions): object {
  const { databaseUrl, token } = config;
  return {
    version,
    node: process.version,
    demo,
    host: config.host,
    port: config.port,
    publicOrigins: config.publicOrigins,
    dataDir: config.dataDir,
    database: databaseUrl === null ? 'embedded' : databasePlace(databaseUrl),
    token: token === null ? 'created here' : 'set on purpose',
    sdkByDefault: config.sdkByDefault,
    idleTimeoutMs: config.idleTimeoutMs,
    quietMs: config.quietMs,
    agentAnswerMs: config.agentAnswerMs,
    agentStartMs: config.agentStartMs,
    modelSilenceMs: config.modelSilenceMs,
    resumeAtReset: config.resumeAtReset,
    agentEnvNames: config.agentEnvNames,
    terminalPassthrough: config.terminalPassthrough,
    logLevel: config.logLevel,
  };
}

/** Serves until a signal arrives; returns the exit code. */
export async function runServer(config: Config, options: { demo: boolean }): Promise<number> {
  const stop = nextStop();
  guardDriver(createLogger(config.logLevel, config.logFormat));
  const { signal } = stop;
  const server = await startServer(config, { ...options, demoIntervalMs: 25, onFatal: stop.fail, signal }).catch(
    (error: unknown) => {
      // Asked to stop before it was ready: everything that had been opened is closed.
      if (signal.aborted) return undefined;
      throw error;
    },
  );
  if (server === undefined) return 0;
  process.stdout.write(`BooCode is ready: ${server.url}\n`);
  process.stdout.write(`Sign in with a browser, once: ${server.signInLink()}\n`);
  if (options.demo) process.stderr.write('Answers come from the scripted demo model: no account is used.\n');
  try {
    await stop.asked;
    return 0;
  } catch (error) {
    process.stderr.write(`${toBooError(error).message}\n`);
    return 1;
  } finally {
    await server.close();
  }
}

/** The first signal requests an orderly stop; the second one does not wait. */
function nextStop(): { asked: Promise<void>; signal: AbortSignal; fail: (error: Error) => void } {
  const abort = new AbortController();
  let fail = (_error: Error): void => {};
  const asked = new Promise<void>((resolve, reject) => {
    fail = reject;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      let seen = false;
      process.on(signal, () => {
        if (seen) process.exit(1);
        seen = true;
        abort.abort();
        resolve();
      });
    }
  });
  // A failure before anybody waits is reported to whoever waits later.
  asked.catch(() => undefined);
  return { asked, signal: abort.signal, fail: (error) => fail(error) };
}

/** Registers this process as a host, and immediately frees what dead hosts of this machine still hold. */
async function enrol(sql: Sql): Promise<string> {
  const self = identifyProcess(process.pid);
  const id = randomUUID();
  const machine = machineName();
  await insertHost(sql, { id, machine, pid: process.pid, pidStarted: self?.startedAt ?? '', version });
  for (const other of await findUnstoppedHosts(sql, machine)) {
    const isDead = !isAlive({ pid: other.pid, startedAt: other.pidStarted });
    if (other.id !== id && isDead) await stopHost(sql, other.id);
  }
  return id;
}

/** Where a process id is valid: on Linux only within its process namespace. */
function machineName(): string {
  try {
    return `${hostname()}/${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}

/** The agents of a demo reach only the demo model, and leave the user's own settings alone. */
async function demoEnvironment(
  config: Config,
  options: ServerOptions,
  closers: (() => Promise<unknown>)[],
): Promise<Record<string, string>> {
  const apiKey = `demo-${randomBytes(16).toString('hex')}`;
  const model = await startDemoModel({ apiKey, intervalMs: options.demoIntervalMs ?? 0 });
  closers.push(() => model.close());
  const endpoint = { url: model.url, apiKey, dataDir: config.dataDir };
  const { agents = declaredAgents } = options;
  return agents.reduce((env, agent) => agent.demoEnvironment(env, endpoint), { ...config.agentEnv });
}

/** An explicitly chosen host is one that clients may name; an address that means all hosts names none. */
function reachableOrigins({ host, port, publicOrigins }: Config): readonly string[] {
  const isNamed = !isLoopback(host) && !['0.0.0.0', '::'].includes(host);
  return isNamed ? [...publicOrigins, `http://${host.includes(':') ? `[${host}]` : host}:${port}`] : publicOrigins;
}

/** Tells client commands on this machine where the server is. */
async function leaveNote(dataDir: string, note: object, closers: (() => Promise<unknown>)[]): Promise<void> {
  const path = join(dataDir, 'server.json');
  const text = `${JSON.stringify(note)}\n`;
  try {
    await writeFile(path, text, { mode: 0o600 });
  } catch (cause) {
    throw new BooError('config_invalid', `The data directory ${dataDir} is not writable.`, { cause });
  }
  // With separate databases two servers may share a directory; each removes only its own note.
  closers.push(async () => {
    if ((await readFile(path, 'utf8').catch(() => '')) === text) await rm(path, { force: true });
  });
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
