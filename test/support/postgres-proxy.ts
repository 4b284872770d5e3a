import { createServer, connect, type Socket } from 'node:net';
import { join } from 'node:path';

/** What happens to a piece of data in transit. */
export type Passage =
  | 'pass'
  /** Both ends are cut, and the data is lost. */
  | 'cut'
  /** The client's end is cut; the server receives the data, and continues. */
  | 'cut-client';

export interface PostgresProxy {
  /** The same database, reached through the proxy. */
  readonly url: string;
  readonly connections: number;
  /** Called for every piece of data after a connection has logged in. */
  fault: (direction: 'question' | 'answer', data: Buffer) => Passage;
  /** How late every answer passes. */
  delayMs: number;
  /** Half-open connections: nothing arrives any more, and neither side notices. */
  isFrozen: boolean;
  /** Freezes the connections that there are, for good; new ones work. As with a firewall that has forgotten them. */
  forgetAll(): void;
  cutAll(): void;
  /** Like a server that goes down: connections are cut, and new ones refused until it is up again. */
  goDown(): Promise<void>;
  comeUp(): Promise<void>;
  close(): Promise<void>;
}

/** Sits between a pool and Postgres, and breaks connections at chosen moments. */
export async function openPostgresProxy(databaseUrl: string): Promise<PostgresProxy> {
  const target = new URL(databaseUrl);
  const host = decodeURIComponent(target.hostname);
  const pairs = new Map<Socket, Socket>();
  const orphans = new Set<Socket>();
  const forgotten = new WeakSet<Socket>();

  const proxy = createServer((client) => {
    const server = host.startsWith('/')
      ? connect(join(host, `.s.PGSQL.${target.port || '5432'}`))
      : connect(Number(target.port || '5432'), host);
    let isLoggedIn = false;
    pairs.set(client, server);
    const cut = (): void => {
      pairs.delete(client);
      client.destroy();
      server.destroy();
    };
    const abandon = (): void => {
      pairs.delete(client);
      orphans.add(server);
      // Once the server answers, its work is done; nobody gets the answer.
      server.on('data', () => server.end());
      client.destroy();
    };
    /** Answers in transit, in order. */
    const late: { data: Buffer; dueMs: number }[] = [];
    let timer: NodeJS.Timeout | undefined;
    const arrive = (): void => {
      clearTimeout(timer);
      while (late[0] && late[0].dueMs <= performance.now()) carry('answer', late.shift()!.data);
      if (late[0]) timer = setTimeout(arrive, late[0].dueMs - performance.now() + 1);
    };
    client.on('close', () => clearTimeout(timer));
    const carry = (direction: 'question' | 'answer', data: Buffer): void => {
      if (state.isFrozen || forgotten.has(client) || !pairs.has(client)) return;
      const passage = isLoggedIn ? state.fault(direction, data) : 'pass';
      if (passage === 'cut') return cut();
      if (direction === 'question') server.write(data);
      else if (passage === 'pass') client.write(data);
      // The first ReadyForQuery ends the login.
      if (direction === 'answer' && data.includes(readyForQuery)) isLoggedIn = true;
      if (passage === 'cut-client') abandon();
    };
    client.on('data', (data) => carry('question', data));
    server.on('data', (data) => {
      late.push({ data, dueMs: performance.now() + state.delayMs });
      arrive();
    });
    for (const socket of [client, server]) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        if (pairs.has(client)) cut();
        orphans.delete(server);
      });
    }
  });
  const listen = (port: number): Promise<void> =>
    new Promise((resolve, reject) => proxy.once('error', reject).listen(port, '127.0.0.1', resolve));
  await listen(0);
  const address = proxy.address();
  if (address === null || typeof address === 'string') throw new Error('The proxy has no port.');
  const { port } = address;
  const url = new URL(databaseUrl);
  url.hostname = '127.0.0.1';
  url.port = String(port);

  const state: PostgresProxy = {
    url: url.href,
    get connections() {
      return pairs.size;
    },
    fault: () => 'pass',
    delayMs: 0,
    isFrozen: false,
    forgetAll() {
      for (const client of pairs.keys()) forgotten.add(client);
    },
    cutAll() {
      for (const [client, server] of pairs) {
        pairs.delete(client);
        client.destroy();
        server.destroy();
      }
    },
    async goDown() {
      const closed = new Promise<void>((resolve) => proxy.close(() => resolve()));
      state.cutAll();
      await closed;
    },
    comeUp: () => listen(port),
    async close() {
      for (const orphan of orphans) orphan.destroy();
      await state.goDown();
    },
  };
  return state;
}

const readyForQuery = Buffer.from([0x5a, 0, 0, 0, 5]);
