/**
 * A network namespace per host, all on one bridge: the database has an address of its own there, and each host its own.
 * A host is cut off by sending its packets to where nobody is, so they are lost as on a real network.
 *
 * Agents reach only the demo model, which listens on loopback alone: a relay in each namespace leads there through a Unix
 * socket, which no namespace keeps out.
 */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { endProcess, findProgram, withDeathSignal } from '../../src/lib/process-identity.ts';
import { type ChaosNetwork, databaseAt, type HostNetwork, type NetworkParts, type Side } from './host-network.ts';
import { openProxy, type Proxy } from './proxy.ts';

const run = promisify(execFile);
const ip = (...args: string[]): Promise<unknown> => run('ip', args);
const hostPort = 4127;
const modelPort = 4200;

/** Tried, not asked: that of a container that runs as root depends on much. */
export function canCreateNamespaces(): boolean {
  if (process.platform !== 'linux' || findProgram('ip') === null) return false;
  const name = `bootry${randomBytes(3).toString('hex')}`;
  const ran = (...args: string[]): boolean => spawnSync('ip', args, { stdio: 'ignore' }).status === 0;
  const can =
    ran('netns', 'add', name) &&
    ran('link', 'add', `${name}a`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name) &&
    ran('link', 'add', `${name}b`, 'type', 'bridge') &&
    ran('-n', name, 'route', 'add', 'unreachable', '10.255.255.255/32');
  ran('link', 'del', `${name}a`);
  ran('link', 'del', `${name}b`);
  ran('netns', 'del', name);
  return can;
}

export async function namespaceNetwork(parts: NetworkParts): Promise<ChaosNetwork> {
  const { hosts, databaseUrl, modelUrl, folder } = parts;
  const id = randomBytes(3).toString('hex');
  // Two runs on one machine have different subnets.
  const subnet = `10.${200 + (Number.parseInt(id.slice(0, 2), 16) % 50)}.${Number.parseInt(id.slice(2, 4), 16)}`;
  const at = { clients: `${subnet}.1`, database: `${subnet}.2`, host: (slot: number) => `${subnet}.${11 + slot}` };
  const bridge = `boo${id}`;
  const closers: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const step of closers.splice(0).toReversed()) await step();
  };

  async function openRelay(namespace: string, socket: string): Promise<void> {
    const relay = join(import.meta.dirname, 'relay.mjs');
    const args = ['netns', 'exec', namespace, process.execPath, relay, String(modelPort), socket];
    const command = withDeathSignal('ip', args, 'TERM');
    const child: ChildProcess = spawn(command.command, command.args, { stdio: ['ignore', 'pipe', 'inherit'] });
    closers.push(() => endProcess(child, { graceMs: 2_000 }));
    await new Promise<void>((ready, failed) => {
      child.stdout?.once('data', () => ready());
      child.once('exit', (code) => failed(new Error(`The relay ended with code ${code}.`)));
    });
  }

  async function hostNetwork(slot: number, socket: string): Promise<HostNetwork> {
    const name = `${bridge}n${slot}`;
    const link = `${bridge}v${slot}`;
    await ip('netns', 'add', name);
    closers.push(() => ip('netns', 'del', name));
    await ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
    // Otherwise it stays until the last connection in the namespace has timed out, a minute later.
    closers.push(() => ip('link', 'del', link));
    await ip('link', 'set', link, 'master', bridge, 'up');
    await ip('-n', name, 'link', 'set', 'lo', 'up');
    await ip('-n', name, 'addr', 'add', `${at.host(slot)}/24`, 'dev', 'eth0');
    await ip('-n', name, 'link', 'set', 'eth0', 'up');
    await openRelay(name, socket);
    const others = Array.from({ length: hosts }, (_, other) => other).filter((other) => other !== slot);
    const lost: Record<Side, string[]> = { database: [at.database], peers: others.map(at.host) };
    /** What undoes each cut. */
    const undo: string[][] = [];
    const inside = (...args: string[]): Promise<unknown> => ip('-n', name, ...args);
    return {
      prefix: ['ip', 'netns', 'exec', name],
      env: {
        BOOCODE_HOST: at.host(slot),
        BOOCODE_PORT: String(hostPort),
        BOOCODE_ADVERTISE_URL: `http://${at.host(slot)}:${hostPort}`,
      },
      databaseUrl: (applicationName) => databaseAt(databaseUrl, { host: at.database }, applicationName),
      modelUrl: `http://127.0.0.1:${modelPort}`,
      async cut(side, how) {
        for (const address of lost[side]) {
          if (how === 'stall') {
            // Sent to a card that nobody has: the packets are lost, and nobody is told.
            const neighbour = [address, 'dev', 'eth0'];
            await inside('neigh', 'replace', ...neighbour, 'lladdr', '02:00:00:00:00:01', 'nud', 'permanent');
            undo.push(['neigh', 'del', ...neighbour]);
          } else {
            await inside('route', 'add', 'unreachable', `${address}/32`);
            undo.push(['route', 'del', `${address}/32`]);
          }
        }
      },
      async heal() {
        for (const step of undo.splice(0)) await inside(...step);
      },
    };
  }

  try {
    await ip('link', 'add', bridge, 'type', 'bridge');
    closers.push(() => ip('link', 'del', bridge));
    await ip('addr', 'add', `${at.clients}/24`, 'dev', bridge);
    await ip('addr', 'add', `${at.database}/24`, 'dev', bridge);
    await ip('link', 'set', bridge, 'up');
    const socket = join(folder, 'model.sock');
    const model: Proxy = await openProxy({ path: socket }, { host: '127.0.0.1', port: Number(new URL(modelUrl).port) });
    closers.push(() => model.close());
    const networks: HostNetwork[] = [];
    while (networks.length < hosts) networks.push(await hostNetwork(networks.length, socket));
    return { kind: 'namespaces', name: bridge, hosts: networks, close };
  } catch (error) {
    await close();
    throw error;
  }
}
