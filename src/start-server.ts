import { randomUUID } from 'node:crypto';
import type { Config } from './config.ts';
import { openDataDirectory } from './data-directory.ts';
import { createAccess } from './http/access.ts';
import { connectionsWithin } from './http/connections.ts';
import { createDoor } from './http/door.ts';
import { listen } from './http/server.ts';
import { openTlsFiles } from './http/tls-files.ts';
import { createTrustedProxies } from './http/trusted-proxies.ts';
import { nameIn } from './http/certificate-name.ts';
import { systemClock } from './lib/clock.ts';
import type { Log } from './lib/log.ts';
import { Redaction } from './lib/redaction.ts';
import { openFilesLimit } from './lib/open-files-limit.ts';
import { createLogger } from './logger.ts';
import { openStore } from './open-store.ts';
import { reachableOrigins } from './reachable-origins.ts';
import type { RunningServer, ServerOptions } from './server-options.ts';
import { checkToken } from './token-file.ts';

/**
 * Opens everything, in order, and closes it in the opposite one: first what can fail for a reason that needs a person,
 * then the database, last the chats, so that a failed start leaves nothing and uses nothing up. Throws BooError
 * `config_invalid` or `storage_unavailable` with one clear sentence.
 */
export async function startServer(config: Config, options: ServerOptions): Promise<RunningServer> {
  const redaction = new Redaction();
  const logger = createLogger(config.logLevel, config.logFormat, redaction);
  const closers: (() => Promise<unknown>)[] = [];
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= closeAll(closers, logger));
  const { signal = new AbortController().signal } = options;
  try {
    const publicOrigins = reachableOrigins(config);
    // A token nobody has: this only has to determine which hosts and origins are allowed.
    const tls = config.tls === null ? undefined : openTlsFiles(config.tls, { clock: systemClock, log: logger });
    if (tls) closers.push(async () => tls.close());
    const access = createAccess({ token: randomUUID(), publicOrigins, tls: tls !== undefined });
    const door = createDoor({ access, log: logger });
    const server = await listen(door, {
      host: config.host,
      port: config.port,
      log: logger,
      connections: connectionsWithin(openFilesLimit()),
      ...(tls && { tls, name: nameIn(tls.certificate, config.host) }),
      trustedProxies: createTrustedProxies({ proxies: config.trustedProxies, header: config.proxyHeader }),
      basePath: config.basePath,
    });
    closers.push(() => server.close());
    const takeBackDataDir = openDataDirectory(config.dataDir);
    closers.push(async () => takeBackDataDir());
    if (config.token === null) checkToken(config.dataDir);
    signal.throwIfAborted();

    const storing = openStore(config, { logger, closers, signal }, (error) => {
      if (!closing) options.onFatal?.(error);
    });
    // It fails where it is awaited.
    storing.catch(() => undefined);
    // Most of the server's code is loaded while the database starts.
    const { serveChats } = await import('./serve-chats.ts');
    const store = await storing;
    signal.throwIfAborted();
    const parts = { config, options, store, server, door, publicOrigins, logger, redaction, closers, close, signal };
    return await serveChats(parts);
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
