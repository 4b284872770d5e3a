import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startCommand } from '../../test/support/start-command.ts';
import { openStubServer, type StubServer } from '../../test/support/stub-server.ts';
import { createClient } from '../client/client.ts';

let stub: StubServer;
let base: string;
beforeEach(async () => {
  stub = await openStubServer();
  base = await mkdtemp(join(tmpdir(), 'boocode-token-'));
});
afterEach(async () => {
  await stub.close();
  await rm(base, { recursive: true });
});

async function run(words: string[], env: NodeJS.ProcessEnv = {}) {
  const own = { XDG_DATA_HOME: base, BOOCODE_URL: '', BOOCODE_TOKEN: '' };
  const { terminal, exitCode } = startCommand(stub, words, {}, { ...own, ...env });
  return { code: await exitCode, out: terminal.stdout, err: terminal.stderr };
}

async function keep(name: string, token: string, url?: string): Promise<string> {
  const dataDir = join(base, name);
  await mkdir(dataDir, { recursive: true });
  await writeFile(join(dataDir, 'token'), token);
  if (url !== undefined) await writeFile(join(dataDir, 'server.json'), JSON.stringify({ url }));
  return join(dataDir, 'token');
}

describe('CLI-16: boocode token', () => {
  it('prints the token of the running server, even if another one is stored elsewhere', async () => {
    await keep('boocode', 'left-by-a-start-that-failed');
    const file = await keep('boocode-demo', stub.token, stub.url);
    expect(await run(['token'])).toEqual({ code: 0, out: `${file}\n`, err: '' });
    expect(await run(['token', '--show'])).toEqual({ code: 0, out: `${stub.token}\n`, err: '' });
  });

  it('prints JSON for programs, with the token only if requested', async () => {
    const file = await keep('boocode', stub.token, stub.url);
    const json = async (...flags: string[]): Promise<unknown> => JSON.parse((await run(['token', ...flags])).out);
    expect(await json('--json')).toEqual({ url: stub.url, file });
    expect(await json('--json', '--show')).toEqual({ url: stub.url, file, token: stub.token });
  });

  it('names the variable from which the other commands take it', async () => {
    const { out } = await run(['token'], { BOOCODE_URL: stub.url, BOOCODE_TOKEN: stub.token });
    expect(out).toBe('BOOCODE_TOKEN\n');
  });

  it('says so if the server was started with another one', async () => {
    const file = await keep('boocode', 'an-older-one', stub.url);
    const { code, out, err } = await run(['token']);
    expect([code, out]).toEqual([1, '']);
    expect(err).toContain(`does not accept the token in ${file}. It was started with another one`);
  });

  it('says which one it is if no server runs, and does not choose between two', async () => {
    const file = await keep('boocode-demo', 'the-only-one');
    expect(await run(['token'])).toEqual({
      code: 0,
      out: `${file}\n`,
      err: expect.stringContaining('No server is running'),
    });
    await keep('boocode', 'another');
    const { code, err } = await run(['token', '--show']);
    expect(code).toBe(1);
    expect(err).toContain(
      `choose with --data-dir ${join(base, 'boocode')} or --data-dir ${join(base, 'boocode-demo')}`,
    );
    expect((await run(['token', '--data-dir', join(base, 'boocode-demo')])).out).toBe(`${file}\n`);
  });

  it('never creates one', async () => {
    const { code, err } = await run(['token']);
    expect(code).toBe(1);
    expect(err).toContain("a server's first start writes");
    expect(await readdir(base)).toEqual([]);
  });
});

it('CLI-16: doctor checks the data directory of the running server', async () => {
  await keep('boocode-demo', stub.token, stub.url);
  const { out } = await run(['doctor', '--json'], {
    DATABASE_URL: 'postgres://127.0.0.1:1/none',
    BOOCODE_TOKEN: undefined,
  });
  expect(JSON.parse(out)).toContainEqual(
    expect.objectContaining({ name: 'data directory', message: join(base, 'boocode-demo') }),
  );
});

describe('CLI-16: a token that cannot be sent', () => {
  it.each([
    ['two\nlines', /BOOCODE_TOKEN contains a line break: give only the token/],
    ['with a space', /BOOCODE_TOKEN contains a space/],
    ['käse', /BOOCODE_TOKEN contains a character that no token has/],
  ])('is reported as such, and not as an unreachable server (%j)', async (token, sentence) => {
    const { code, err } = await run(['ls'], { BOOCODE_URL: stub.url, BOOCODE_TOKEN: token });
    expect(code).toBe(1);
    expect(err).toMatch(sentence);
    expect(() => createClient({ url: stub.url, token })).toThrow(/The token contains a line break, a space/);
  });

  it('is reported with its file', async () => {
    const file = await keep('boocode', 'one\ntwo', stub.url);
    expect((await run(['ls'])).err).toContain(`The token in ${file} contains a line break`);
  });
});
