// Two hosts on one database: whichever one a client asks, the host that holds the chat answers.
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loadSocket } from '../../src/cli/node-socket.ts';
import type { FeedItem } from '../../src/protocol/event.ts';
import { git, initRepository } from '../support/git-repository.ts';
import { openServer, type TestServer } from '../support/server.ts';
import { eventsOf, followUntil, nextEvent, readLog, runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

let one: TestServer;
let two: TestServer;
beforeAll(async () => {
  const config = { advertiseUrl: 'http://127.0.0.1:0' };
  one = await openServer({ config });
  two = await openServer({ config, beside: one });
}, 60_000);
afterAll(async () => {
  await two.close();
  await one.close();
});

/** A chat that the first host holds. */
async function chatOnOne(backend: 'claude_sdk' | 'claude_pty' = 'claude_sdk'): Promise<string> {
  const { id } = await one.createChat({ backend });
  await runTurn(one.client, id, 'stream 2 tokens');
  return id;
}

/** The text of the previews, by message. */
function previewsIn(items: readonly FeedItem[]): string[] {
  const texts = new Map<string, string>();
  for (const item of items) {
    if (item.kind !== 'delta' || item.delta.type === 'tool_call_chunk') continue;
    const { messageId, content } = item.delta;
    texts.set(messageId, (texts.get(messageId) ?? '') + content.text);
  }
  return [...texts.values()];
}

describe('HOST-3: a chat that the other host holds', () => {
  test('takes prompts, settings, answers and interrupts through this one, from the same person', async () => {
    const id = await chatOnOne();
    const turn = await runTurn(two.client, id, 'stream 3 tokens');
    expect(turn.finished.outcome).toBe('completed');
    const renamed = await two.client.patchChat(id, { title: 'Through the other host' });
    expect(renamed).toMatchObject({ title: 'Through the other host', state: 'ready' });

    await two.client.prompt(id, { content: `run: touch ${one.workDir}/touched` });
    const asked = await nextEvent(two.client, id, 'decision_requested');
    expect(await two.client.getChat(id)).toMatchObject({ state: 'waiting' });
    expect(await two.client.decide(asked.decisionId, { outcome: 'deny' })).toMatchObject({ outcome: 'deny' });
    await expect(two.client.decide(asked.decisionId, { outcome: 'allow' })).rejects.toMatchObject({
      code: 'decision_settled',
      details: { decision: { outcome: 'deny' } },
    });
    await nextEvent(two.client, id, 'turn_finished', { after: asked.seq });

    await two.client.prompt(id, { content: 'hold' });
    await until(() => one.model.held > 0, { what: 'a turn that streams' });
    expect(await two.client.interrupt(id)).toMatchObject({ interrupted: true });

    const log = await readLog(one.client, id);
    expect(log.map(({ seq }) => seq)).toEqual(log.map((_, at) => at + 1));
    expect(eventsOf(log, 'prompt_accepted').map(({ by, via }) => ({ by, via }))).toEqual(
      Array.from({ length: 4 }, () => ({ by: 'owner', via: 'test' })),
    );
    await two.client.deleteChat(id);
    await expect(one.client.getChat(id)).rejects.toMatchObject({ code: 'not_found' });
  });

  test('refuses what it refuses its own clients, in the same words', async () => {
    const id = await chatOnOne();
    const wrong = { body: { content: 7 } };
    const [direct, through] = [
      await one.call('POST', `/v1/chats/${id}/prompts`, wrong),
      await two.call('POST', `/v1/chats/${id}/prompts`, wrong),
    ];
    expect(direct.status).toBe(400);
    expect(through).toMatchObject({ status: 400, body: direct.body });
    expect(through.headers.get('x-content-type-options')).toBe('nosniff');
    expect(through.headers.get('boocode-host')).toBeNull();
    const large = await two.call('POST', `/v1/chats/${id}/interrupt`, {
      raw: JSON.stringify({ x: 'y'.repeat(5_000) }),
    });
    expect(large).toMatchObject({ status: 413, body: { code: 'payload_too_large' } });
    // A path that only a newer host knows is left to that host.
    expect(await two.call('POST', `/v1/chats/${id}/unheard-of`)).toMatchObject({
      status: 404,
      body: { detail: 'This path does not exist on this server.' },
    });
  });

  test('LOG-14: streams its previews to readers of this host, those that come late too', async () => {
    const id = await chatOnOne();
    const { head } = await one.client.getChat(id);
    const early: FeedItem[] = [];
    const late: FeedItem[] = [];
    const isEnd = (item: FeedItem): boolean => item.kind === 'event' && item.event.type === 'turn_finished';
    const follow = (into: FeedItem[]): Promise<unknown> =>
      followUntil(two.client, id, (item) => (into.push(item), isEnd(item)), { after: head });
    const reading = follow(early);
    await until(() => early.length > 0, { what: 'a reader of the second host' });
    await one.client.prompt(id, { content: 'hold' });
    await until(() => previewsIn(early).join('') === 'I hold here. ', { what: 'the preview of the early reader' });
    const alsoReading = follow(late);
    await until(() => previewsIn(late).join('') === 'I hold here. ', { what: 'the preview of the late reader' });
    one.model.release();
    await Promise.all([reading, alsoReading]);
    for (const items of [early, late]) {
      expect(previewsIn(items)).toEqual(['I hold here. Now I go on.']);
      const seqs = items.flatMap((item) => (item.kind === 'event' ? [item.event.seq] : []));
      expect(seqs).toEqual(seqs.map((_, at) => head + 1 + at));
    }
  });

  test('LOG-14: streams its previews to live sockets of this host', async () => {
    const id = await chatOnOne();
    const { head } = await one.client.getChat(id);
    const live = two.client.live({ WebSocket: await loadSocket() });
    const items: FeedItem[] = [];
    live.follow(id, { after: head, onItem: (item) => item.kind !== 'ended' && items.push(item) });
    await until(() => items.length > 0, { what: 'the live socket' });
    await two.client.prompt(id, { content: 'hold' });
    await until(() => previewsIn(items).join('') === 'I hold here. ', { what: 'the preview' });
    one.model.release();
    await until(() => items.some((item) => item.kind === 'event' && item.event.type === 'turn_finished'));
    expect(previewsIn(items)).toEqual(['I hold here. Now I go on.']);
    live.close();
  });

  test('TERM-13: has its terminal attached through this one, with and without a ticket', async () => {
    const id = await chatOnOne('claude_pty');
    const terminal = await two.client.terminal(id, {
      size: { columns: 100, rows: 30 },
      WebSocket: await loadSocket(),
    });
    let shown = '';
    const decoder = new TextDecoder();
    const reading = (async () => {
      for await (const item of terminal.items) {
        if (item.type === 'output') shown += decoder.decode(item.data, { stream: true });
        if (item.type === 'screen') shown += item.data;
      }
    })();
    terminal.write('typed elsewhere');
    await until(() => shown.includes('elsewhere'), { what: 'what was typed' });
    terminal.close();
    await reading;
    // A ticket that may only read stays one.
    const { body } = await two.call('POST', `/v1/chats/${id}/terminal/tickets`, { body: { access: 'read' } });
    const watching = await openSocket(`${two.url}/v1/chats/${id}/terminal`, [
      'boocode.terminal',
      `ticket.${String(body['ticket'])}`,
    ]);
    await until(() => watching.texts.some((text) => text.includes('"screen"')), { what: 'the screen' });
    watching.socket.send(Buffer.from('nothing of this'));
    watching.socket.send(JSON.stringify({ type: 'resize', columns: 0 }));
    await until(() => watching.texts.some((text) => text.includes('"error"')), { what: 'an answer' });
    expect(shown).not.toContain('nothing of this');
    watching.socket.close();
    const refused = await two.call('POST', `/v1/chats/${await chatOnOne()}/terminal/tickets`, { body: {} });
    expect(refused).toMatchObject({ status: 409, body: { code: 'terminal_unavailable' } });
  });
});

async function openSocket(url: string, protocols: string[]) {
  const Socket = await loadSocket();
  const socket = new Socket(url.replace('http', 'ws'), protocols);
  const texts: string[] = [];
  socket.addEventListener('message', ({ data }) => typeof data === 'string' && texts.push(data));
  await new Promise((resolve) => socket.addEventListener('open', resolve));
  return { socket, texts };
}

describe('HOST-4: a host that holds a chat and cannot be reached', () => {
  let id: string;
  let hostId: string;
  let address: string;
  beforeEach(async () => {
    id = await chatOnOne();
    ({ hostId } = await one.client.info());
    ({ address } = (await one.client.listHosts()).find((host) => host.id === hostId) as { address: string });
  });
  afterEach(() => lead(address));
  const lead = (to: string): Promise<unknown> => one.sql`update boocode.hosts set address = ${to} where id = ${hostId}`;

  test('it can be reached again in time: the prompt arrives once', async () => {
    await lead('http://127.0.0.1:1');
    const promptId = randomUUID();
    const sending = two.client.prompt(id, { id: promptId, content: 'stream 2 tokens' });
    await lead(address);
    expect(await sending).toMatchObject({ promptId });
    const finished = async () => eventsOf(await readLog(one.client, id), 'turn_finished').length;
    await until(async () => (await finished()) === 2, { what: 'the end of the turn' });
    expect(eventsOf(await readLog(one.client, id), 'prompt_accepted')).toHaveLength(2);
  });

  test('its lease ends: this host takes the chat and the prompt', async () => {
    await lead('http://127.0.0.1:1');
    const { head } = await two.client.getChat(id);
    const sending = two.client.prompt(id, { content: 'stream 2 tokens' });
    await one.sql`update boocode.chats set owner_host = null, lease_until = null where id = ${id}`;
    await sending;
    expect(await nextEvent(two.client, id, 'turn_finished', { after: head })).toMatchObject({ outcome: 'completed' });
    expect((await two.client.listHosts()).find(({ isThis }) => isThis)?.chats).toBeGreaterThan(0);
  }, 60_000);
});

test('HOST-13: a host that drains has another one take what nobody holds', async () => {
  expect((await two.call('POST', '/v1/drain', { body: {} })).status).toBeLessThan(300);
  const { id } = await two.createChat({ backend: 'claude_sdk' });
  expect((await runTurn(two.client, id, 'stream 2 tokens')).finished.outcome).toBe('completed');
  const holders = await one.sql`select owner_host from boocode.chats where id = ${id}`;
  expect(holders).toEqual([{ owner_host: (await one.client.info()).hostId }]);
  expect((await two.call('DELETE', '/v1/drain')).status).toBeLessThan(300);
});

test('HOST-3: a host without an address serves only its own chats, and says so', async () => {
  const id = await chatOnOne();
  const { hostId } = await one.client.info();
  const [before] = await one.sql<{ address: string }[]>`
    select address from boocode.hosts where id = ${hostId}`;
  await one.sql`update boocode.hosts set address = null where id = ${hostId}`;
  await expect(two.client.prompt(id, { content: 'hi' })).rejects.toMatchObject({ code: 'chat_elsewhere' });
  await one.sql`update boocode.hosts set address = ${before!.address} where id = ${hostId}`;
});

test('CHANGE-14 FORK-7: the holder answers for its chat’s files, whichever host is asked', async () => {
  const cwd = join(realpathSync(one.workDir), 'repository');
  mkdirSync(cwd);
  initRepository(cwd);
  git(cwd, 'config', 'user.name', 'Ann');
  git(cwd, 'config', 'user.email', 'ann@example.com');
  const { id } = await one.client.createChat({
    cwd,
    backend: 'claude_sdk',
    permissionMode: 'bypassPermissions',
    isolation: 'worktree',
    worktree: { name: 'work' },
  });
  const { finished, promptIds } = await runTurn(one.client, id, 'write notes.txt: hello').then(
    ({ finished, events }) => ({
      finished,
      promptIds: events.flatMap((event) => (event.type === 'turn_started' ? event.promptIds : [])),
    }),
  );

  const { client } = two;
  const paths = async (): Promise<string[]> => (await client.changes(id)).files.map(({ path }) => path);
  expect(await paths()).toEqual(['notes.txt']);
  expect((await client.changesDiff(id, { path: 'notes.txt' })).diff).toContain('\n+hello');
  const stop = new AbortController();
  const news = client.watchChanges(id, { signal: stop.signal })[Symbol.asyncIterator]();
  await news.next();
  const before = promptIds[0]!;
  const plan = await client.rewind(id, { before, what: 'files', dryRun: true });
  expect(plan.files?.files).toMatchObject([{ path: 'notes.txt', status: 'deleted' }]);
  const { files } = await client.rewind(id, { before, what: 'files' });
  expect((await news.next()).done).toBe(false);
  stop.abort();
  expect(await paths()).toEqual([]);
  await client.rewind(id, { undo: files!.rewindId! });
  await client.stageChanges(id, { paths: [{ path: 'notes.txt' }] });
  await client.commitChanges(id, { message: 'Notes' });
  const fork = await client.fork(id, { at: finished.seq, isolation: 'worktree' });
  expect(readFileSync(join(fork.worktree!.path, 'notes.txt'), 'utf8')).toContain('hello');
  expect(await client.mergeWorktree(id)).toMatchObject({ base: 'main', commits: 1 });
  expect((await client.listWorktrees()).map(({ chatId }) => chatId).toSorted()).toEqual([id, fork.id].toSorted());

  await client.deleteChat(fork.id);
  await client.removeWorktree(id);
  expect(git(cwd, 'branch', '--list', 'boocode/work')).toBe('');
});
