import { connect, createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/** A path to a server, with its own address, that a test can break the way networks break. */
export interface Bridge {
  readonly url: string;
  /** Where new connections lead: a restarted server may have another port. */
  port: number;
  readonly connections: number;
  /** New connections are closed at once. */
  isDown: boolean;
  /** Closes all connections. */
  cut(): void;
  /** Half-open: nothing passes any more on existing connections, and neither side notices. New ones work. */
  stall(): void;
  /** Holds back what the server sends until it is released. */
  hold(): void;
  release(): void;
  close(): Promise<void>;
}

export async function openBridge(port: number): Promise<Bridge> {
  const pairs = new Set<readonly [Socket, Socket]>();
  const server = createServer((near) => {
    if (bridge.isDown) return void near.destroy();
    const far = connect(bridge.port, '127.0.0.1');
    const pair = [near, far] as const;
    pairs.add(pair);
    for (const socket of pair) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        // The end of a stalled connection is not passed on either.
        if (!near.isPaused() || !far.isPaused()) for (const each of pair) each.destroy();
        if (near.destroyed && far.destroyed) pairs.delete(pair);
      });
    }
    return void near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = (): void => {
    for (const pair of pairs) for (const socket of pair) socket.destroy();
  };
  const bridge: Bridge = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    port,
    isDown: false,
    get connections() {
      return pairs.size;
    },
    cut,
    stall() {
      for (const [near, far] of pairs) {
        near.unpipe().pause();
        far.unpipe().pause();
      }
    },
    hold() {
      for (const [, far] of pairs) far.unpipe().pause();
    },
    release() {
      for (const [near, far] of pairs) far.pipe(near);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        cut();
      }),
  };
  return bridge;
}
