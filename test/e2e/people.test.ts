// People, their tokens and invitations, on a whole server, with the command line.
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type BooClient,
  createClient,
  type CreatedToken,
  type Invite,
  type Live,
  type Role,
} from '../../src/client/client.ts';
import { loadSocket } from '../../src/cli/node-socket.ts';
import { runCli } from '../../src/cli/run.ts';
import { createFakeTerminal } from '../support/fake-terminal.ts';
import { openServer, type TestServer } from '../support/server.ts';
import { until } from '../support/until.ts';

let server: TestServer;
beforeAll(async () => {
  server = await openServer();
});
afterAll(() => server.close());

const clientOf = (token: string): BooClient => createClient({ url: server.url, token, clientName: 'test' });

/** A new person with a token. */
async function add(name: string, role: Role, token: { role?: Role; expiresInSeconds?: number } = {}) {
  const person = await server.client.addPerson({ name, role });
  const made = await server.client.createToken({ name: 'first', personId: person.id, ...token });
  return { person, made, client: clientOf(made.token) };
}

async function run(token: string, ...words: string[]) {
  const terminal = createFakeTerminal({});
  const cli = { terminal, env: { HOME: '/nonexistent', BOOCODE_URL: server.url, BOOCODE_TOKEN: token }, exitCode: 0 };
  await runCli(cli, words);
  return { code: cli.exitCode, out: terminal.stdout, err: terminal.stderr };
}

/** Calls until the server refuses, which a closed feed need not tell by itself. */
const refused = (client: BooClient) => expect(client.me()).rejects.toMatchObject({ code: 'unauthorized' });

interface Opened {
  live: Live;
  states: string[];
}

async function openLive(client: BooClient): Promise<Opened> {
  const states: string[] = [];
  const live = client.live({ WebSocket: await loadSocket() });
  live.onState((state) => states.push(state));
  return { live, states };
}

describe('PEOPLE-4: people', () => {
  test('act under their own name, and do what their role allows', async () => {
    const ada = await add('Ada', 'member');
    const eve = await add('Eve', 'viewer');
    const chat = await ada.client.createChat({ cwd: server.workDir, title: 'Hers', visibility: 'team' });
    await ada.client.patchChat(chat.id, { title: 'Still hers' });
    const { items } = await eve.client.events(chat.id);
    expect(items.at(-1)).toMatchObject({ by: 'Ada', principal: { id: ada.person.id, role: 'member' } });
    for (const attempt of [
      () => eve.client.patchChat(chat.id, { title: 'Mine' }),
      () => eve.client.terminal(chat.id),
      () => ada.client.patchBudgets({ dayUsd: 1 }),
      () => ada.client.addPerson({ name: 'Mallory', role: 'owner' }),
      () => ada.client.listTokens({ everyone: true }),
      () => ada.client.createInvite({ role: 'owner' }),
      () => ada.client.rotateServerToken(),
    ]) {
      await expect(attempt()).rejects.toMatchObject({ code: 'forbidden' });
    }
    expect(await ada.client.me()).toMatchObject({
      principal: { name: 'Ada', role: 'member' },
      token: { name: 'first' },
    });
    expect(await server.client.me()).toMatchObject({ principal: { id: 'owner', role: 'owner' }, token: null });
    expect((await eve.client.listPeople()).map(({ name, role, tokens }) => [name, role, tokens])).toEqual([
      ['owner', 'owner', 0],
      ['Ada', 'member', 1],
      ['Eve', 'viewer', 1],
    ]);
  });

  test('have names that nobody else has, and that say nothing else', async () => {
    for (const name of ['ada', 'ADA ', 'owner', 'Agent', 'host', 'a\nb', '\u202eada', 'x'.repeat(65), '', '-rf']) {
      await expect(server.client.addPerson({ name, role: 'viewer' })).rejects.toMatchObject({
        code: 'invalid_request',
        details: { field: 'name' },
      });
    }
  });

  test('the server’s owner is always there', async () => {
    for (const attempt of [
      () => server.client.removePerson('owner'),
      () => server.client.patchPerson('owner', { role: 'viewer' }),
    ]) {
      await expect(attempt()).rejects.toMatchObject({ code: 'invalid_request' });
    }
    const unknown = '11111111-1111-4111-8111-111111111111';
    await expect(server.client.removePerson(unknown)).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('PEOPLE-5: a token', () => {
  test('never allows more than its maker and its person may do, and lasts no longer than the one it was made with', async () => {
    const { client, person } = await add('Bob', 'owner', { role: 'member', expiresInSeconds: 3600 });
    await expect(client.createToken({ name: 'x', role: 'owner' })).rejects.toMatchObject({
      details: { field: 'role' },
    });
    const [own] = await client.listTokens();
    const made = await client.createToken({ name: 'x', expiresInSeconds: 7200 });
    expect(made).toMatchObject({ role: 'member', personId: person.id, expiresAt: own!.expiresAt });
    await expect(client.createToken({ name: 'x', personId: 'owner' })).rejects.toMatchObject({ code: 'forbidden' });
    const viewer = await server.client.addPerson({ name: 'Vic', role: 'viewer' });
    const more = { name: 'x', personId: viewer.id, role: 'member' } as const;
    await expect(server.client.createToken(more)).rejects.toMatchObject({ details: { field: 'role' } });
  });

  test('is listed and revoked by its person and by owners, and is nothing to others', async () => {
    const [cleo, dan] = await Promise.all([add('Cleo', 'member'), add('Dan', 'member')]);
    const ofCleo = (await cleo.client.listTokens()).map(({ id, isThis }) => [id, isThis]);
    expect(ofCleo).toEqual([[cleo.made.id, true]]);
    await expect(dan.client.revokeToken(cleo.made.id)).rejects.toMatchObject({ code: 'not_found' });
    await cleo.client.revokeToken(cleo.made.id);
    await refused(cleo.client);
    await server.client.revokeToken(dan.made.id);
    await refused(dan.client);
    expect(JSON.stringify(await server.client.listTokens({ everyone: true }))).not.toContain('boo_');
  });

  test('PEOPLE-9: is revoked by none of its person’s that allows less, unless that is its own', async () => {
    const { client, person, made } = await add('Wim', 'owner');
    const make = async (role: Role) => {
      const { id, token } = await server.client.createToken({ name: role, personId: person.id, role });
      return { id, client: clientOf(token) };
    };
    const [member, viewer, other] = [await make('member'), await make('viewer'), await make('viewer')];
    for (const [weak, strong] of [
      [viewer, made.id],
      [viewer, member.id],
      [member, made.id],
    ] as const) {
      await expect(weak.client.revokeToken(strong)).rejects.toMatchObject({ code: 'forbidden' });
    }
    // What counts is what a token allows now.
    await server.client.patchPerson(person.id, { role: 'viewer' });
    await viewer.client.revokeToken(member.id);
    await other.client.revokeToken(viewer.id);
    await other.client.revokeToken(other.id);
    expect((await client.me()).principal.role).toBe('viewer');
  });

  test('of somebody who is removed ends at once, and so do their live socket, feed and terminal', async () => {
    const { client, person } = await add('Finn', 'member');
    const chat = await client.createChat({ cwd: server.workDir, backend: 'claude_pty' });
    const terminal = await client.terminal(chat.id, { WebSocket: await loadSocket() });
    const { live, states } = await openLive(client);
    await until(() => states.includes('open'));
    const feed = client.follow(chat.id)[Symbol.asyncIterator]();
    await feed.next();
    const [gone, feedGone] = [drain(terminal.items), drain({ [Symbol.asyncIterator]: () => feed })];
    await server.client.removePerson(person.id);
    await gone;
    await expect(feedGone).resolves.toMatchObject({ code: 'unauthorized' });
    await until(() => states.at(-1) !== 'open');
    live.close();
    await refused(client);
    // What they did keeps their name; and somebody else may have it now.
    await server.client.addPerson({ name: 'Finn', role: 'viewer' });
  }, 60_000);

  test('has another role at once when its person has', async () => {
    const { client, person } = await add('Gil', 'member');
    const { live, states } = await openLive(client);
    await until(() => states.includes('open'));
    await server.client.patchPerson(person.id, { role: 'viewer' });
    await until(() => states.at(-1) !== 'open');
    live.close();
    expect((await client.me()).principal.role).toBe('viewer');
    await expect(client.createChat({ cwd: server.workDir })).rejects.toMatchObject({ code: 'forbidden' });
  });

  test('made before the person had another role, as a ticket, opens nothing', async () => {
    const { client, person, made } = await add('Hal', 'member');
    const ask = { method: 'POST', headers: { authorization: `Bearer ${made.token}` } };
    const { ticket } = (await (await fetch(`${server.url}/v1/live/tickets`, ask)).json()) as { ticket: string };
    await server.client.removePerson(person.id);
    const headers = { 'sec-websocket-protocol': `boocode.live, ticket.${ticket}` };
    expect((await server.call('GET', '/v1/live', { headers: { ...headers, authorization: '' } })).status).toBe(401);
    await refused(client);
  });
});

describe('PEOPLE-6: the server’s own token', () => {
  test('is replaced without a restart: the old one ends, with what was opened by it, and the new one is in the file', async () => {
    const old = server.client;
    const before = (await readFile(join(server.dataDir, 'token'), 'utf8')).trim();
    const { live, states } = await openLive(old);
    await until(() => states.includes('open'));
    const { client: ada } = await add('Ivy', 'owner');
    expect((await run(before, 'token', 'rotate')).code).toBe(0);
    await until(() => states.at(-1) !== 'open');
    live.close();
    await refused(old);
    const file = join(server.dataDir, 'token');
    const token = (await readFile(file, 'utf8')).trim();
    expect([token === before, token.length]).toEqual([false, 43]);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await clientOf(token).me()).toMatchObject({ principal: { id: 'owner' }, token: null });
    expect((await ada.me()).principal.name).toBe('Ivy');
    await server.restart();
    expect(server.token).toBe(token);
  });
});

describe('PEOPLE-7: an invitation', () => {
  test('makes whoever has its link a person, once, under the name it says or a chosen one', async () => {
    const { client } = server;
    const named = await client.createInvite({ name: 'Jo', role: 'member' });
    expect(named.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#invite=[\w-]{43}$/);
    const code = named.url.split('=')[1]!;
    const stranger = createClient({ url: server.url });
    const { token, principal } = await stranger.acceptInvite({ code, name: 'Not Jo' });
    expect(principal).toMatchObject({ name: 'Jo', role: 'member' });
    expect(await clientOf(token).me()).toMatchObject({ principal, token: { kind: 'browser', idleDays: 90 } });
    await expect(stranger.acceptInvite({ code })).rejects.toMatchObject({ code: 'unauthorized' });

    const open = (await client.createInvite({ role: 'viewer' })).url.split('=')[1]!;
    for (const name of [undefined, 'jo', 'owner']) {
      const attempt = stranger.acceptInvite({ code: open, ...(name !== undefined && { name }) });
      await expect(attempt).rejects.toMatchObject({ code: 'invalid_request', details: { field: 'name' } });
    }
    const both = ['Kim', 'Lee'].map((name) => stranger.acceptInvite({ code: open, name }));
    expect((await Promise.allSettled(both)).map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  });

  test('outlives a restart; withdrawn, over, or of somebody who was removed, it does nothing', async () => {
    const owner = await add('Mo', 'owner');
    const made = await Promise.all(
      [1, 2, 3, 4].map((at) => (at === 4 ? owner : server).client.createInvite({ role: 'viewer' })),
    );
    await server.restart();
    expect(await server.client.listInvites()).toHaveLength(4);
    await server.client.deleteInvite(made[1]!.id);
    await server.sql`update boocode.invites set expires_at = clock_timestamp() where id = ${made[2]!.id}`;
    await server.client.removePerson(owner.person.id);
    const stranger = createClient({ url: server.url });
    const results = await Promise.allSettled(
      made.map(({ url }, at) => stranger.acceptInvite({ code: url.split('=')[1]!, name: `N${at}` })),
    );
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'rejected']);
  });
});

describe('PEOPLE-8: the command line', () => {
  test('adds and shows people, and gives them tokens, each shown once', async () => {
    const { token } = server;
    const made = await run(token, 'token', 'create', '--name', 'nia', '--role', 'viewer', '--expires', '30d');
    expect(made.err).toContain("It is nia's, with the role viewer, until");
    const nia = made.out.trim();
    expect(nia).toMatch(/^boo_[\w-]{43}$/);
    expect((await clientOf(nia).me()).principal).toMatchObject({ name: 'nia', role: 'viewer' });
    const json = JSON.parse(
      (await run(token, 'token', 'create', '--name', 'phone', '--person', 'Nia', '--json')).out,
    ) as CreatedToken;
    expect(json).toMatchObject({ name: 'phone', personName: 'nia', role: 'viewer', expiresAt: null });
    const own = JSON.parse((await run(nia, 'token', 'create', '--name', 'mine', '--json')).out) as CreatedToken;
    expect(own).toMatchObject({ name: 'mine', personName: 'nia' });

    expect((await run(nia, 'token', 'list')).out).toMatch(/nia +nia \(this one\) +token +viewer +\d+s ago/);
    expect((await run(token, 'token', 'list', '--all')).out).toContain('phone');
    expect((await run(token, 'token', 'revoke', json.id.slice(0, 13))).err).toContain('Revoked: phone, of nia.');
    await refused(clientOf(json.token));
    expect((await run(token, 'people', 'role', 'nia', 'member')).err).toBe('nia has the role member now.\n');
    expect((await run(token, 'people')).out).toMatch(/^NAME +ROLE +TOKENS +USED\nowner +owner/);
    expect((await run(nia, 'people', '--json')).out).toContain('"people":[{"id":"owner"');
    expect((await run(token, 'people', 'remove', 'nia')).err).toContain('Removed: nia.');
    await refused(clientOf(nia));
    expect((await run(token, 'people', 'list', '--removed')).out).toMatch(/^nia +member +0/m);
    expect((await run(token, 'people', 'readmit', 'Nia')).err).toContain('nia is here again, with the role member');
    await refused(clientOf(nia));
  });

  test('invites, and says what is wrong', async () => {
    const { token } = server;
    const invited = await run(token, 'people', 'invite', 'ola', '--expires', '1d');
    expect(invited.out).toContain('/#invite=');
    expect(invited.err).toContain('It makes ola a member, once, until');
    const [{ id }] = (await server.client.listInvites()) as [Invite];
    expect((await run(token, 'people')).out).toContain(id.slice(0, 8));
    expect((await run(token, 'people', 'invite', '--withdraw', id.slice(0, 8))).err).toContain('Withdrawn');
    for (const [words, sentence] of [
      [['token', 'create', '--name', 'nobody-yet'], 'say what they may do: owner, member or viewer.'],
      [['token', 'create', '--name', 'x', '--role', 'admin'], 'Allowed choices are owner, member, viewer.'],
      [['token', 'create', '--name', 'x', '--role', 'viewer', '--expires', 'soon'], "--expires: 'soon' is not a time"],
      [['token', 'create', '--name', 'x', '--person', 'nobody'], "Nobody here is called 'nobody'"],
      [['people', 'role', 'ada', 'king'], "'king' is not a role"],
      [['people', 'remove', 'owner'], 'always there'],
      [['people', 'readmit', 'ada-lovelace'], 'Nobody called'],
      [['token', 'revoke', 'abc'], 'No token has an id that starts with abc.'],
    ] as const) {
      const { code, err } = await run(token, ...words);
      expect([code, err]).toEqual([1, expect.stringContaining(sentence)]);
    }
  });
});

/** Reads to the end; the error it ends with, if it does. */
async function drain(items: AsyncIterable<unknown>): Promise<unknown> {
  try {
    for await (const _ of items);
    return undefined;
  } catch (error) {
    return error;
  }
}
