import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStubServer, type StubServer } from '../../test/support/stub-server.ts';
import { findServer, type ServerSearch } from './find-server.ts';

let stub: StubServer;
let base: string;
let main: string;
let demo: string;

beforeEach(async () => {
  stub = await openStubServer();
  base = await mkdtemp(join(tmpdir(), 'boocode-find-'));
  main = join(base, 'boocode');
  demo = join(base, 'boocode-demo');
});

afterEach(async () => {
  await stub.close();
  await rm(base, { recursive: true });
});

async function leave(dataDir: string, note: unknown, token?: string): Promise<void> {
  await mkdir(dataDir, { recursive: true });
  await writeFile(join(dataDir, 'server.json'), typeof note === 'string' ? note : JSON.stringify(note));
  if (token !== undefined) await writeFile(join(dataDir, 'token'), `${token}\n`);
}

const find = (search: Partial<ServerSearch> = {}) =>
  findServer({ flags: {}, env: {}, usualDataDirs: [main, demo], healthTimeoutMs: 500, ...search });

describe('without flags or variables', () => {
  it('finds the server of the usual data directory, with its token', async () => {
    await leave(main, { url: stub.url, pid: 1, demo: false }, 'one');
    await leave(demo, { url: 'http://127.0.0.1:9', pid: 1, demo: true }, 'two');
    expect(await find()).toMatchObject({ url: stub.url, token: 'one', demo: false });
  });

  it('tries the demo if the usual one does not answer', async () => {
    await leave(main, { url: 'http://127.0.0.1:9', demo: false }, 'one');
    await leave(demo, { url: stub.url, demo: true }, 'two');
    expect(await find()).toMatchObject({ url: stub.url, token: 'two', demo: true });
  });

  it.each(['', '{', '[]', '{"url": 5}', '{"url": "nowhere"}'])('skips an invalid note (%s)', async (note) => {
    await leave(main, note, 'one');
    await leave(demo, { url: stub.url, demo: true }, 'two');
    expect(await find()).toMatchObject({ token: 'two' });
  });

  it('reaches a server that listens everywhere', async () => {
    await leave(main, { url: stub.url.replace('127.0.0.1', '0.0.0.0'), demo: false }, 'one');
    expect(await find()).toMatchObject({ url: stub.url });
  });

  it('says how to start one if there is none', async () => {
    await leave(main, { url: 'http://127.0.0.1:9', demo: false }, 'one');
    await expect(find()).rejects.toThrow(/No BooCode server is running here.*npx boocode demo/);
  });

  it('prefers a given token to the one it finds', async () => {
    await leave(main, { url: stub.url }, 'one');
    await writeFile(join(base, 'mine'), 'three\n');
    expect(await find({ env: { BOOCODE_TOKEN: 'two' } })).toMatchObject({ token: 'two' });
    expect(await find({ env: { BOOCODE_TOKEN: 'two' }, flags: { tokenFile: join(base, 'mine') } })).toMatchObject({
      token: 'three',
    });
    await expect(find({ flags: { tokenFile: join(base, 'none') } })).rejects.toThrow(/none is missing or empty/);
  });
});

describe('with a data directory', () => {
  it('looks there and nowhere else', async () => {
    await leave(main, { url: stub.url }, 'one');
    await leave(demo, { url: stub.url, demo: true }, 'two');
    expect(await find({ env: { BOOCODE_DATA_DIR: demo } })).toMatchObject({ token: 'two' });
    expect(await find({ flags: { dataDir: main }, env: { BOOCODE_DATA_DIR: demo } })).toMatchObject({ token: 'one' });
    await expect(find({ flags: { dataDir: join(base, 'other') } })).rejects.toThrow(
      `directory ${join(base, 'other')}:`,
    );
  });
});

describe('with an address', () => {
  it('uses the token of the data directory whose server has this address', async () => {
    await leave(main, { url: 'http://127.0.0.1:9' }, 'one');
    await leave(demo, { url: stub.url, demo: true }, 'two');
    expect(await find({ flags: { url: `${stub.url}/` } })).toMatchObject({ url: stub.url, token: 'two', demo: true });
    expect(await find({ env: { BOOCODE_URL: stub.url } })).toMatchObject({ token: 'two' });
  });

  it('does not send a token found here to another machine', async () => {
    await leave(main, { url: stub.url }, 'one');
    const url = 'https://boo.example.org';
    await expect(find({ flags: { url } })).rejects.toThrow(/no token for https:\/\/boo\.example\.org/);
    expect(await find({ flags: { url, dataDir: main } })).toMatchObject({ url, token: 'one' });
    expect(await find({ flags: { url }, env: { BOOCODE_TOKEN: 'two' } })).toMatchObject({ token: 'two' });
  });

  it.each(['nowhere', 'ftp://127.0.0.1', '127.0.0.1:4127'])('refuses an invalid address (%s)', async (url) => {
    await expect(find({ flags: { url } })).rejects.toThrow(/must look like http:\/\/127\.0\.0\.1:4127/);
  });
});
