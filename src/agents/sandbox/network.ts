/**
 * The limited network of one sandbox: it has none of its own, only a loopback, on which a bridge passes on connections to sockets in
 * a directory that this process serves. One is a filtering proxy; the others lead to one port of this machine each.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { temporaryPrefix } from '../process-marks.ts';
import { behindBridge, bridgeDirectory } from './bridge.ts';
import { createFilteringProxy, joinStreams } from './filtering-proxy.ts';
import { type HostRule, loopbackTarget, type Target } from './host-rules.ts';

export interface SandboxNetwork {
  /** For bubblewrap; after what makes `/run`. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The command to run inside instead of this one. */
  wrap(command: string, args: readonly string[]): { command: string; args: string[] };
  /** Nothing is reached any more. Idempotent. */
  close(): Promise<void>;
}

export interface SandboxNetworkParts {
  rules: readonly HostRule[];
  /** Ports of this process that the program needs. */
  ports: readonly number[];
  /** Called once for each target, and for a few only. */
  readonly onRefused: (target: string) => void;
}

/** A port that nobody else uses: in the sandbox it is taken. */
const proxyPort = 18_128;
const maxConnections = 256;
const maxTold = 20;

export async function openSandboxNetwork({ rules, ports, onRefused }: SandboxNetworkParts): Promise<SandboxNetwork> {
  // Short, because a socket's path is limited to about a hundred characters.
  const directory = await mkdtemp(temporaryPrefix());
  const told = new Set<string>();
  const tell = (target: string): void => {
    if (isClosed || told.has(target) || told.size >= maxTold) return;
    told.add(target);
    onRefused(target);
  };
  let isClosed = false;
  const targets = [
    ...ports.map((port): Target => ({ host: '127.0.0.1', port })),
    ...rules.map(loopbackTarget).filter((target) => target !== undefined),
  ].filter(({ port }, at, all) => port !== proxyPort && all.findIndex((other) => other.port === port) === at);
  const servers = new Map<number, Server>(targets.map((target) => [target.port, createForward(target)]));
  servers.set(proxyPort, createFilteringProxy({ rules, onRefused: tell }));
  const sockets = new Set<Socket>();
  for (const [port, server] of servers) {
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(join(directory, String(port)), resolve);
    });
  }
  let closing: Promise<void> | undefined;
  return {
    args: ['--unshare-net', '--ro-bind', directory, bridgeDirectory],
    env: proxyEnv(`http://127.0.0.1:${proxyPort}`),
    wrap: (command, args) => behindBridge([...servers.keys()], command, args),
    close() {
      isClosed = true;
      closing ??= (async () => {
        const closed = [...servers.values()].map((server) => new Promise((resolve) => server.close(resolve)));
        for (const socket of sockets) socket.destroy();
        await Promise.all(closed);
        await rm(directory, { recursive: true, force: true });
      })();
      return closing;
    },
  };
}

function createForward(target: Target): Server {
  const server = createServer({ allowHalfOpen: true }, (inner) => {
    const outer = connect({ ...target, allowHalfOpen: true });
    outer.on('error', () => inner.destroy());
    joinStreams(inner, outer);
  });
  server.maxConnections = maxConnections;
  return server;
}

/** What tools take a proxy from. The sandbox's own loopback is reached without it. */
function proxyEnv(url: string): Record<string, string> {
  const direct = 'localhost,127.0.0.1,::1';
  const names = { HTTP_PROXY: url, HTTPS_PROXY: url, ALL_PROXY: url, NO_PROXY: direct };
  const lower = Object.fromEntries(Object.entries(names).map(([name, value]) => [name.toLowerCase(), value]));
  // The last one is Node's.
  return { ...names, ...lower, NODE_USE_ENV_PROXY: '1' };
}
