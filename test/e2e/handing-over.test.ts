// Two servers on one database, with the real program: chats that one of them hands over to the other, on purpose.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type BooClient, createClient } from '../../src/client/client.ts';
import { type DemoModel, startDemoModel } from '../../src/demo/demo-model.ts';
import type { Event } from '../../src/protocol/event.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { markOf, processesWith } from '../support/processes.ts';
import { openProgramHome, type ProgramHome, type ServerProgram, warmEnv } from '../support/program.ts';
import { eventsOf, nextEvent, readLog, runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

const token = 'the-same-token-on-both-hosts-0123456789';
let model: DemoModel;
let database: TestDatabase;
let homes: { attic: ProgramHome; cellar: ProgramHome };
let attic: ServerProgram;
let cellar: ServerProgram;
beforeAll(async () => {
  model = await startDemoModel();
  database = await createTestDatabase();
  const open = () => openProgramHome({ env: { ...warmEnv(model, database), BOOCODE_TOKEN: token } });
  homes = { attic: await open(), cellar: await open() };
  cellar = await homes.cellar.serve('serve', ['--host-name', 'cellar'], { BOOCODE_TOKEN: token });
});
beforeEach(async () => {
  const args = ['--host-name', 'attic', '--drain-seconds', '60'];
  attic = await homes.attic.serve('serve', args, { BOOCODE_TOKEN: token });
});
afterEach(() => homes.attic.endAll());
afterAll(async () => {
  await Promise.all([homes.attic.remove(), homes.cellar.remove()]);
  await database.drop();
  await model.close();
});

/** A chat of the attic whose turn goes on until the model is let go on. */
async function runningChat(): Promise<string> {
  const { id } = await attic.client.createChat({ cwd: homes.attic.workDir, backend: 'claude_sdk' });
  await attic.client.prompt(id, { content: 'hold' });
  await until(() => model.held > 0, { what: 'the running turn' });
  return id;
}

/** A client that goes to the cellar once the attic does not answer. */
function clientOfBoth(): BooClient {
  const either = async (url: string, init?: RequestInit): Promise<Response> => {
    return fetch(url, init).catch((error: unknown) => {
      if (init?.signal?.aborted) throw error;
      return fetch(url.replace(attic.url, cellar.url), init);
    });
  };
  return createClient({ url: attic.url, token, fetch: either as typeof fetch, backoff: { minMs: 20, maxMs: 200 } });
}

/** Follows a chat until so many turns have finished. */
async function follow(client: BooClient, chatId: string, turns: number): Promise<Event[]> {
  const events: Event[] = [];
  for await (const item of client.follow(chatId, { signal: AbortSignal.timeout(60_000) })) {
    if (item.kind === 'event') events.push(item.event);
    if (eventsOf(events, 'turn_finished').length === turns) break;
  }
  return events;
}

const isDense = (events: readonly Event[]) => events.every(({ seq }, index) => seq === index + 1);
const stateOf = async (name: string) => (await cellar.client.listHosts()).find((host) => host.name === name)?.state;

describe('HOST-13: SIGTERM with --drain-seconds', () => {
  test('lets a turn finish; its waiting prompt runs on the other host, and a reader loses and doubles nothing', async () => {
    const id = await runningChat();
    const { id: idle } = await attic.client.createChat({ cwd: homes.attic.workDir, backend: 'claude_sdk' });
    await runTurn(attic.client, idle, 'stream 2 tokens');
    await attic.client.prompt(id, { content: 'what did I say' });
    const reading = follow(clientOfBoth(), id, 2);
    attic.program.kill('SIGTERM');
    await until(async () => (await stateOf('attic')) === 'draining', { what: 'the drain' });
    expect(await attic.client.health()).toMatchObject({ status: 'unavailable', reason: 'draining' });
    await expect(attic.client.prompt(id, { content: 'x' }, { attempts: 1 })).rejects.toMatchObject({
      code: 'shutting_down',
    });
    // The other host has it already.
    await until(async () => (await cellar.client.listHosts()).find(({ name }) => name === 'attic')?.chats === 1);
    expect((await runTurn(cellar.client, idle, 'what did I say')).text).toContain('"stream 2 tokens"');
    expect(attic.program.exit).toBeUndefined();

    model.release();
    expect(await attic.program.ended()).toEqual({ code: 0, signal: null });
    expect(processesWith(markOf(attic.program.identity))).toEqual([]);
    const events = await reading;
    expect(eventsOf(events, 'turn_finished').map(({ outcome }) => outcome)).toEqual(['completed', 'completed']);
    expect(isDense(events)).toBe(true);
    expect(events).toEqual(await readLog(cellar.client, id));
    expect(JSON.stringify(eventsOf(events, 'agent_message').at(-1)?.content)).toContain('hold');
  }, 120_000);

  test('does not wait for it any longer after a second signal', async () => {
    const id = await runningChat();
    attic.program.kill('SIGTERM');
    await until(async () => (await stateOf('attic')) === 'draining');
    attic.program.kill('SIGTERM');
    expect(await attic.program.ended()).toEqual({ code: 0, signal: null });
    expect(await nextEvent(cellar.client, id, 'turn_finished')).toMatchObject({ outcome: 'interrupted' });
    model.release();
  }, 60_000);
});

test('HOST-13: `boocode drain` shows what is left, and the host takes nothing until that is cancelled', async () => {
  const id = await runningChat();
  const draining = homes.attic.start(['drain', '--seconds', '40']);
  await until(() => draining.stderr.includes(id.slice(0, 8)), { what: 'what still runs' });
  expect(draining.stderr).toMatch(/^One chat is left; what runs is stopped at .+\.\n {2}\S{8} {2}running {2}hold\n$/);
  const hosts = await homes.cellar.run(['hosts']);
  expect(hosts.stdout).toMatch(/^\S{8} {2}up +cellar /m);
  expect(hosts.stdout).toMatch(/^\S{8} {2}draining +attic /m);
  model.release();
  expect(await draining.ended()).toEqual({ code: 0, signal: null });
  expect(draining.stdout).toMatch(/^The server holds no chats, and takes none until `boocode drain --cancel`/);
  expect(await nextEvent(cellar.client, id, 'turn_finished')).toMatchObject({ outcome: 'completed' });

  const { id: fresh } = await attic.client.createChat({ cwd: homes.attic.workDir, backend: 'claude_sdk' });
  await expect(attic.client.prompt(fresh, { content: 'x' }, { attempts: 1 })).rejects.toMatchObject({
    code: 'shutting_down',
  });
  await runTurn(cellar.client, fresh, 'stream 2 tokens');
  const cancelled = await homes.attic.run(['drain', '--cancel']);
  expect(cancelled.stdout).toBe('The server takes chats again.\n');
  expect(await stateOf('attic')).toBe('up');
  expect((await runTurn(attic.client, id, 'what did I say')).text).toContain('hold');
}, 120_000);

test('HOST-14 HOST-15: `boocode move` moves a chat to a host, `boocode pin` keeps it there', async () => {
  const { id } = await attic.client.createChat({ cwd: homes.attic.workDir, backend: 'claude_sdk' });
  await runTurn(attic.client, id, 'stream 2 tokens');
  const cli = async (...args: string[]) => {
    const { code, stdout, stderr } = await homes.attic.run(args);
    return { code, out: stdout, err: stderr };
  };
  expect(await cli('move', id, 'cellar')).toEqual({
    code: 0,
    out: `Chat ${id} was moved from the host attic to cellar.\n`,
    err: '',
  });
  expect(await cli('move', id, 'cellar')).toMatchObject({ out: `The host cellar has chat ${id} already.\n` });
  expect((await cli('send', id, 'x')).err).toContain(`Chat ${id} was moved to the host cellar.`);
  expect((await runTurn(cellar.client, id, 'what did I say')).text).toContain('"stream 2 tokens"');
  expect((await cli('show', id)).out).toContain('· The chat moved from the host attic to cellar.');

  // On the host that has it, and pinned.
  const there = (...args: string[]) => homes.cellar.run(args);
  expect((await there('pin', id, 'cellar')).stdout).toBe(`Chat ${id} runs on the host cellar only.\n`);
  const [{ id: atticId } = { id: '' }] = (await attic.client.listHosts()).filter(({ name }) => name === 'attic');
  expect((await there('move', id, atticId.slice(0, 8))).stdout).toBe(
    `Chat ${id} was moved from the host cellar to attic. It is pinned to attic now.\n`,
  );
  expect((await there('send', id, 'x')).stderr).toContain(`Chat ${id} is pinned to the host attic`);
  expect((await runTurn(attic.client, id, 'what did I say')).text).toContain('"what did I say"');
  expect((await cli('unpin', id)).out).toBe(`Chat ${id} runs on any host; it was pinned to attic.\n`);

  // A directory of that name.
  await mkdir(join(homes.attic.workDir, 'cellar'));
  expect(await cli('move', id, './cellar')).toMatchObject({ out: expect.stringContaining('/cellar; it') as string });
  await attic.client.patchChat(id, { cwd: homes.attic.workDir });
  expect(await cli('move', id, 'cellar', '--directory')).toMatchObject({
    out: expect.stringContaining('/cellar; it') as string,
    err: '',
  });
  expect(await cli('move', id, 'cellar')).toMatchObject({
    out: `Chat ${id} was moved from the host attic to cellar.\n`,
    err: "There is a host and a directory 'cellar': it is taken for the host. Use --directory for the other.\n",
  });
  expect((await cli('move', id, 'nowhere', '--host')).err).toContain(
    "There is no host 'nowhere': see `boocode hosts`.",
  );
  expect((await cli('move', id, 'nowhere')).err).toMatch(
    /^error: There is no host 'nowhere': see `boocode hosts`\. As a directory: \S+\/nowhere does not exist\.$/m,
  );
}, 120_000);
