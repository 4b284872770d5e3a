/** Two proxies per host: between it and the database, and in front of the address that it tells the other hosts. */
import { freePort } from '../support/free-port.ts';
import { type ChaosNetwork, databaseAt, type HostNetwork, type NetworkParts } from './host-network.ts';
import { openProxy, type Proxy } from './proxy.ts';

export async function proxyNetwork({ hosts, databaseUrl, modelUrl }: NetworkParts): Promise<ChaosNetwork> {
  const opened: Proxy[] = [];
  const close = async (): Promise<void> => void (await Promise.all(opened.map((proxy) => proxy.close())));
  const databasePort = Number(new URL(databaseUrl).port);

  async function hostNetwork(): Promise<HostNetwork> {
    const [port, toDatabase, toHost] = [await freePort(), await freePort(), await freePort()];
    const host = '127.0.0.1';
    const proxies = {
      database: await openProxy({ port: toDatabase }, { host, port: databasePort }),
      peers: await openProxy({ port: toHost }, { host, port }),
    };
    opened.push(...Object.values(proxies));
    return {
      prefix: [],
      env: { BOOCODE_HOST: host, BOOCODE_PORT: String(port), BOOCODE_ADVERTISE_URL: `http://${host}:${toHost}` },
      databaseUrl: (name) => databaseAt(databaseUrl, { host, port: toDatabase }, name),
      modelUrl,
      cut: (side, how) => Promise.resolve(proxies[side].set(how)),
      heal: async () => Object.values(proxies).forEach((proxy) => proxy.set('pass')),
    };
  }

  try {
    const networks: HostNetwork[] = [];
    while (networks.length < hosts) networks.push(await hostNetwork());
    return { kind: 'proxies', name: 'proxies', hosts: networks, close };
  } catch (error) {
    await close();
    throw error;
  }
}
