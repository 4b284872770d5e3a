import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Chat } from '../../src/protocol/chat.ts';
import type { Event } from '../../src/protocol/event.ts';
import { type CallOptions, openServer, type TestServer } from '../support/server.ts';
import { readStoredState } from '../support/stored-state.ts';
import { eventsOf, nextEvent, readLog, runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

const nowhere = '00000000-0000-4000-8000-000000000000';

let server: TestServer;
let chat: Chat;
let log: Event[];
/** A decision that is settled before the attempts. */
let settledId: string;
/** A decision that stays pending throughout. */
let waitingId: string;
let before: unknown;

beforeAll(async () => {
  server = await openServer();
  chat = await server.createChat();
  const turn = await runTurn(server.client, chat.id, 'run: env true', {
    id: 'taken',
    answer: () => ({ outcome: 'allow' }),
  });
  settledId = eventsOf(turn.events, 'decision_requested')[0]?.decisionId ?? '';
  const other = await server.createChat();
  await server.client.prompt(other.id, { content: 'run: touch never' });
  waitingId = (await nextEvent(server.client, other.id, 'decision_requested')).decisionId;
  await writeFile(join(server.workDir, 'file'), 'no directory');
  // The mirrored transcripts lag slightly behind the agents' own files.
  await until(async () => (await storedEntries()) === (await writtenEntries()), { what: 'the whole transcripts' });
  log = await readLog(server.client, chat.id);
});
beforeEach(async () => {
  before = await readStoredState(server.sql);
});
afterAll(() => server.close());

async function storedEntries(): Promise<number> {
  const [row] = await server.sql<{ rows: number }[]>`select count(*) as rows from boocode.claude_session_entries`;
  return row?.rows ?? 0;
}

async function writtenEntries(): Promise<number> {
  const projects = join(server.agent.configDir, 'projects');
  const files = (await readdir(projects, { recursive: true })).filter((file) => file.endsWith('.jsonl'));
  const texts = await Promise.all(files.map((file) => readFile(join(projects, file), 'utf8')));
  // The program does not mirror its records of requests.
  return texts
    .flatMap((text) => text.split('\n'))
    .filter((line) => line !== '' && !line.includes('"type":"api-request')).length;
}

interface Wanted {
  status: number;
  code: string;
  field?: string;
}

/** The error of a request that must be refused. Fails if anything stored has changed. */
async function attempt(method: string, path: string, options: CallOptions = {}): Promise<Wanted> {
  const { status, headers, body } = await server.call(method, path, options);
  expect(headers.get('content-type')).toBe('application/problem+json');
  // One sentence for people, without internals of the server.
  const detail = String(body['detail']);
  expect(detail.trim()).not.toBe('');
  expect(detail).not.toMatch(/\n\s+at |node_modules|postgres|select |BooError/);
  expect(await readStoredState(server.sql)).toEqual(before);
  const field = body['field'];
  return { status, code: String(body['code']), ...(typeof field === 'string' ? { field } : {}) };
}

const invalid = (field: string): Wanted => ({ status: 400, code: 'invalid_request', field });

describe('ACCESS-1 ACCESS-2: the caller', () => {
  test.each<[string, Record<string, string>, number, string]>([
    ['no token', { authorization: '' }, 401, 'unauthorized'],
    ['an empty token', { authorization: 'Bearer ' }, 401, 'unauthorized'],
    ['a wrong token', { authorization: `Bearer ${'x'.repeat(43)}` }, 401, 'unauthorized'],
    ['a foreign origin', { origin: 'https://evil.example' }, 403, 'forbidden_origin'],
    ['the origin null', { origin: 'null' }, 403, 'forbidden_origin'],
    ['another port of this machine', { origin: 'http://127.0.0.1:1' }, 403, 'forbidden_origin'],
  ])('%s is refused on reading, writing and deleting', async (_what, headers, status, code) => {
    expect(await attempt('GET', `/v1/chats/${chat.id}`, { headers })).toMatchObject({ status, code });
    expect(await attempt('POST', '/v1/chats', { headers, body: { cwd: server.workDir } })).toMatchObject({
      status,
      code,
    });
    expect(
      await attempt('POST', `/v1/chats/${chat.id}/prompts`, { headers, body: { content: 'hello' } }),
    ).toMatchObject({ status, code });
    expect(await attempt('POST', `/v1/decisions/${waitingId}`, { headers, body: { outcome: 'allow' } })).toMatchObject({
      status,
      code,
    });
    expect(await attempt('DELETE', `/v1/chats/${chat.id}`, { headers })).toMatchObject({ status, code });
  });

  test.each([
    ['foreign', 'evil.example', 403],
    ['with a trailing dot', 'localhost.', 403],
    ['missing', null, 400],
  ])('a Host that is %s is refused', async (_what, host, status) => {
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    const lines = [
      `GET /v1/chats/${chat.id} HTTP/1.1`,
      ...(host === null ? [] : [`host: ${host}`]),
      `authorization: Bearer ${server.token}`,
      'connection: close',
    ];
    socket.write([...lines, '', ''].join('\r\n'));
    let answer = '';
    for await (const piece of socket.setEncoding('utf8')) answer += String(piece);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer).not.toContain(server.workDir);
  });
});

describe('ACCESS-3 ACCESS-5: bodies', () => {
  const deep = '['.repeat(100_000) + ']'.repeat(100_000);
  test.each<[string, CallOptions, Wanted]>([
    [
      'another type',
      { raw: 'cwd=/', headers: { 'content-type': 'text/plain' } },
      { status: 415, code: 'unsupported_media_type' },
    ],
    ['17 MB', { raw: `{"content":"${'x'.repeat(17_000_000)}"}` }, { status: 413, code: 'payload_too_large' }],
    ['a depth of 100,000', { raw: `{"content":${deep}}` }, invalid('body')],
    ['__proto__', { raw: '{"content":"a","__proto__":{"id":"b"}}' }, invalid('__proto__')],
    ['half a value', { raw: '{"content":"a"' }, { status: 400, code: 'invalid_json' }],
    ['a raw NUL', { raw: '{"content":"a\u0000"}' }, { status: 400, code: 'invalid_json' }],
    ['bytes that are no UTF-8', { raw: new Uint8Array([0x22, 0xff, 0x22]) }, { status: 400, code: 'invalid_json' }],
    ['a list', { raw: '[]' }, invalid('body')],
    ['an unknown field', { body: { content: 'a', colour: 'red' } }, invalid('colour')],
    ['a content of a wrong type', { body: { content: { text: 'a' } } }, invalid('content')],
    ['an empty content', { body: { content: ' \n' } }, invalid('content')],
    [
      'an image that is none',
      { body: { content: [{ type: 'image', mimeType: 'image/png', data: '?' }] } },
      invalid('content[0].data'),
    ],
    [
      'an image of an unknown kind',
      { body: { content: [{ type: 'image', mimeType: 'image/svg+xml', data: 'AAAA' }] } },
      invalid('content[0].mimeType'),
    ],
    ['a prompt id with a slash', { body: { id: '../x', content: 'a' } }, invalid('id')],
    ['a prompt id of 129 characters', { body: { id: 'x'.repeat(129), content: 'a' } }, invalid('id')],
    [
      'a prompt id that is used with another content',
      { body: { id: 'taken', content: 'a' } },
      { status: 409, code: 'prompt_conflict', field: 'id' },
    ],
  ])('%s is refused', async (_what, options, wanted) => {
    expect(await attempt('POST', `/v1/chats/${chat.id}/prompts`, options)).toMatchObject(wanted);
  });

  test('the last of duplicate keys wins, as in JSON.parse', async () => {
    const sent = await server.call('POST', '/v1/chats', {
      raw: `{"cwd":"/nowhere","cwd":${JSON.stringify(server.workDir)}}`,
    });
    expect([sent.status, sent.body['cwd']]).toEqual([201, server.workDir]);
    await server.call('DELETE', `/v1/chats/${String(sent.body['id'])}`);
  });

  test('NUL and lone surrogates in a prompt come back exactly as they were sent', async () => {
    const content = 'a\u0000b \ud800 c \udfff \u{1f9a5} "\\u0000"';
    const own = await server.createChat();
    const { events } = await runTurn(server.client, own.id, content);
    expect(eventsOf(events, 'prompt_accepted')).toMatchObject([{ content: [{ type: 'text', text: content }] }]);
    expect(eventsOf(await readLog(server.client, own.id), 'prompt_accepted')).toMatchObject([
      { content: [{ type: 'text', text: content }] },
    ]);
  });
});

describe('ACCESS-5: chats', () => {
  test.each<[string, Record<string, unknown>, string]>([
    ['a title of 10,001 characters', { title: 'x'.repeat(10_001) }, 'title'],
    ['a title with NUL', { title: 'a\u0000' }, 'title'],
    ['an empty title', { title: ' ' }, 'title'],
    ['an unknown permission mode', { permissionMode: 'sudo' }, 'permissionMode'],
    ['an unknown backend', { backend: 'claude_tty' }, 'backend'],
    ['an unknown agent', { agent: 'clyde' }, 'agent'],
    ['a model with an escape sequence', { model: '\u001b[6n' }, 'model'],
    ['an unknown field', { owner: 'me' }, 'owner'],
    ['a trust that is not yes or no', { trusted: 'true' }, 'trusted'],
    ['messages accepted and not', { acceptsAgentMessages: 1 }, 'acceptsAgentMessages'],
  ])('%s is refused, when creating and when changing', async (_what, body, field) => {
    expect(await attempt('POST', '/v1/chats', { body: { cwd: server.workDir, ...body } })).toMatchObject(
      invalid(field),
    );
    expect(await attempt('PATCH', `/v1/chats/${chat.id}`, { body })).toMatchObject(invalid(field));
  });

  test('a title with bidi marks and escape sequences is stored unchanged', async () => {
    const title = '\u202Eevil\u202C \u001b[31mred\u001b[0m';
    const created = await server.createChat({ title });
    expect((await server.client.getChat(created.id)).title).toBe(title);
  });

  test.each<[string, string | (() => string), number, string]>([
    ['relative', 'work', 400, 'cwd_invalid'],
    ['..', '..', 400, 'cwd_invalid'],
    ['a file', () => join(server.workDir, 'file'), 400, 'cwd_invalid'],
    ['missing', () => join(server.workDir, 'missing'), 400, 'cwd_invalid'],
    ['below a file', () => join(server.workDir, 'file', 'x'), 400, 'cwd_invalid'],
    ['4,097 bytes long', `/${'x'.repeat(4096)}`, 400, 'invalid_request'],
    ['4,097 bytes in fewer characters', `/${'ü'.repeat(2048)}`, 400, 'cwd_invalid'],
    ['with a name of 300 characters', `/${'x'.repeat(300)}`, 400, 'cwd_invalid'],
    ['with NUL', '/tmp\u0000/x', 400, 'invalid_request'],
    ['a lone surrogate', '/tmp/\ud800', 400, 'cwd_invalid'],
    ['empty', '', 400, 'invalid_request'],
    ['-rf', '-rf', 400, 'cwd_invalid'],
  ])('a working directory that is %s is refused', async (_what, cwd, status, code) => {
    const body = { cwd: typeof cwd === 'string' ? cwd : cwd() };
    expect(await attempt('POST', '/v1/chats', { body })).toMatchObject({ status, code, field: 'cwd' });
  });

  test('a circular working directory is refused; a link is stored as its target', async () => {
    await symlink('ring', join(server.workDir, 'ring'));
    const ring = join(server.workDir, 'ring');
    expect(await attempt('POST', '/v1/chats', { body: { cwd: ring } })).toMatchObject({
      status: 400,
      code: 'cwd_invalid',
      field: 'cwd',
    });
    await symlink('/', join(server.workDir, 'root'));
    const created = await server.createChat({ cwd: join(server.workDir, 'root', 'etc', '..', 'usr') });
    expect(created.cwd).toBe('/usr');
  });

  // Root can read everything.
  test.skipIf(process.getuid?.() === 0)('a working directory that cannot be read is refused', async () => {
    const cwd = join(server.workDir, 'secret');
    await mkdir(cwd);
    await chmod(cwd, 0o000);
    expect(await attempt('POST', '/v1/chats', { body: { cwd } })).toMatchObject({
      status: 400,
      code: 'cwd_invalid',
      field: 'cwd',
    });
  });

  test.each(['abc', nowhere, '..%2f..', "' or 1=1 --"])('a chat with the id %s is not found', async (id) => {
    const path = `/v1/chats/${encodeURIComponent(id)}`;
    for (const [method, rest, options] of [
      ['GET', '', {}],
      ['PATCH', '', { body: { title: 'x' } }],
      ['DELETE', '', {}],
      ['GET', '/events', {}],
      ['GET', '/events', { headers: { accept: 'text/event-stream' } }],
      ['POST', '/prompts', { body: { content: 'x' } }],
      ['POST', '/interrupt', { body: {} }],
    ] as const) {
      expect(await attempt(method, path + rest, options)).toMatchObject({ status: 404, code: 'not_found' });
    }
  });
});

describe('ACCESS-5: cursors and answers', () => {
  test.each(['-1', 'abc', '9223372036854775808', '1.5', ''])('the cursor "%s" is refused', async (cursor) => {
    expect(await attempt('GET', `/v1/chats/${chat.id}/events?after=${cursor}`, {})).toMatchObject(invalid('after'));
    expect(await attempt('GET', `/v1/chats?after=${cursor}`, {})).toMatchObject(invalid('after'));
    const headers = { accept: 'text/event-stream', 'last-event-id': cursor };
    expect(await attempt('GET', `/v1/chats/${chat.id}/events`, { headers })).toMatchObject(invalid('last-event-id'));
  });

  test('a cursor from the future gives an empty page', async () => {
    const { status, body } = await server.call('GET', `/v1/chats/${chat.id}/events?after=1000000`);
    expect([status, body]).toEqual([200, { items: [], next: null, head: log.length, start: null, end: null }]);
  });

  test.each<[string, () => string, unknown, Wanted]>([
    ['unknown', () => nowhere, { outcome: 'allow' }, { status: 404, code: 'not_found' }],
    ['settled', () => settledId, { outcome: 'deny' }, { status: 409, code: 'decision_settled' }],
    ['that waits, with an unknown outcome', () => waitingId, { outcome: 'maybe' }, invalid('outcome')],
    ['that waits, with no outcome', () => waitingId, {}, invalid('outcome')],
    ['that waits, denied with an input', () => waitingId, { outcome: 'deny', input: {} }, invalid('input')],
    [
      'that waits, with an input that is no object',
      () => waitingId,
      { outcome: 'allow', input: 'rm' },
      invalid('input'),
    ],
    ['that waits, with an unknown field', () => waitingId, { outcome: 'allow', by: 'root' }, invalid('by')],
  ])('an answer to a decision %s is refused', async (_what, id, body, wanted) => {
    expect(await attempt('POST', `/v1/decisions/${id()}`, { body })).toMatchObject(wanted);
  });
});

test('ACCESS-5: after all this the decision is still pending, and the chat works', async () => {
  const { client } = server;
  expect((await client.listDecisions({ status: 'pending' })).items.map((each) => each.id)).toEqual([waitingId]);
  expect(await readLog(client, chat.id)).toEqual(log);
  expect((await runTurn(client, chat.id, 'what did I say')).finished.outcome).toBe('completed');
});
