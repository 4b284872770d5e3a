// Private, shared and the team's chats on a whole server: nothing of another's private chat is in any list, stream or search.
import { mkdtempSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { type BooClient, createClient, type Role } from '../../src/client/client.ts';
import { runCli } from '../../src/cli/run.ts';
import { createFakeTerminal } from '../support/fake-terminal.ts';
import { initRepository } from '../support/git-repository.ts';
import { call, openServer, type TestServer } from '../support/server.ts';
import { runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

let server: TestServer;
let [ada, eve, vic]: { id: string; token: string; client: BooClient }[] = [];
let hers: string;
const marker = 'SECRETMARK';

async function add(name: string, role: Role) {
  const { id } = await server.client.addPerson({ name, role });
  const { token } = await server.client.createToken({ name: 'first', personId: id });
  return { id, token, client: createClient({ url: server.url, token, clientName: 'test' }) };
}

beforeAll(async () => {
  server = await openServer();
  [ada, eve, vic] = [await add('Ada', 'member'), await add('Eve', 'member'), await add('Vic', 'viewer')];
  ({ id: hers } = await ada.client.createChat({ cwd: server.workDir, title: `${marker} title` }));
  await runTurn(ada.client, hers, `say ${marker}`);
  await ada.client.createSchedule(hers, { cron: '0 9 1 1 *', content: `${marker} later` });
  await ada.client.prompt(hers, { content: `run: touch ${server.workDir}/${marker}` });
  await until(async () => (await ada!.client.listDecisions({ status: 'pending' })).items.length > 0, {
    timeoutMs: 60_000,
    what: 'a decision',
  });
}, 120_000);
afterAll(() => server.close());

const ask = (token: string, method: string, path: string, body?: unknown) =>
  call({ url: server.url, token }, method, path, { body });

/** Everything that lists or adds up: every GET of the document without an id in its path. */
async function lists(token: string): Promise<string> {
  const document = (await ask(server.token, 'GET', '/v1/openapi.json')).body as {
    paths: Record<string, { get?: object }>;
  };
  const paths = Object.entries(document.paths).flatMap(([path, { get }]) =>
    get && path.startsWith('/v1/') && !path.includes('{') && path !== '/v1/openapi.json' ? [path] : [],
  );
  expect(paths).toEqual(
    expect.arrayContaining(['/v1/chats', '/v1/decisions', '/v1/schedules', '/v1/usage', '/v1/worktrees']),
  );
  const queries = [
    `/v1/chats?q=${marker}`,
    '/v1/chats?q=title',
    '/v1/usage?group=chat',
    `/v1/decisions?chatId=${hers}`,
  ];
  const answers = [];
  for (const path of [...paths, ...queries]) answers.push((await ask(token, 'GET', path)).body);
  return JSON.stringify(answers);
}

/** What the live socket tells of all chats, until this has been said. */
async function liveUntil(token: string, isEnough: (text: string) => boolean, act = async () => {}): Promise<string> {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/live`, {
    headers: { authorization: `Bearer ${token}` },
  });
  let text = '';
  socket.on('message', (data: Buffer) => (text += data.toString()));
  await new Promise((resolve) => socket.once('open', resolve));
  socket.send(JSON.stringify({ type: 'follow_chats' }));
  socket.send(JSON.stringify({ type: 'follow', chatId: hers, after: 0 }));
  await until(() => text.includes('chats_followed'));
  await act();
  await until(() => isEnough(text));
  socket.terminate();
  return text;
}

test('SHARE-3: nothing of another’s private chat is in any list, search, sum or stream', async () => {
  for (const { token } of [eve!, vic!]) {
    const all = await lists(token);
    expect(all).not.toContain(marker);
    expect(all).not.toContain(hers);
    expect((await ask(token, 'GET', `/v1/chats/${hers}`)).status).toBe(404);
    expect((await ask(token, 'GET', `/v1/chats/${hers}/events`)).status).toBe(404);
    const live = await liveUntil(
      token,
      (text) => text.includes('ended'),
      async () => {
        await ada!.client.patchChat(hers, { title: `${marker} again` });
      },
    );
    expect(live).not.toContain(marker);
  }
  for (const { token } of [ada!, { token: server.token }]) {
    expect(await lists(token)).toContain(`${marker} later`);
    const live = await liveUntil(token, (text) => text.includes('decision') && text.includes(`say ${marker}`));
    expect(live).toContain(marker);
  }
});

test('SHARE-2: its owner shares it to read, to take part, or with the team, and takes that back', async () => {
  const shares = `/v1/chats/${hers}/shares`;
  const prompt = (token: string) => ask(token, 'POST', `/v1/chats/${hers}/warm`, {});
  expect((await ask(ada!.token, 'GET', shares)).body).toEqual({
    owner: { id: ada!.id, name: 'Ada' },
    visibility: 'private',
    items: [],
    yours: 'own',
  });
  expect((await ask(ada!.token, 'POST', shares, { person: 'Nobody' })).body).toMatchObject({ field: 'person' });
  expect((await ask(ada!.token, 'POST', shares, { person: 'eve' })).body).toMatchObject({
    items: [{ person: { id: eve!.id, name: 'Eve' }, access: 'reader' }],
  });
  expect((await eve!.client.listChats()).items.map(({ id }) => id)).toEqual([hers]);
  expect(await prompt(eve!.token)).toMatchObject({ status: 403, body: { code: 'forbidden' } });
  await ask(ada!.token, 'POST', shares, { person: eve!.id, access: 'participant' });
  expect((await prompt(eve!.token)).status).toBeLessThan(300);
  for (const [method, path, body] of [
    ['POST', shares, { person: 'Vic' }],
    ['PATCH', shares, { visibility: 'team' }],
    ['DELETE', `${shares}/${eve!.id}`, undefined],
    ['DELETE', `/v1/chats/${hers}`, undefined],
  ] as const) {
    expect([path, (await ask(eve!.token, method, path, body)).status]).toEqual([path, 403]);
  }
  await ask(ada!.token, 'DELETE', `${shares}/${eve!.id}`);
  expect((await prompt(eve!.token)).status).toBe(404);
  await ask(ada!.token, 'PATCH', shares, { visibility: 'team' });
  expect((await prompt(eve!.token)).status).toBeLessThan(300);
  expect((await ask(vic!.token, 'GET', `/v1/chats/${hers}`)).status).toBe(200);
  expect((await eve!.client.getSharing(hers)).yours).toBe('participant');
  expect(await lists(vic!.token)).toContain(marker);
  await ask(ada!.token, 'PATCH', shares, { visibility: 'private' });
  expect(await lists(vic!.token)).not.toContain(marker);
  const { items } = await server.client.audit({ chat: hers, act: 'setVisibility', person: 'Ada' });
  expect(items.map(({ details }) => details['visibility'])).toEqual(['private', 'team']);
});

test('SHARE-2: what somebody makes of a chat is theirs, and as visible as they say', async () => {
  const { id: open } = await ada!.client.createChat({ cwd: server.workDir, visibility: 'team' });
  expect(await eve!.client.getSharing(open)).toMatchObject({ owner: { id: ada!.id }, visibility: 'team' });
  await runTurn(eve!.client, open, 'say hello');
  const fork = await eve!.client.fork(open, {});
  expect(await server.client.getSharing(fork.id)).toMatchObject({ owner: { id: eve!.id }, visibility: 'private' });
  expect((await ask(ada!.token, 'GET', `/v1/chats/${fork.id}`)).status).toBe(404);
  // A token of the server's owner with a lesser role sees what is the owner's.
  const { id: owners } = await server.client.createChat({ cwd: server.workDir });
  const { token } = await server.client.createToken({ name: 'lesser', role: 'member' });
  expect((await ask(token, 'GET', `/v1/chats/${owners}`)).status).toBe(200);
  expect((await ask(token, 'GET', `/v1/chats/${hers}`)).status).toBe(404);
  expect((await ask(ada!.token, 'GET', `/v1/chats/${owners}`)).status).toBe(404);
});

test('SHARE-3: a refusal names no chat that one may not see', async () => {
  const dir = realpathSync(mkdtempSync(join(server.workDir, 'repo-')));
  initRepository(dir);
  const made = await ada!.client.createChat({ cwd: dir, isolation: 'worktree' });
  const other = await server.client.createChat({ cwd: made.worktree!.path, title: `${marker} of the owner` });
  const removed = await ask(ada!.token, 'DELETE', `/v1/chats/${made.id}/worktree`);
  expect(removed).toMatchObject({ status: 409, body: { code: 'worktree_refused', reason: 'other_chats' } });
  expect(JSON.stringify(removed.body)).not.toMatch(new RegExp(`${marker}|${other.id}`));
  const byOwner = await ask(server.token, 'DELETE', `/v1/chats/${made.id}/worktree`);
  expect(byOwner.body).toMatchObject({ chatId: other.id });
});

test('AUDIT-4: what the owner reads of another’s chat is in the audit log, and what somebody reads of their own is not', async () => {
  const { id } = await ada!.client.createChat({ cwd: server.workDir });
  for (const client of [server.client, ada!.client]) await client.events(id);
  const { items } = await server.client.audit({ chat: id, act: 'readChat' });
  expect(items.map(({ person }) => person?.id)).toEqual(['owner']);
});

test('SHARE-5: boocode share tells whose a chat is, and shares it', async () => {
  const { id } = await ada!.client.createChat({ cwd: server.workDir });
  const run = async (...words: string[]) => {
    const terminal = createFakeTerminal({});
    const env = { HOME: '/nonexistent', BOOCODE_URL: server.url, BOOCODE_TOKEN: ada!.token };
    const cli = { terminal, env, exitCode: 0 };
    await runCli(cli, ['share', id, ...words]);
    return { code: cli.exitCode, out: terminal.stdout, err: terminal.stderr };
  };
  expect(await run()).toMatchObject({ code: 0, out: 'It belongs to Ada, and is private.\n' });
  expect((await run('Eve', '--participant')).out).toBe('It belongs to Ada, and is private.\nEve: participant\n');
  expect((await run('--team', 'Eve', '--stop')).out).toBe(
    'It belongs to Ada, and is the team’s: everybody here sees it.\n',
  );
  expect(JSON.parse((await run('--private', '--json')).out)).toMatchObject({ visibility: 'private', items: [] });
  expect(await run('Nobody')).toMatchObject({ code: 1, err: expect.stringContaining('nobody') as string });
  expect((await run('--stop')).code).toBe(1);
});

test('SHARE-6 SHARE-9 SHARE-11: a link made on the command line shows its chat to anybody, or a part of it, until it is revoked', async () => {
  const { id } = await ada!.client.createChat({ cwd: server.workDir });
  await runTurn(ada!.client, id, 'say FIRST-WORD');
  const { head } = await ada!.client.getChat(id);
  await runTurn(ada!.client, id, 'say SECOND-WORD');
  const run = async (token: string, ...words: string[]) => {
    const terminal = createFakeTerminal({});
    const cli = { terminal, env: { HOME: '/nonexistent', BOOCODE_URL: server.url, BOOCODE_TOKEN: token }, exitCode: 0 };
    await runCli(cli, ['share', ...words]);
    return { code: cli.exitCode, out: terminal.stdout, err: terminal.stderr };
  };
  const secretIn = (url: string) => new URLSearchParams(new URL(url.trim()).hash.slice(1)).get('share')!;
  const read = async (secret: string) => {
    const answers = [];
    for (const path of ['/v1/shared', '/v1/shared/events', `/v1/shared/events?after=${head}`]) {
      answers.push(await ask(secret, 'GET', path));
    }
    return { statuses: [...new Set(answers.map(({ status }) => status))], text: JSON.stringify(answers) };
  };
  const whole = await run(ada!.token, 'link', id.slice(0, 12));
  expect(whole).toMatchObject({ code: 0, err: expect.stringContaining('as it goes on') as string });
  expect(whole.out).toMatch(/^http:\/\/\S+\/#share=boolink_[\w-]{43}\n$/);
  const part = JSON.parse(
    (await run(ada!.token, 'link', id, '--until', String(head), '--expires', '2h', '--json')).out,
  ) as {
    id: string;
    url: string;
    until: number;
  };
  expect(part.until).toBe(head);
  const [all, some] = [secretIn(whole.out), secretIn(part.url)];
  const ofAll = await read(all);
  expect(ofAll).toMatchObject({ statuses: [200], text: expect.stringContaining('SECOND-WORD') as string });
  // Neither where it runs, nor what it cost, nor who anybody is.
  for (const mark of ['session_started', 'usage_update', ada!.id, '"costUsd":0.'])
    expect(ofAll.text).not.toContain(mark);
  const ofSome = await read(some);
  expect(ofSome).toMatchObject({ statuses: [200], text: expect.stringContaining('FIRST-WORD') as string });
  expect(ofSome.text).not.toContain('SECOND-WORD');

  const feed = await fetch(`${server.url}/v1/shared/events?after=${head}`, {
    headers: { authorization: `Bearer ${all}`, accept: 'text/event-stream' },
  });
  const fed = feed.text();
  await runTurn(ada!.client, id, 'say THIRD-WORD');
  expect((await run(ada!.token, 'links', id)).out).toMatch(/up to event \d+ +made \ds ago by Ada +opened \ds ago/);
  expect(await run(eve!.token, 'link', id)).toMatchObject({ code: 1 });
  await ada!.client.shareChat(id, { person: 'Eve', access: 'participant' });
  expect((await ask(eve!.token, 'GET', `/v1/chats/${id}/links`)).status).toBe(403);
  expect(await run(ada!.token, 'revoke', id, part.id.slice(0, 8))).toMatchObject({ code: 0 });
  const [left] = JSON.parse((await run(ada!.token, 'links', id, '--json')).out) as { id: string }[];
  await run(ada!.token, 'revoke', id, left!.id);
  const text = await fed;
  expect(text).toContain('THIRD-WORD');
  expect(text).not.toMatch(/session_started|usage_update/);
  for (const secret of [all, some]) expect((await read(secret)).statuses).toEqual([401]);
  for (const [words, said] of [
    [['link', id, '--until', 'x'], 'number of an event'],
    [['link', id, '--until', '999999'], 'no event 999999'],
    [['link', id, '--expires', '400d'], 'expiresInSeconds'],
    [['revoke', id, '00000000'], 'No link has an id'],
    [['links', id], 'There are none'],
  ] as const) {
    expect((await run(ada!.token, ...words)).err).toContain(said);
  }
});
