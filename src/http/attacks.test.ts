/** Routes times attacks, read from the router itself: a new route is covered without a line here. */
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { roleGrants as grants, tokenOf } from '../../test/support/role-grants.ts';
import { createTestApp, testToken } from '../../test/support/test-app.ts';
import { hasRole, type Role, roles } from '../protocol/principal.ts';
import { declaredFor } from './app.ts';
import type { Route } from './route.ts';

const bearer = `Bearer ${testToken}`;
const local = { host: 'localhost:4700' };
const known = { ...local, authorization: bearer };
const json = { 'content-type': 'application/json' };

function routesOf(app: ReturnType<typeof createTestApp>['app']): Route[] {
  return app.routes.flatMap(({ handler }) => {
    const declared = declaredFor(handler);
    return declared === undefined || declared === 'guard' ? [] : [declared];
  });
}

const limits = { failuresPerSource: Infinity, failuresInAll: Infinity };
const { app, chats, errors } = createTestApp({ limits, access: { token: testToken, grants } });
const routes = routesOf(app);

const pathOf = (route: Route): string => route.path.replaceAll(/\{\w+\}/g, '11111111-1111-4111-8111-111111111111');

async function send(
  route: Route,
  headers: Record<string, string>,
  rest: { query?: string; body?: NonNullable<RequestInit['body']> } = {},
) {
  const path = pathOf(route) + (rest.query ?? '');
  const init: RequestInit & { duplex?: 'half' } = { method: route.method, headers, duplex: 'half' };
  if (rest.body !== undefined) init.body = rest.body;
  const response = await app.request(path, init);
  const body = (await response.json()) as { code: string; field?: string; detail: string };
  return { status: response.status, code: body.code, field: body.field };
}

/** 17 MiB in pieces, with no length given. */
function endlessBody(): ReadableStream {
  let sent = 0;
  return new ReadableStream({
    pull(controller) {
      sent += 1;
      if (sent > 17) controller.close();
      else controller.enqueue(new Uint8Array(1024 * 1024).fill(0x20));
    },
  });
}

describe('ACCESS-1: the policy table', () => {
  it('covers every entry of the router', () => {
    expect(app.routes.length).toBeGreaterThan(10);
    for (const { method, path, handler } of app.routes) {
      const declared = declaredFor(handler);
      const place = declared === 'guard' ? '/*' : declared?.path.replaceAll(/\{(\w+)\}/g, ':$1');
      expect(`${method} ${place ?? 'without a policy'}`).toBe(`${method} ${path}`);
    }
    expect(app.routes.map(({ handler }) => declaredFor(handler)).indexOf('guard')).toBe(0);
  });

  it('opens without the token only what must be', () => {
    const open = routes.filter(({ policy }) => policy !== 'bearer').map((route) => [route.policy, route.path]);
    expect(open).toEqual([
      ['open', '/healthz'],
      ['code', '/v1/sign-in'],
      ['code', '/v1/invites/accept'],
      ['open', '/v1/sign-in'],
      ['open', '/v1/single-sign-on'],
      ['code', '/v1/single-sign-on/end'],
      ['open', '/v1/sign-in/passkey/begin'],
      ['code', '/v1/sign-in/passkey'],
      ['static', '/'],
      ['static', '/assets/{file}'],
      ['link', '/v1/shared'],
      ['link', '/v1/shared/events'],
      ['ticket', '/v1/live'],
      ['ticket', '/v1/chats/{chatId}/terminal'],
    ]);
  });

  it('requires the token on a route that bypassed it', async () => {
    const { app: other } = createTestApp();
    other.get('/v1/forgotten', (c) => c.text('a secret'));
    expect(other.routes.some(({ handler }) => declaredFor(handler) === undefined)).toBe(true);
    const refused = await other.request('/v1/forgotten', { headers: { host: 'localhost' } });
    expect(refused.status).toBe(401);
    const allowed = await other.request('/v1/forgotten', { headers: { host: 'localhost', authorization: bearer } });
    expect(allowed.status).toBe(200);
  });
});

const named = (some: Route[]) => some.map((route) => ({ name: `${route.method} ${route.path}`, route }));

describe.each(named(routes))('$name', ({ route }) => {
  it.each([
    ['a foreign name', 'evil.example'],
    ['a foreign name with our port', 'evil.example:4700'],
    ['a name that begins like ours', 'localhost.evil.example'],
    ['a name that ends like ours', 'evil-localhost'],
    ['a trailing dot', 'localhost.'],
    ['a trailing dot before the port', 'localhost.:4700'],
    ['an empty port', 'localhost:'],
    ['a port out of range', 'localhost:65536'],
    ['two names', 'localhost, evil.example'],
    ['user info', 'localhost@evil.example'],
    ['another loopback number', '127.0.0.2'],
    ['all interfaces', '0.0.0.0:4700'],
    ['nothing', ''],
  ])('ACCESS-2: refuses Host with %s', async (_what, host) => {
    expect(await send(route, { ...known, host })).toEqual({ status: 403, code: 'forbidden_host', field: 'host' });
  });

  it('refuses a missing Host', async () => {
    expect(await send(route, { authorization: bearer })).toMatchObject({ status: 403, code: 'forbidden_host' });
  });

  it.each([
    ['of another site', 'https://evil.example'],
    ['null', 'null'],
    ['of another port', 'http://localhost:3000'],
    ['without the port', 'http://localhost'],
    ['of another scheme', 'https://localhost:4700'],
    ['of another loopback name', 'http://127.0.0.1:4700'],
    ['with a path', 'http://localhost:4700/'],
    ['of a look-alike', 'http://xn--lcalhost-nkg:4700'],
    ['empty', ''],
  ])('ACCESS-2: refuses an Origin %s', async (_what, origin) => {
    expect(await send(route, { ...known, origin })).toEqual({ status: 403, code: 'forbidden_origin', field: 'origin' });
  });

  it('ACCESS-6: refuses a token in the query, and any parameter it does not know', async () => {
    for (const name of ['token', 'access_token', '__proto__', 'constructor']) {
      const refused = await send(route, known, { query: `?${name}=${testToken}` });
      // Providers add to this address what they like.
      const isProviders = route.id === 'endSingleSignOn';
      const reason = { status: 400, code: 'invalid_request', field: name };
      const unknown = { status: 401, code: 'unauthorized', field: isProviders ? 'state' : 'authorization' };
      // A token is no link.
      expect(refused).toEqual(isProviders || route.policy === 'link' ? unknown : reason);
    }
  });

  it('accepts no other method', async () => {
    for (const method of ['PUT', 'OPTIONS', 'PROPFIND']) {
      const response = await app.request(route.path, { method, headers: local });
      expect([method, response.status]).toEqual([method, 405]);
      expect(response.headers.get('allow')?.split(', ')).toContain(route.method);
    }
  });
});

const forToken = routes.filter(({ policy }) => policy === 'bearer' || policy === 'ticket');
describe.each(named([...forToken, ...routes.filter(({ policy }) => policy === 'link')]))('$name', ({ route }) => {
  it.each([
    ['none', undefined],
    ['an empty one', ''],
    ['a scheme alone', 'Bearer'],
    ['an empty token', 'Bearer '],
    ['a wrong token', 'Bearer wrong'],
    ['a wrong token with a lower-case scheme', 'bearer wrong'],
    ['a prefix of the token', bearer.slice(0, -1)],
    ['more than the token', `${bearer}x`],
    ['the token twice', `${bearer}, ${bearer}`],
    ['the token without a scheme', testToken],
    ['another scheme', `Basic ${btoa(`:${testToken}`)}`],
  ])('ACCESS-1: refuses %s for the token', async (_what, authorization) => {
    const headers = authorization === undefined ? local : { ...local, authorization };
    const refused = { status: 401, code: 'unauthorized', field: 'authorization' };
    expect(await send(route, headers)).toEqual(refused);
    expect(await send(route, headers, { query: `?token=${testToken}` })).toEqual(refused);
    expect(await send(route, { ...headers, cookie: `token=${testToken}` })).toEqual(refused);
  });
});

describe.each(named(forToken))('$name', ({ route }) => {
  it.each(roles)(
    'PEOPLE-1: is refused to a %s whose role is below its own, before anything else is read',
    async (role) => {
      // A parameter that no route knows: whoever may use the route is told so.
      const headers = { ...local, authorization: `Bearer ${tokenOf(role)}` };
      const answer = await send(route, headers, { query: '?unknown=1' });
      const isAllowed = hasRole(role, route.role!);
      expect(answer.code).toBe(isAllowed ? 'invalid_request' : 'forbidden');
      expect(answer.status).toBe(isAllowed ? 400 : 403);
    },
  );
});

describe('PEOPLE-1: roles', () => {
  const idsOf = (role: Role): string[] => routes.filter((route) => route.role === role).map(({ id }) => id);

  it('are declared by all routes that know their caller, and no others', () => {
    for (const { id, role } of routes)
      expect([id, role !== undefined]).toEqual([id, forToken.some((each) => each.id === id)]);
    expect([hasRole('owner', 'viewer'), hasRole('member', 'member'), hasRole('member', 'owner')]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('let viewers only read', () => {
    const changing = routes.filter(({ role, method }) => role === 'viewer' && method !== 'GET').map(({ id }) => id);
    // Nothing of these is anybody else’s.
    expect(changing).toEqual([
      'createSignInLink',
      'createToken',
      'revokeToken',
      'signOut',
      'beginPasskey',
      'addPasskey',
      'removePasskey',
      'createLiveTicket',
    ]);
  });

  it('leave to owners what concerns the server', () => {
    expect(idsOf('owner').toSorted()).toEqual([
      'addImportLines',
      'addPerson',
      'beginAgentSignIn',
      'beginImport',
      'cancelAgentSignIn',
      'cancelDrain',
      'createInvite',
      'deleteInvite',
      'finishAgentSignIn',
      'finishImport',
      'listInvites',
      'patchBudgets',
      'readAudit',
      'readImport',
      'readmitPerson',
      'rekeySecrets',
      'removeImport',
      'removePerson',
      'rotateServerToken',
      'startDrain',
      'updatePerson',
    ]);
  });

  it('refuse with the role that is needed, also at a route that bypassed the list', async () => {
    const { app: other } = createTestApp({ access: { token: testToken, grants } });
    other.get('/v1/forgotten', (c) => c.text('a secret'));
    const headers = { ...local, authorization: `Bearer ${tokenOf('member')}` };
    const refused = await other.request('/v1/forgotten', { headers });
    expect(await refused.json()).toMatchObject({
      status: 403,
      code: 'forbidden',
      detail: 'Some member has the role member here; this needs the role owner.',
      needs: 'owner',
      role: 'member',
    });
  });

  it('are in docs/security.md as declared: refresh it with UPDATE_ROUTES=1 npx vitest run src/http/attacks.test.ts', () => {
    const file = new URL('../../docs/security.md', import.meta.url);
    const text = readFileSync(file, 'utf8');
    const credential = {
      bearer: 'token',
      ticket: 'token or ticket',
      code: 'code',
      link: 'share link',
      open: 'none',
      static: 'none',
    };
    const rows = routes.map(
      ({ method, path, policy, role = '–' }) => `| ${method} | \`${path}\` | ${credential[policy]} | ${role} |`,
    );
    const table = ['| method | path | credential | least role |', '|---|---|---|---|', ...rows].join('\n');
    const made = text.replace(/(?<=<!-- routes -->\n)[^]*(?=\n<!-- end of routes -->)/, () => table);
    if (process.env['UPDATE_ROUTES'] === '1') writeFileSync(file, made);
    expect(text.includes(table) || process.env['UPDATE_ROUTES'] === '1').toBe(true);
  });
});

describe.each(named(routes.filter(({ path }) => path.includes('{'))))('$name', ({ route }) => {
  it.each(['abc', '1', '%00', '..%2f', "'; drop table chats; --", '11111111-1111-4111-8111-11111111111'])(
    'finds nothing under the id %s',
    async (id) => {
      const path = route.path.replace(/\{\w+\}/, encodeURIComponent(id));
      expect(await send({ ...route, path }, known)).toMatchObject({ status: 404, code: 'not_found' });
    },
  );
});

describe.each(named(routes.filter(({ method }) => method !== 'GET')))('$name', ({ route }) => {
  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=utf-16', 'json', ''])(
    'refuses a body of the type "%s"',
    async (type) => {
      const refused = await send(route, { ...known, 'content-type': type }, { body: '{}' });
      expect(refused).toMatchObject({ status: 415, code: 'unsupported_media_type', field: 'content-type' });
    },
  );

  it('ACCESS-3: refuses 17 MiB, with and without a length', async () => {
    const refused = { status: 413, code: 'payload_too_large' };
    expect(await send(route, { ...known, ...json }, { body: endlessBody() })).toMatchObject(refused);
    const length = { 'content-length': String(route.bodyLimitBytes + 1) };
    expect(await send(route, { ...known, ...json, ...length }, { body: '{}' })).toMatchObject(refused);
  });

  it.each([
    ['half an object', '{"title": '],
    ['a bare word', 'title'],
    ['a NUL', '\u0000'],
    ['a raw NUL in a text', '{"title": "a\u0000"}'],
    ['two values', '{} {}'],
    ['only blanks', '   '],
    ['bytes that are not UTF-8', new Uint8Array([0x22, 0xc3, 0x28, 0x22])],
    ['an encoded surrogate', new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22])],
  ])('ACCESS-3: refuses %s for JSON', async (_what, body) => {
    expect(await send(route, { ...known, ...json }, { body })).toMatchObject({ status: 400, code: 'invalid_json' });
  });

  it.each([
    ['a depth of 101', '['.repeat(101) + ']'.repeat(101), 'body'],
    ['__proto__', '{"__proto__": {"cwd": "/"}}', '__proto__'],
    ['a hidden __proto__', '{"a": [{"__proto__": {}}]}', '__proto__'],
    ['a list', '[]', 'body'],
    ['null', 'null', 'body'],
  ])('refuses %s', async (_what, body, field) => {
    const refused = await send(route, { ...known, ...json }, { body });
    expect(refused).toEqual({ status: 400, code: 'invalid_request', field });
    expect(({} as { cwd?: string }).cwd).toBeUndefined();
  });

  it('ACCESS-8: refuses 100,000 levels and 100,000 values before it parses anything', async () => {
    const parse = vi.spyOn(JSON, 'parse');
    for (const body of ['['.repeat(100_000), `[${'0,'.repeat(100_000)}0]`]) {
      const response = await app.request(pathOf(route), { method: route.method, headers: { ...known, ...json }, body });
      expect(response.status).toBe(route.bodyLimitBytes < body.length ? 413 : 400);
    }
    expect(parse).not.toHaveBeenCalled();
    parse.mockRestore();
  });

  it.each(['constructor', 'toString', 'colour', 'x'.repeat(900)])('refuses an unknown field', async (field) => {
    const refused = await send(route, { ...known, ...json }, { body: JSON.stringify({ [field]: 1 }) });
    expect(refused).toMatchObject({ status: 400, code: 'invalid_request' });
    expect(refused.field?.length).toBeLessThan(110);
  });
});

describe('after all of this', () => {
  it('ACCESS-5: nothing was written, and nothing failed in the server', () => {
    expect(chats.writes).toBe(0);
    expect(errors).toEqual([]);
  });
});
