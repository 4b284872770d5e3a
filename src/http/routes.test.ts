import { beforeEach, describe, expect, it, vi } from 'vitest';
import { anActor } from '../../test/support/owners-chats.ts';
import { createMemoryTerminal } from '../../test/support/memory-terminal.ts';
import { createTestApp, type TestApp } from '../../test/support/test-app.ts';
import type { Chat } from '../protocol/chat.ts';
import { BooError } from '../protocol/error.ts';
import { createRoutes, declaredFor } from './app.ts';
import { createTickets } from './tickets.ts';

const nowhere = '11111111-1111-4111-8111-111111111111';
let test: TestApp;
let chat: Chat;

beforeEach(async () => {
  test = createTestApp();
  chat = await test.chats.createChat({ cwd: '/tmp' });
});

async function read(response: Response): Promise<Record<string, unknown>> {
  return (await response.json()) as Record<string, unknown>;
}

async function refusal(method: string, path: string, options?: Parameters<TestApp['call']>[2]) {
  const response = await test.call(method, path, options);
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  return { ...(await read(response)), status: response.status };
}

describe('chats', () => {
  it('are created with 201 and a Location', async () => {
    const response = await test.call('POST', '/v1/chats', { body: { cwd: '/tmp', title: ' A title ' } });
    const created = await read(response);
    expect(response.status).toBe(201);
    expect(response.headers.get('location')).toBe(`/v1/chats/${String(created['id'])}`);
    expect(created).toMatchObject({ cwd: '/tmp', title: 'A title' });
  });

  it('are listed in pages', async () => {
    await test.chats.createChat({ cwd: '/var' });
    const first = await read(await test.call('GET', '/v1/chats?limit=1'));
    expect(first).toMatchObject({ items: [{ cwd: '/var' }], next: '1' });
    expect(await read(await test.call('GET', '/v1/chats?after=1'))).toMatchObject({
      items: [{ cwd: '/tmp' }],
      next: null,
    });
  });

  it('are searched, and listed by whether they are archived', async () => {
    const away = await test.chats.createChat({ cwd: '/var', title: 'Away' });
    await test.call('PATCH', `/v1/chats/${away.id}`, { body: { archived: true } });
    const ids = async (query: string): Promise<unknown[]> =>
      ((await read(await test.call('GET', `/v1/chats?${query}`)))['items'] as { id: string }[]).map(({ id }) => id);
    expect(await ids('archived=true')).toEqual([away.id]);
    expect(await ids('archived=false')).toEqual([chat.id]);
    expect(await ids('archived=any')).toEqual([away.id, chat.id]);
    expect(await ids('q=%20Away%20')).toEqual([away.id]);
    for (const [query, field] of [
      ['archived=yes', 'archived'],
      ['q=', 'q'],
      ['q=%20', 'q'],
      ['q=a%00b', 'q'],
      [`q=${'x'.repeat(201)}`, 'q'],
    ] as const) {
      expect(await refusal('GET', `/v1/chats?${query}`)).toMatchObject({ status: 400, field });
    }
    expect((await test.call('GET', '/v1/usage?group=cwd&from=2027-01-31&to=2027-02-01T00:00:00Z')).status).toBe(200);
    for (const [query, field] of [
      ['group=week', 'group'],
      ['from=2027-02-30', 'from'],
      ['to=2027-01-31T00:00', 'to'],
      ['limit=1001', 'limit'],
      ['days=3', 'days'],
    ] as const) {
      expect(await refusal('GET', `/v1/usage?${query}`)).toMatchObject({ status: 400, field });
    }
    expect((await test.call('GET', '/v1/directories?path=/tmp')).status).toBe(200);
    expect(await refusal('GET', '/v1/directories?path=a%00b')).toMatchObject({ status: 400, field: 'path' });
  });

  it('are read, changed and deleted', async () => {
    const path = `/v1/chats/${chat.id}`;
    expect(await read(await test.call('GET', path))).toMatchObject({ id: chat.id });
    expect(await read(await test.call('GET', path.toUpperCase().replace('/V1/CHATS', '/v1/chats')))).toMatchObject({
      id: chat.id,
    });
    expect(await read(await test.call('PATCH', path, { body: { title: 'New' } }))).toMatchObject({ title: 'New' });
    const deleted = await test.call('DELETE', path);
    expect([deleted.status, await deleted.text()]).toEqual([204, '']);
    expect(await refusal('GET', path)).toMatchObject({ status: 404, code: 'not_found' });
  });

  it.each([
    [{}, 'cwd', 'cwd: is required'],
    [{ cwd: 7 }, 'cwd', 'cwd: must be text'],
    [{ cwd: '' }, 'cwd', 'cwd: must not be empty'],
    [{ cwd: `/${'x'.repeat(4096)}` }, 'cwd', 'cwd: must be at most 4096 characters long'],
    [{ cwd: '/a\u0000b' }, 'cwd', 'cwd: must not contain a NUL character'],
    [{ cwd: '/', title: 'a\u0000b' }, 'title', 'title: must not contain a NUL character'],
    [{ cwd: '/', title: 'x'.repeat(10_001) }, 'title', 'title: must be at most 200 characters long'],
    [{ cwd: '/', trusted: 'yes' }, 'trusted', 'trusted: must be true or false'],
    [{ cwd: '/', backend: 'X' }, 'backend', 'backend: must be a name as in GET /v1/info'],
    [{ cwd: '/', model: '\u001b[6n' }, 'model', 'model: must be printable'],
    [{ cwd: '/', colour: 1 }, 'colour', 'colour: is not known here'],
  ])('are refused with the wrong field named: %j', async (body, field, detail) => {
    const { writes } = test.chats;
    expect(await refusal('POST', '/v1/chats', { body })).toMatchObject({ status: 400, field, detail });
    expect(test.chats.writes).toBe(writes);
  });

  it('are refused without a body', async () => {
    expect(await refusal('POST', '/v1/chats', { headers: { 'content-type': 'application/json' } })).toMatchObject({
      status: 400,
      detail: 'body: is required',
    });
    expect(await refusal('POST', '/v1/chats')).toMatchObject({ status: 415 });
    expect(await refusal('PATCH', `/v1/chats/${chat.id}`, { body: {} })).toMatchObject({
      detail: 'body: must change at least one field',
    });
  });
});

describe('prompts', () => {
  it('return 202 once, then 200 with the same receipt, then 409 for another body', async () => {
    const path = `/v1/chats/${chat.id}/prompts`;
    const first = await test.call('POST', path, { body: { id: 'p1', content: 'hello' } });
    const again = await test.call('POST', path, { body: { id: 'p1', content: 'hello' } });
    expect([first.status, again.status]).toEqual([202, 200]);
    const receipt = await read(first);
    expect(receipt).toEqual({ promptId: 'p1', chatId: chat.id, seq: 1 });
    expect(await read(again)).toEqual(receipt);
    const other = await refusal('POST', path, { body: { id: 'p1', content: 'bye' } });
    expect(other).toMatchObject({ status: 409, code: 'prompt_conflict' });
  });

  it('keep lone surrogates and NUL as they were sent', async () => {
    const text = 'a\u0000b \ud800 c';
    await test.call('POST', `/v1/chats/${chat.id}/prompts`, { body: { content: text } });
    const response = await test.call('GET', `/v1/chats/${chat.id}/events`);
    const raw = await response.text();
    expect(raw).toContain('a\\u0000b \\ud800 c');
    expect((JSON.parse(raw) as { items: { content: { text: string }[] }[] }).items[0]?.content[0]?.text).toBe(text);
  });

  it.each([
    [{ content: 7 }, 'content', 'content: must be text, or must be a list'],
    [{ content: ' ' }, 'content', 'content: must not be empty'],
    [{ content: [] }, 'content', 'content: must not be empty'],
    [{ content: [{ type: 'text', text: 7 }] }, 'content[0].text', 'content[0].text: must be text'],
    [{ content: [{ type: 'sound' }] }, 'content[0].type', 'content[0].type: must be one of text, image'],
    [{ content: [{ type: 'text', text: 'a', b: 1 }] }, 'content[0].b', 'content[0].b: is not known here'],
    [{ id: 'a b', content: 'x' }, 'id', 'id: must be 1 to 128 characters of A-Z a-z 0-9 _ . : -'],
    [
      { content: [{ type: 'image', mimeType: 'image/png', data: '*' }] },
      'content[0].data',
      'content[0].data: must be valid base64',
    ],
  ])('are refused with the wrong field named: %j', async (body, field, detail) => {
    const refused = await refusal('POST', `/v1/chats/${chat.id}/prompts`, { body });
    expect(refused).toMatchObject({ status: 400, field, detail });
    expect(test.chats.writes).toBe(1);
  });

  it('that wait are listed, moved and cancelled', async () => {
    const path = `/v1/chats/${chat.id}/prompts`;
    for (const id of ['a', 'b']) await test.call('POST', path, { body: { id, content: id } });
    expect(await read(await test.call('GET', path))).toMatchObject({ items: [{ promptId: 'a', seq: 1 }, {}] });
    expect((await test.call('PATCH', `${path}/a`, { body: { before: null } })).status).toBe(200);
    expect((await test.call('DELETE', `${path}/a`)).status).toBe(204);
    expect(await refusal('DELETE', `${path}/a`)).toMatchObject({ status: 409, code: 'prompt_taken' });
    expect(await refusal('DELETE', `${path}/c`)).toMatchObject({ status: 404 });
    expect(await refusal('DELETE', `${path}/a%20b`)).toMatchObject({ status: 404 });
    expect(await refusal('PATCH', `${path}/b`, { body: {} })).toMatchObject({ status: 400, field: 'before' });
    expect(await refusal('PATCH', `${path}/b`, { body: { before: 'a b' } })).toMatchObject({ field: 'before' });
  });

  it('can be interrupted, with no body or an empty object', async () => {
    const path = `/v1/chats/${chat.id}/interrupt`;
    const answer = { interrupted: false, turnId: null };
    expect(await read(await test.call('POST', path))).toEqual(answer);
    expect(await read(await test.call('POST', path, { body: {} }))).toEqual(answer);
    expect(await refusal('POST', path, { body: { force: true } })).toMatchObject({ status: 400, field: 'force' });
  });
});

describe('cursors and limits', () => {
  const bad = ['', 'abc', '-1', '1.5', '1e3', '01', '+1', '0x1', ' 1', '٣', '9007199254740992', '9223372036854775808'];
  it.each(bad)('refuse "%s"', async (value) => {
    for (const path of ['/v1/chats', '/v1/decisions', `/v1/chats/${chat.id}/events`]) {
      for (const field of ['after', 'limit']) {
        const refused = await refusal('GET', `${path}?${field}=${encodeURIComponent(value)}`);
        expect(refused).toMatchObject({ status: 400, code: 'invalid_request', field });
      }
    }
  });

  it.each(['', 'abc', '-1', '1.5', '9007199254740992'])('refuse "%s" as the last event id', async (value) => {
    const headers = { accept: 'text/event-stream', 'last-event-id': value };
    const refused = await refusal('GET', `/v1/chats/${chat.id}/events`, { headers });
    expect(refused).toMatchObject({ status: 400, field: 'last-event-id' });
    expect(test.chats.openReaders).toBe(0);
  });

  it('are accepted only once', async () => {
    const refused = await refusal('GET', `/v1/chats/${chat.id}/events?after=1&after=2`);
    expect(refused).toMatchObject({ status: 400, field: 'after', detail: 'after: must be given only once' });
  });

  it('are bounded', async () => {
    const bounds: [string, number][] = [
      ['/v1/chats', 200],
      ['/v1/decisions', 200],
      [`/v1/chats/${chat.id}/events`, 1000],
    ];
    for (const [path, most] of bounds) {
      expect((await test.call('GET', `${path}?limit=${most}&after=9007199254740991`)).status).toBe(200);
      for (const limit of [0, most + 1]) {
        const detail = `limit: must be a whole number from 1 to ${most}`;
        expect(await refusal('GET', `${path}?limit=${limit}`)).toMatchObject({ status: 400, detail });
      }
    }
  });

  it('cut a page of events before a seq', async () => {
    for (const content of ['a', 'b', 'c']) await test.chats.submitPrompt(anActor, chat.id, { content });
    const path = `/v1/chats/${chat.id}/events`;
    const page = await read(await test.call('GET', `${path}?before=3&limit=1`));
    expect(page).toMatchObject({ items: [{ seq: 2 }], next: 2, head: 3 });
    expect(await refusal('GET', `${path}?before=3&after=1`)).toMatchObject({ status: 400, field: 'before' });
    expect(await refusal('GET', `${path}?before=x`)).toMatchObject({ status: 400, field: 'before' });
    const headers = { accept: 'text/event-stream' };
    expect(await refusal('GET', `${path}?before=3`, { headers })).toMatchObject({ status: 400, field: 'before' });
  });

  it('cut a page of events', async () => {
    for (const content of ['a', 'b', 'c']) await test.chats.submitPrompt(anActor, chat.id, { content });
    const page = await read(await test.call('GET', `/v1/chats/${chat.id}/events?after=1&limit=1`));
    expect(page).toMatchObject({ items: [{ seq: 2 }], next: 2, head: 3 });
  });
});

describe('decisions', () => {
  it('are listed by status and chat', async () => {
    const decision = test.chats.addDecision(chat.id);
    const ids = async (query: string): Promise<unknown[]> =>
      ((await read(await test.call('GET', `/v1/decisions${query}`)))['items'] as { id: string }[]).map(({ id }) => id);
    expect(await ids('?status=pending')).toEqual([decision.id]);
    expect(await ids(`?status=pending&chatId=${chat.id}`)).toEqual([decision.id]);
    expect(await ids(`?chatId=${nowhere}`)).toEqual([]);
    expect(await ids('?status=resolved')).toEqual([]);
    expect(await refusal('GET', '/v1/decisions?status=x')).toMatchObject({ status: 400, field: 'status' });
    expect(await refusal('GET', '/v1/decisions?chatId=x')).toMatchObject({ status: 400, field: 'chatId' });
  });

  it('are settled by the first answer; a later one gets the winning answer', async () => {
    const { id } = test.chats.addDecision(chat.id);
    const headers = { 'boocode-client': 'phone' };
    const won = await test.call('POST', `/v1/decisions/${id}`, { body: { outcome: 'allow' }, headers });
    expect(await read(won)).toMatchObject({ outcome: 'allow', by: 'owner', via: 'phone' });
    const lost = await refusal('POST', `/v1/decisions/${id}`, { body: { outcome: 'deny' } });
    expect(lost).toMatchObject({
      status: 409,
      code: 'decision_settled',
      decision: { outcome: 'allow', by: 'owner', via: 'phone' },
    });
  });

  it('are answered by `api` if the client gives no name', async () => {
    const { id } = test.chats.addDecision(chat.id);
    const answer = await test.call('POST', `/v1/decisions/${id}`, { body: { outcome: 'deny' } });
    expect(await read(answer)).toMatchObject({ by: 'owner', via: 'api' });
  });

  it.each(['', 'x'.repeat(65), 'caf\u00e9', 'a\tb'])('refuse the client name "%s"', async (name) => {
    const { id } = test.chats.addDecision(chat.id);
    const options = { body: { outcome: 'allow' }, headers: { 'boocode-client': name } };
    expect(await refusal('POST', `/v1/decisions/${id}`, options)).toMatchObject({
      status: 400,
      field: 'boocode-client',
    });
  });

  it('accept no input with a denial', async () => {
    const { id } = test.chats.addDecision(chat.id);
    const body = { outcome: 'deny', input: {} };
    expect(await refusal('POST', `/v1/decisions/${id}`, { body })).toMatchObject({ status: 400, field: 'input' });
    expect(await refusal('POST', `/v1/decisions/${id}`, { body: { outcome: 'no' } })).toMatchObject({
      detail: 'outcome: must be one of allow, allow_always, deny',
    });
  });
});

describe('the system', () => {
  it('reports its health without a token', async () => {
    const ask = async () => test.app.request('/healthz', { headers: { host: '127.0.0.1' } });
    expect([(await ask()).status, await read(await ask())]).toEqual([200, { name: 'boocode', status: 'ok' }]);
    test.chats.healthy = false;
    expect([(await ask()).status, await read(await ask())]).toEqual([
      503,
      {
        name: 'boocode',
        status: 'unavailable',
        reason: 'database_unreachable',
        message: expect.stringMatching(
          /^The database cannot be reached\. .*check that Postgres is running\.$/,
        ) as string,
      },
    ]);
  });

  it('ACCESS-10: shares one database query among concurrent requests, because anyone may ask', async () => {
    const health = vi.spyOn(test.chats, 'health');
    const ask = async () => test.app.request('/healthz', { headers: { host: 'localhost' } });
    await Promise.all(Array.from({ length: 100 }, ask));
    expect(health).toHaveBeenCalledTimes(1);
    await ask();
    expect(health).toHaveBeenCalledTimes(2);
  });

  it('describes itself', async () => {
    expect(await read(await test.call('GET', '/v1/info'))).toMatchObject({ name: 'boocode', demo: true });
  });

  it('exchanges a sign-in code for the token once', async () => {
    const body = { code: test.codes.issue().code };
    const headers = { authorization: '' };
    const first = await test.call('POST', '/v1/sign-in', { body, headers });
    expect(await read(first)).toEqual({ token: 'a-token-for-tests-0123456789' });
    expect(await refusal('POST', '/v1/sign-in', { body, headers })).toMatchObject({ status: 401, field: 'code' });
  });

  it('answers an unknown path with 404, and a wrong method with 405 and the allowed ones', async () => {
    for (const path of ['/v2', '/v1/chats/', '/v1/chats//events', '/V1/info', '/.env', '/..%2f..%2fpackage.json']) {
      expect(await refusal('GET', path)).toMatchObject({ status: 404, code: 'not_found' });
    }
    const refused = await test.call('PUT', `/v1/chats/${chat.id}`);
    expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, HEAD, PATCH, DELETE']);
  });

  it('answers HEAD like GET without a body', async () => {
    const head = await test.call('HEAD', '/v1/info');
    expect([head.status, await head.text()]).toEqual([200, '']);
    expect((await test.call('HEAD', '/v1/info', { headers: { authorization: '' } })).status).toBe(401);
  });

  it('sends the security headers with every response', async () => {
    const answers = [
      await test.call('GET', '/healthz'),
      await test.call('GET', `/v1/chats/${chat.id}`),
      await test.call('GET', '/nowhere'),
      await test.call('GET', '/v1/info', { headers: { authorization: '' } }),
      await test.call('GET', '/v1/info', { headers: { host: 'evil.example' } }),
      await test.call('OPTIONS', '/v1/info', { headers: { origin: 'http://localhost:4700' } }),
    ];
    for (const { headers } of answers) {
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self'; /);
      expect([...headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
    }
  });
});

describe('errors', () => {
  it.each([
    [new BooError('storage_unavailable', 'The database does not answer.'), 503, 'The database does not answer.'],
    [new BooError('cwd_invalid', 'cwd: is a file.', { details: { field: 'cwd' } }), 400, 'cwd: is a file.'],
  ])('from the chats keep their code and message', async (error, status, detail) => {
    test.chats.failWith(error);
    expect(await refusal('POST', '/v1/chats', { body: { cwd: '/' } })).toMatchObject({
      status,
      code: error.code,
      detail,
    });
    expect(test.errors).toEqual([]);
  });

  it.each([new Error('password=hunter2'), new BooError('internal', 'password=hunter2'), 'password=hunter2'])(
    'that are unexpected are logged and not revealed: %s',
    async (thrown) => {
      test.chats.failWith(thrown);
      const response = await test.call('GET', '/v1/chats');
      expect(response.status).toBe(500);
      expect(await response.text()).not.toContain('hunter2');
      expect(JSON.stringify(test.errors.map(({ facts }) => String((facts as { err: Error }).err)))).toContain(
        'hunter2',
      );
      expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    },
  );

  it('cannot overwrite the members of a problem', async () => {
    test.chats.failWith(new BooError('chat_busy', 'Busy.', { details: { status: 200, code: 'ok', detail: 'fine' } }));
    expect(await refusal('PATCH', `/v1/chats/${chat.id}`, { body: { title: 'Title' } })).toMatchObject({
      status: 409,
      code: 'chat_busy',
      detail: 'Busy.',
    });
  });
});

describe('answers', () => {
  it('have the shape that their route declares', async () => {
    const decision = test.chats.addDecision(chat.id);
    const bodies: Record<string, unknown> = {
      '/v1/chats': { cwd: '/' },
      '/v1/chats/{chatId}': { title: 'x' },
      'PATCH /v1/chats/{chatId}/shares': { visibility: 'team' },
      'POST /v1/chats/{chatId}/shares': { person: 'Eve' },
      '/v1/chats/{chatId}/host': { hostId: chat.id },
      '/v1/chats/{chatId}/resume': {},
      '/v1/chats/{chatId}/rewind': {},
      '/v1/chats/{chatId}/aside': { question: 'x' },
      '/v1/chats/{chatId}/fork': { at: 1 },
      '/v1/chats/{chatId}/changes/stage': { paths: [{ path: 'a' }] },
      '/v1/chats/{chatId}/changes/unstage': { paths: [{ path: 'a' }] },
      '/v1/chats/{chatId}/changes/discard': { path: 'a', tree: '0'.repeat(40) },
      '/v1/chats/{chatId}/changes/undo': { undo: chat.id },
      '/v1/chats/{chatId}/changes/commit': { message: 'x' },
      '/v1/chats/{chatId}/worktree/merge': {},
      '/v1/chats/{chatId}/worktree/rebase': {},
      '/v1/chats/{chatId}/schedules': { cron: '0 9 * * *', content: 'x' },
      '/v1/chats/{chatId}/schedules/{scheduleId}': { isPaused: true },
      '/v1/chats/{chatId}/trust': { digest: '0'.repeat(64) },
      '/v1/chats/{chatId}/prompts': { id: 'p', content: 'x' },
      '/v1/chats/{chatId}/prompts/{promptId}': { before: null },
      '/v1/decisions/{decisionId}': { outcome: 'allow' },
      '/v1/budgets': { dayUsd: 5 },
      '/v1/drain': {},
      '/v1/imports': { cwd: '/', sessionId: chat.id },
      '/v1/imports/{importId}/lines': { lines: ['{"type":"user"}'] },
      '/v1/people': { name: 'Ada', role: 'member' },
      '/v1/people/{personId}': { role: 'member' },
      '/v1/secrets': { name: 'GITHUB_TOKEN', value: 'x'.repeat(20) },
      '/v1/secrets/rekey': { freshKey: true },
      '/v1/chats/{chatId}/secrets': { name: 'GITHUB_TOKEN' },
      '/v1/tokens': { name: 'x' },
      '/v1/chats/{chatId}/links': {},
      '/v1/invites': { role: 'viewer' },
      '/v1/invites/accept': { code: 'x' },
      'POST /v1/passkeys': {
        name: 'x',
        credential: { id: 'x', response: { clientDataJSON: 'x', attestationObject: 'x' } },
      },
      '/v1/sign-in/passkey': {
        credential: {
          id: 'x',
          response: { clientDataJSON: 'x', authenticatorData: 'x', signature: 'x', userHandle: 'x' },
        },
      },
      '/v1/sign-in': { code: test.codes.issue().code },
      '/v1/chats/{chatId}/terminal/tickets': { access: 'read' },
    };
    test.chats.setTerminal(chat.id, createMemoryTerminal());
    const { id: importId } = await test.chats.beginImport({ cwd: '/', sessionId: chat.id });
    let checked = 0;
    for (const { handler } of test.app.routes) {
      const route = declaredFor(handler);
      if (route === undefined || route === 'guard' || route.method === 'DELETE') continue;
      const ids = {
        chatId: chat.id,
        decisionId: decision.id,
        importId,
        scheduleId: importId,
        promptId: 'p',
        personId: 'owner',
        file: 'app.js',
      };
      const path = Object.entries(ids).reduce((text, [name, id]) => text.replace(`{${name}}`, id), route.path);
      const body = route.method === 'GET' ? undefined : (bodies[`${route.method} ${route.path}`] ?? bodies[route.path]);
      const headers = {
        origin: 'http://localhost:4700',
        ...(route.policy === 'link' && { authorization: `Bearer ${test.shareLinks.add(chat.id)}` }),
      };
      const response = await test.call(route.method, path, { headers, ...(body !== undefined && { body }) });
      // No WebSocket was requested, there is no account to sign in, and nobody comes from a provider.
      if (response.status === 426 || route.path.startsWith('/v1/agent-sign-in')) continue;
      if (route.id === 'endSingleSignOn') continue;
      const declared = [route.responses[response.status] ?? []].flat()[0];
      expect(declared, `${route.method} ${path} gave ${response.status}`).toBeDefined();
      const [type = ''] = (response.headers.get('content-type') ?? '').split(';');
      const text = await response.text();
      const values: unknown[] =
        type === 'application/x-ndjson'
          ? text
              .split('\n')
              .slice(0, -1)
              .map((line): unknown => JSON.parse(line))
          : type === 'text/event-stream'
            ? [...text.matchAll(/^data: (.*)$/gm)].map(([, data = '']): unknown => JSON.parse(data))
            : [type.endsWith('json') ? (JSON.parse(text) as unknown) : text];
      for (const value of values) declared?.schema?.parse(value);
      checked += 1;
    }
    expect(checked).toBeGreaterThan(12);
  });
});

it('HOST-3: everything that changes a chat is done by the host that holds it', () => {
  const routes = createRoutes({ ...test, signInCodes: test.codes, access: { token: 'x' } }, createTickets());
  const ofChats = routes.filter(({ path }) => /\{(?:chatId|decisionId)\}/.test(path));
  const here = ofChats.filter(({ byHolder }) => !byHolder || byHolder === 'if_missing').map(({ id }) => id);
  // Stored state, which a fork copies; and terminals, which find their own way because tickets are valid on one host only.
  expect(here.toSorted()).toEqual([
    'createShareLink',
    'createTerminalTicket',
    'forkChat',
    'getSharing',
    'getWakeCost',
    'listChatSchedules',
    'listEvents',
    'listPrompts',
    'listShareLinks',
    'openTerminal',
    'readTranscript',
    'revokeShareLink',
    'setVisibility',
    'shareChat',
    'unshareChat',
  ]);
});
