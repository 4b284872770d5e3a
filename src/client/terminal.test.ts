import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { createMemoryTerminal, type MemoryTerminal } from '../../test/support/memory-terminal.ts';
import { createTestApp, type TestApp, testToken } from '../../test/support/test-app.ts';
import { until } from '../../test/support/until.ts';
import { type HttpServer, listen } from '../http/server.ts';
import {
  type BooClient,
  createClient,
  isUnreachable,
  type TerminalConnection,
  type TerminalItem,
  type TerminalOptions,
  type TerminalSocketConstructor,
} from './client.ts';

let test: TestApp;
let server: HttpServer;
let client: BooClient;
let terminal: MemoryTerminal;
let chatId: string;
const connections: TerminalConnection[] = [];

beforeEach(async () => {
  test = createTestApp();
  server = await listen(test.app, { host: '127.0.0.1', port: 0, log: test.log });
  client = createClient({ url: server.url, token: testToken });
  ({ id: chatId } = await test.chats.createChat({ cwd: '/tmp' }));
  terminal = createMemoryTerminal();
  test.chats.setTerminal(chatId, terminal);
});
afterEach(async () => {
  for (const connection of connections.splice(0)) connection.close();
  await server.close();
});

async function open(options: TerminalOptions = {}) {
  const connection = await client.terminal(chatId, {
    WebSocket: WebSocket as unknown as TerminalSocketConstructor,
    ...options,
  });
  connections.push(connection);
  const viewer = await until(() => terminal.viewers.at(-1));
  const items = connection.items[Symbol.asyncIterator]();
  const take = async (): Promise<TerminalItem | undefined> => {
    const { value } = (await items.next()) as { value: TerminalItem | undefined };
    return value;
  };
  return { connection, viewer, take };
}

describe('the client of a terminal', () => {
  it('yields items in order, and acknowledges each when the next one is requested', async () => {
    const { viewer, take } = await open({ size: { columns: 80, rows: 24 } });
    viewer.push({ type: 'output', data: Uint8Array.of(1, 2, 3) });
    viewer.push({ type: 'size', size: { columns: 70, rows: 20 } });
    viewer.push({ type: 'ended', reason: 'It is over.' });
    expect(await take()).toEqual({ type: 'screen', size: { columns: 80, rows: 24 }, data: 'hello' });
    expect(viewer.acknowledged).toBe(0);
    expect(await take()).toEqual({ type: 'output', data: Uint8Array.of(1, 2, 3) });
    await until(() => viewer.acknowledged === 5);
    expect(await take()).toEqual({ type: 'size', size: { columns: 70, rows: 20 } });
    expect(await take()).toEqual({ type: 'ended', reason: 'It is over.' });
    expect(await take()).toBe(undefined);
  });

  it('acknowledges a screen by its bytes', async () => {
    const { viewer, take } = await open();
    await take();
    viewer.push({ type: 'screen', size: { columns: 80, rows: 24 }, data: '漢字' });
    await take();
    viewer.push({ type: 'size', size: { columns: 80, rows: 24 } });
    await take();
    await until(() => viewer.acknowledged === 5 + 6);
    expect(viewer.acknowledged).toBe(11);
  });

  it('types, in pieces that the server accepts, and resizes', async () => {
    const { connection, viewer } = await open();
    connection.write('kéys');
    connection.resize({ columns: 90, rows: 30 });
    await until(() => viewer.size?.columns === 90);
    expect(viewer.typed).toBe('kéys');
    connection.write(new Uint8Array(9_000_000));
    await until(() => viewer.typedBytes >= 9_000_005);
    expect(viewer.typedBytes).toBe(9_000_005);
  });

  it('PTY-8: sends a paste as text, whatever it contains, in pieces that the server accepts', async () => {
    const { connection, viewer } = await open();
    connection.paste('');
    connection.paste('one\u001b[201~\r');
    const long = 'x\u001b\r\n😀'.repeat(300_000);
    connection.paste(long);
    await until(() => viewer.pasted.join('').length >= 8 + long.length);
    expect(viewer.pasted[0]).toBe('one\u001b[201~\r');
    expect(viewer.pasted.slice(1).join('') === long).toBe(true);
    for (const piece of viewer.pasted) expect(/\r$|[\ud800-\udbff]$/.test(piece) && piece.length > 100).toBe(false);
    expect(viewer.typed).toBe('');
  });

  it('can be read-only', async () => {
    expect((await open({ access: 'read' })).viewer.canWrite).toBe(false);
  });

  it('ends a pending read when it is closed', async () => {
    const { connection, viewer, take } = await open();
    await take();
    const next = take();
    connection.close();
    connection.close();
    connection.write('late');
    expect(await next).toBe(undefined);
    await until(() => viewer.closed);
    expect(viewer.typed).toBe('');
  });

  it('fails as unreachable when the server is gone', async () => {
    const { take } = await open();
    await take();
    const next = take().catch((error: unknown) => error);
    await server.close();
    expect(isUnreachable(await next)).toBe(true);
  });

  it('reports why there is no terminal', async () => {
    const { id } = await test.chats.createChat({ cwd: '/tmp' });
    await expect(client.terminal(id)).rejects.toMatchObject({ code: 'terminal_unavailable' });
  });

  it('throws if the environment has no WebSocket', async () => {
    const global = globalThis as { WebSocket?: unknown };
    const kept = global.WebSocket;
    delete global.WebSocket;
    await expect(client.terminal(chatId)).rejects.toThrow('There is no WebSocket in this environment');
    if (kept) global.WebSocket = kept;
  });
});
