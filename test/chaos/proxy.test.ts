import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { openProxy, type Proxy } from './proxy.ts';

/** Repeats what it gets. */
const target = createServer((socket) => socket.on('error', () => undefined).pipe(socket));
let port: number;
let proxy: Proxy;
const clients: Socket[] = [];
beforeAll(async () => {
  target.listen(0, '127.0.0.1');
  await once(target, 'listening');
});
afterAll(() => target.close());
beforeEach(async () => {
  port = await freePort();
  proxy = await openProxy({ port }, { host: '127.0.0.1', port: (target.address() as AddressInfo).port });
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await proxy.close();
});

async function open(): Promise<{ client: Socket; heard: () => string }> {
  const client = connect(port, '127.0.0.1');
  clients.push(client);
  let heard = '';
  client.setEncoding('utf8').on('data', (text: string) => (heard += text));
  client.on('error', () => undefined);
  await once(client, 'connect');
  return { client, heard: () => heard };
}

test('what stalls arrives later, and whole', async () => {
  const { client, heard } = await open();
  client.write('one ');
  await expect.poll(heard).toBe('one ');
  proxy.set('stall');
  client.write('two ');
  const late = await open();
  late.client.write('late');
  const probe = await open();
  expect([heard(), late.heard(), probe.client.destroyed]).toEqual(['one ', '', false]);
  proxy.set('pass');
  await expect.poll(heard).toBe('one two ');
  await expect.poll(late.heard).toBe('late');
});

test('what is refused breaks, and new connections work once it passes again', async () => {
  const { client } = await open();
  const closed = once(client, 'close');
  proxy.set('refuse');
  await closed;
  proxy.set('pass');
  const again = await open();
  again.client.write('again');
  await expect.poll(again.heard).toBe('again');
});
