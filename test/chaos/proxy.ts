import { once } from 'node:events';
import { connect, createServer, type NetConnectOpts, type Server, type Socket } from 'node:net';

export type Passage = 'pass' | 'stall' | 'refuse';

export interface Proxy {
  /** What becomes of bytes and of new connections from now on. */
  set(passage: Passage): void;
  close(): Promise<void>;
}

/**
 * Carries connections to a target. While it stalls, nothing passes and nobody is told; what was under way arrives later,
 * as after lost packets. While it refuses, connections break.
 */
export async function openProxy(listen: { port: number } | { path: string }, target: NetConnectOpts): Promise<Proxy> {
  let passage: Passage = 'pass';
  const pairs = new Set<readonly [Socket, Socket]>();
  /** Accepted while it stalls; connected once it passes. */
  const waiting = new Set<Socket>();

  function join(client: Socket): void {
    const server = connect(target);
    const pair = [client, server] as const;
    pairs.add(pair);
    const cut = (): void => {
      pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.setNoDelay(true);
      from.on('data', (data) => {
        if (!to.write(data)) from.pause();
      });
      to.on('drain', () => {
        if (passage === 'pass') from.resume();
      });
      from.on('end', () => to.end());
      from.on('error', cut).on('close', cut);
    }
  }

  const proxy: Server = createServer((client) => {
    client.on('error', () => client.destroy());
    if (passage === 'refuse') client.destroy();
    else if (passage === 'pass') join(client);
    else {
      waiting.add(client);
      client.once('close', () => waiting.delete(client));
    }
  });
  if ('path' in listen) proxy.listen(listen.path);
  else proxy.listen(listen.port, '127.0.0.1');
  await once(proxy, 'listening');

  function breakAll(): void {
    for (const sockets of pairs) for (const socket of sockets) socket.destroy();
    for (const socket of waiting) socket.destroy();
  }
  return {
    set(next) {
      passage = next;
      if (next === 'refuse') return breakAll();
      for (const sockets of pairs) for (const socket of sockets) socket[next === 'pass' ? 'resume' : 'pause']();
      if (next !== 'pass') return;
      for (const client of waiting) join(client);
      waiting.clear();
    },
    async close() {
      const closed = once(proxy, 'close');
      proxy.close();
      breakAll();
      await closed;
    },
  };
}
