/**
 * The composition root: config -> store -> agents -> chats -> http. Whatever is opened here is closed here, in the
 * opposite order.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, hostname } from 'node:os';
import { join } from 'node:path';
import { endOrphans } from './agents/agent-process.ts';
import { ClaudePtyBackend, type ClaudePtyBackendOptions } from './agents/claude-pty/claude-pty-backend.ts';
import { createHistoryMapper } from './agents/claude/mapping/map-history.ts';
import { ClaudeSdkBackend } from './agents/claude-sdk/claude-sdk-backend.ts';
import { chooseProvider, isOfProvider } from './agents/provider.ts';
import { createRouting, type UnavailableBackend } from './agents/routing.ts';
import { findTerminalPath } from './agents/terminal-path.ts';
import { Host } from './chats/host.ts';
import { SearchIndexer } from './chats/search-indexer.ts';
import { HostedChats } from './chats/hosted-chats.ts';
import { type Config, isLoopback } from './config.ts';
import { startDemoModel } from './demo/demo-model.ts';
import { createApp } from './http/app.ts';
import { connectionsWithin } from './http/connections.ts';
import { listen } from './http/server.ts';
import { createSignInCodes } from './http/sign-in-codes.ts';
import { systemClock } from './lib/clock.ts';
import type { Log } from './lib/log.ts';
import { openFilesLimit } from './lib/open-files-limit.ts';
import { identifyProcess, isAlive } from './lib/process-identity.ts';
import { createLogger } from './logger.ts';
import { BooError, toBooError } from './protocol/error.ts';
import { openDatabase, type Sql } from './store/database.ts';
import { poolSizes, readDatabaseFacts } from './store/database-facts.ts';
import { guardDriver } from './store/driver-guard.ts';
import { openEmbeddedPostgres } from './store/embedded-postgres/embedded-postgres.ts';
import { findUnstoppedHosts, insertHost, stopHost } from './store/hosts.ts';
import { removeImports } from './store/imports.ts';
import { inTime } from './store/in-time.ts';
import { SlowLane } from './store/slow-lane.ts';
import { migrate } from './store/migrate.ts';
import { openToken } from './token-file.ts';
import { isWeak } from './token-strength.ts';
import { version } from './version.ts';

export interface RunningServer {
  readonly url: string;
  readonly token: string;
  /** A link that signs a browser in, once. */
  signInLink(): string;
  /** Interrupts what runs, ends every process, closes the database. Idempotent. */
  close(): Promise<void>;
}

export interface ServerOptions {
  /** Answers come from the scripted demo model. */
  demo: boolean;
  /** Milliseconds between the pieces of what the demo model streams. */
  demoIntervalMs?: number;
  /** The database or the listener is gone for good: nothing can be served any more. */
  onFatal?: (error: Error) => void;
}

/** Opens everything, in order. Throws BooError `config_invalid` or `storage_unavailable` with one clear sentence. */
export async function startServer(config: Config, options: ServerOptions): Promise<RunningServer> {
  const logger = createLogger(config.logLevel);
  const closers: (() => Promise<unknown>)[] = [];
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= closeAll(closers, logger));
  try {
    const token = config.token ?? openToken(config.dataDir);
    if (isWeak(token)) {
      logger.warn({}, 'The token can be guessed: make a better one, for example with `openssl rand -base64 32`.');
    }
    await endOrphans(logger);

    const { sql, leaseSql, slow } = await openStore(config, logger, closers, (error) => {
      if (!closing) options.onFatal?.(error);
    });
    const hostId = await enrol(sql);
    closers.push(() => inTime(stopHost(sql, hostId), 3_000));

    const agentEnv = options.demo ? await demoEnvironment(config, options, closers) : config.agentEnv;
    const agentOptions = { env: agentEnv, dataDir: config.dataDir, logger };
    const sdk = new ClaudeSdkBackend(agentOptions);
    closers.push(() => sdk.dispose());
    const pty = await openTerminalBackend({ ...agentOptions, passthrough: config.terminalPassthrough }, closers);
    const routing = createRouting({ sdkByDefault: options.demo || config.sdkByDefault, backends: [sdk, pty] });

    const host = new Host({
      hostId,
      sql,
      leaseSql,
      slow,
      clock: systemClock,
      logger,
      idleTimeoutMs: config.idleTimeoutMs,
      dataDir: config.dataDir,
      warmingAtOnce: Math.max(2, availableParallelism()),
      readerBacklogBytes: 4 * 1024 * 1024,
      backendFor: (name) => routing.backendFor(name),
    });
    closers.push(() => host.drain());
    const startedAt = new Date().toISOString();
    const chats = new HostedChats({
      sql,
      slow,
      host,
      dataDir: config.dataDir,
      chooseBackend: (agent, asked) => routing.choose(agent, asked),
      createHistory: () => createHistoryMapper(),
      describe: () => ({
        name: 'boocode',
        version,
        demo: options.demo,
        defaultBackend: routing.defaultBackend,
        backends: routing.describe(),
        startedAt,
      }),
    });
    await host.start();
    const searchIndexer = new SearchIndexer({ slow, clock: systemClock, logger });
    searchIndexer.start();
    closers.push(() => searchIndexer.stop());

    const signInCodes = createSignInCodes();
    const app = createApp({
      chats,
      access: { token, publicOrigins: reachableOrigins(config) },
      signInCodes,
      log: logger,
    });
    const server = await listen(app, {
      host: config.host,
      port: config.port,
      log: logger,
      connections: connectionsWithin(openFilesLimit()),
    });
    closers.push(() => server.close());
    await leaveNote(config.dataDir, { url: server.url, pid: process.pid, startedAt, demo: options.demo }, closers);
    return { url: server.url, token, close, signInLink: () => `${server.url}/#code=${signInCodes.issue()}` };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Serves until a signal comes; returns the exit code. */
export async function runServer(config: Config, options: { demo: boolean }): Promise<number> {
  const stop = nextStop();
  guardDriver(createLogger(config.logLevel));
  const server = await startServer(config, { ...options, demoIntervalMs: 25, onFatal: stop.fail });
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

/** The first signal asks to stop in order; the second one does not wait. */
function nextStop(): { asked: Promise<void>; fail: (error: Error) => void } {
  let fail = (_error: Error): void => {};
  const asked = new Promise<void>((resolve, reject) => {
    fail = reject;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      let seen = false;
      process.on(signal, () => {
        if (seen) process.exit(1);
        seen = true;
        resolve();
      });
    }
  });
  // A failure before anybody waits is told by whoever waits later.
  asked.catch(() => undefined);
  return { asked, fail: (error) => fail(error) };
}

async function openStore(
  config: Config,
  logger: Log,
  closers: (() => Promise<unknown>)[],
  onExit: (error: Error) => void,
): Promise<{ sql: Sql; leaseSql: Sql; slow: SlowLane }> {
  let url = config.databaseUrl;
  if (url === null) {
    const embedded = await openEmbeddedPostgres({
      dataDir: config.dataDir,
      onLog: (line) => logger.debug({ line }, 'postgres'),
      onExit,
    });
    closers.push(() => embedded.close());
    url = embedded.url;
  }
  const onNotice = (text: string): void => logger.debug({ text }, 'A notice of the database.');
  const facts = await inReach(() => readDatabaseFacts(url));
  const sizes = poolSizes(facts);
  const open = async (max: number): Promise<Sql> => {
    const sql = openDatabase(url, { max, oneAtATime: true, onNotice, isPooled: facts.isPooled });
    closers.push(() => sql.end({ timeout: 5 }));
    // Opened at once: where few are left, others might take them meanwhile.
    await inReach(() => Promise.all(Array.from({ length: max }, () => sql`select 1`)));
    return sql;
  };
  const sql = await open(sizes.main);
  const leaseSql = await open(sizes.leases);
  const slow = new SlowLane(await open(sizes.slow));
  logger.debug({ ...facts, ...sizes }, 'The database is open.');
  await migrate(sql);
  // Begun and never finished: nobody waits for them any more.
  await removeImports(sql, { olderThanHours: 24 });
  return { sql, leaseSql, slow };
}

/** What keeps the database out of reach, said as the server or the system says it. */
async function inReach<T>(question: () => Promise<T>): Promise<T> {
  try {
    return await inTime(question(), 15_000);
  } catch (error) {
    if (error instanceof BooError) throw error;
    throw new BooError('storage_unavailable', `The database cannot be reached: ${toBooError(error).message}`, {
      cause: error,
    });
  }
}

/** Enters this process as a host, and frees at once what dead hosts of this machine still hold. */
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

/** Where a process id means something: on Linux only within its process namespace. */
function machineName(): string {
  try {
    return `${hostname()}/${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}

/** The terminal program as a backend, or why it cannot be one here. */
async function openTerminalBackend(
  options: Omit<ClaudePtyBackendOptions, 'program'>,
  closers: (() => Promise<unknown>)[],
): Promise<ClaudePtyBackend | UnavailableBackend> {
  const path = await findTerminalPath();
  if ('reason' in path) return { name: 'claude_pty', reason: path.reason };
  const pty = new ClaudePtyBackend({ ...options, program: path.program });
  closers.push(() => pty.dispose());
  return pty;
}

/** The agents of a demo reach the demo model and nothing else, and leave the user's own settings alone. */
async function demoEnvironment(
  config: Config,
  options: ServerOptions,
  closers: (() => Promise<unknown>)[],
): Promise<Record<string, string>> {
  const apiKey = `demo-${randomBytes(16).toString('hex')}`;
  const model = await startDemoModel({ apiKey, intervalMs: options.demoIntervalMs ?? 0 });
  closers.push(() => model.close());
  const provider = chooseProvider(config.agentEnv);
  const own = Object.entries(config.agentEnv).filter(
    ([name]) => !/^(ANTHROPIC_|CLAUDE_)/.test(name) && !isOfProvider(provider, name),
  );
  return {
    ...Object.fromEntries(own),
    ANTHROPIC_BASE_URL: model.url,
    ANTHROPIC_API_KEY: apiKey,
    CLAUDE_CONFIG_DIR: join(config.dataDir, 'claude'),
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_AUTOUPDATER: '1',
  };
}

/** A host that was chosen on purpose is one that clients may name; an address that means all of them names none. */
function reachableOrigins({ host, port, publicOrigins }: Config): readonly string[] {
  const isNamed = !isLoopback(host) && !['0.0.0.0', '::'].includes(host);
  return isNamed ? [...publicOrigins, `http://${host.includes(':') ? `[${host}]` : host}:${port}`] : publicOrigins;
}

/** Tells client commands on this machine where the server is. */
async function leaveNote(dataDir: string, note: object, closers: (() => Promise<unknown>)[]): Promise<void> {
  const path = join(dataDir, 'server.json');
  const text = `${JSON.stringify(note)}\n`;
  try {
    // With a token and a database of one's own, nobody has needed the directory until now.
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    await writeFile(path, text, { mode: 0o600 });
  } catch (cause) {
    throw new BooError('config_invalid', `The data directory ${dataDir} cannot be written.`, { cause });
  }
  // With a database of their own two servers may share a directory; each takes only its own note away.
  closers.push(async () => {
    if ((await readFile(path, 'utf8').catch(() => '')) === text) await rm(path, { force: true });
  });
}

/** Every step is taken, also when one before it failed. */
async function closeAll(closers: readonly (() => Promise<unknown>)[], logger: Log): Promise<void> {
  for (const close of closers.toReversed()) {
    try {
      await close();
    } catch (error) {
      logger.error({ err: error }, 'A part of the server did not close in order.');
    }
  }
}
