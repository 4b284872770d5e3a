/** Of the server itself: settings, files that it is given, people, secrets and what other servers answer. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import fc, { type Arbitrary } from 'fast-check';
import {
  allowsAddress,
  allowsTarget,
  loopbackTarget,
  parseHostRule,
  parseTarget,
} from '../../src/agents/sandbox/host-rules.ts';
import { chooseProvider } from '../../src/agents/claude/provider.ts';
import { providerRules } from '../../src/agents/claude/provider-hosts.ts';
import { isRefusedVariable } from '../../src/agents/claude/refused-variables.ts';
import { endOfRows, firstLine, formatVersion } from '../../src/backup/backup-format.ts';
import { BackupFile } from '../../src/backup/read-backup.ts';
import { parseEntries } from '../../src/chats/imported-entries.ts';
import { SecretKeys } from '../../src/chats/secrets/secret-keys.ts';
import { open, seal } from '../../src/chats/secrets/seal.ts';
import { readConfig } from '../../src/config.ts';
import { deviceLabel } from '../../src/http/device-label.ts';
import { linkTo } from '../../src/http/sign-in-links.ts';
import { sourceOf } from '../../src/http/source-address.ts';
import { offers, ticketIn } from '../../src/http/tickets.ts';
import { logText } from '../../src/log-text.ts';
import { createJsonScan } from '../../src/lib/json-scan.ts';
import { Redaction } from '../../src/lib/redaction.ts';
import { challengeIn } from '../../src/people/passkeys.ts';
import { parseRoleRule, roleByClaims } from '../../src/people/role-rules.ts';
import { SingleSignOn } from '../../src/people/single-sign-on.ts';
import { setSecret } from '../../src/protocol/secret.ts';
import { settings } from '../../src/settings.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { anything, bodiesOf } from './json-schema.ts';
import { place } from './place.ts';
import { refusable, refusableLater, spoiltText, type Target, target, text, wordsOf } from './target.ts';

const sha256 = (of: string | Buffer): string => createHash('sha256').update(of).digest('hex');

/** A whole backup with right checksums, of tables and rows that may be wrong. */
const backups = fc
  .tuple(
    fc.oneof(
      fc.constant({}),
      fc.record({ version: anything, takenAt: anything, schema: anything }, { requiredKeys: [] }),
    ),
    fc.array(fc.tuple(wordsOf('chats', '__proto__'), fc.array(wordsOf('id', 'title'), { maxLength: 3 }), text), {
      maxLength: 3,
    }),
    fc.constantFrom(formatVersion, formatVersion, formatVersion, 0, 9),
  )
  .map(([wrong, tables, format]) => {
    const header = {
      version: '1.0.0',
      takenAt: '2026-01-01T00:00:00.000Z',
      schema: { server: [1], sessionStore: [1] },
      encoding: 'UTF8',
      postgresVersion: '17',
      ...wrong,
    };
    const described = [firstLine(format), JSON.stringify(header)];
    const all = [...described];
    for (const [table, columns, content] of tables) {
      const rows = content === '' ? '' : `${content}\n`;
      const head = JSON.stringify({ table, columns });
      const foot = JSON.stringify({ rows: rows.split('\n').length - 1, sha256: sha256(rows) });
      described.push(head, foot);
      all.push(head, `${rows}${endOfRows.toString()}${foot}`);
    }
    const lines = described.map((line) => `${line}\n`).join('');
    return `${[...all, JSON.stringify({ end: true, tables: tables.length, sha256: sha256(lines) })].join('\n')}\n`;
  });

const backupFiles: Arbitrary<Buffer> = fc.oneof(
  spoiltText(backups).map((whole) => gzipSync(whole, { level: 1 })),
  fc.tuple(backups, fc.nat(), fc.nat(255)).map(([whole, at, byte]) => {
    const bytes = gzipSync(whole, { level: 1 });
    bytes[at % bytes.length] = byte;
    return at % 4 === 0 ? bytes.subarray(0, at % bytes.length) : bytes;
  }),
  fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
);

const providerNames = [
  'ANTHROPIC_BASE_URL',
  'AWS_REGION',
  'CLAUDE_CODE_USE_BEDROCK',
  'CLAUDE_CODE_USE_VERTEX',
  'CLOUD_ML_REGION',
];
const environments = fc.dictionary(
  fc.oneof(
    fc.constantFrom(...settings.map(({ env }) => env)),
    fc.constantFrom(...providerNames, 'HOME', 'DATABASE_URL', 'https_proxy', 'NO_PROXY', '__proto__'),
    text,
  ),
  fc.oneof(
    text,
    fc.constantFrom('', '0', '1', 'on', '-1', '10.0.0.0/8', 'a=b', '/nowhere', 'http://[', 'https://a:b@c/d?e'),
  ),
  { maxKeys: 4 },
);

const hosts = wordsOf(
  '*',
  '.',
  ':',
  '443',
  '99999',
  '[',
  ']',
  '::1',
  '10.0.0.1',
  '/8',
  '/129',
  'example.org',
  'xn--',
  '%',
  '0x7f',
);

const claims = fc.dictionary(
  fc.oneof(
    fc.constantFrom('sub', 'roles', 'groups', 'realm_access', 'realm_access.roles', '__proto__', 'constructor'),
    text,
  ),
  fc.oneof(anything, fc.constantFrom('owner', 'member', ['viewer'], { roles: ['owner', 1] })),
  { maxKeys: 5 },
);

/** Answers whatever it was told to: discovery, tokens and keys alike. */
let provider: { server: Server; answer: { status: number; type: string; body: string }; issuer: string } | undefined;
async function answering(make: (issuer: string) => { status: number; type: string; body: string }): Promise<string> {
  if (!provider) {
    const server = createServer((_, response) => {
      const { status, type, body } = provider!.answer;
      response.writeHead(status, { 'content-type': type, connection: 'close' }).end(body);
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    server.unref();
    const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    provider = { server, issuer, answer: { status: 200, type: '', body: '' } };
  }
  provider.answer = make(provider.issuer);
  return provider.issuer;
}
const silent = { debug() {}, info() {}, warn() {}, error() {} };

async function signOn([wrong, status, type, query, remembered]: [
  Record<string, unknown>,
  number,
  string,
  string,
  unknown,
]): Promise<void> {
  const issuer = await answering((at) => {
    const usual = { issuer: at, authorization_endpoint: `${at}/a`, token_endpoint: `${at}/t`, jwks_uri: `${at}/k` };
    const others = { access_token: 'a', token_type: 'bearer', id_token: 'e30.e30.e30', keys: [] };
    return { status, type, body: JSON.stringify({ ...usual, ...others, ...wrong }) };
  });
  const rules = { scopes: 'openid', roleClaim: 'roles', roleRules: [], sessionHours: 1 };
  const parts = {
    settings: { issuer, clientId: 'c', clientSecretFile: null, ...rules },
    clock: new ManualClock(),
    logger: silent,
  };
  // No answer here is signed, so nobody gets as far as the database.
  const oidc = new SingleSignOn({ ...parts, sql: undefined as never, grants: undefined as never });
  await refusableLater(async () => {
    const begun = await oidc.begin('http://localhost/v1/single-sign-on/end');
    const { state } = JSON.parse(Buffer.from(begun.memory, 'base64url').toString()) as { state: string };
    await oidc.finish(
      new URL(`http://localhost/v1/single-sign-on/end?code=c&state=${state}&iss=${encodeURIComponent(issuer)}`),
      begun.memory,
      () => undefined,
    );
    throw new Error('Somebody has signed in by an answer that nobody signed.');
  });
  const memory = Buffer.from(JSON.stringify(remembered) ?? '').toString('base64url');
  const answer = new URL('http://localhost/v1/single-sign-on/end');
  answer.search = query;
  await refusableLater(() => oidc.finish(answer, memory, () => undefined));
}

/** What must not be in anything that is stored. */
function assertGone(value: string, all: string): void {
  if (all.includes(value)) throw new Error('The value is still there.');
}

const key = Buffer.alloc(32, 7);

export const serverTargets: Target[] = [
  target('backup files', backupFiles, async (bytes) => {
    const path = place('a.backup');
    writeFileSync(path, bytes);
    const file = await BackupFile.open(path);
    try {
      await refusableLater(() => file.verify());
    } finally {
      await file.close();
    }
  }),
  target(
    'transcript lines of an import',
    fc.array(
      fc.oneof(
        text,
        anything.map((value) => JSON.stringify(value) ?? ''),
      ),
      { maxLength: 4 },
    ),
    (lines) => refusable(() => parseEntries(lines)),
  ),
  target('environment variables', environments, (env) => {
    refusable(() => readConfig({ flags: {}, env: { HOME: '/nowhere', ...env } }));
    for (const rule of providerRules(env)) loopbackTarget(rule);
    for (const name of Object.keys(env)) isRefusedVariable(name, chooseProvider(env));
  }),
  target(
    'hosts that a sandbox reaches',
    fc.tuple(fc.array(hosts, { maxLength: 3 }), hosts, hosts),
    ([given, asked, address]) => {
      const rules = given.flatMap((each) => parseHostRule(each) ?? []);
      for (const rule of rules) loopbackTarget(rule);
      const to = parseTarget(asked, 443);
      if (!to) return;
      if (rules.length === 0 && allowsTarget(rules, to)) throw new Error('Without a rule nothing is reached.');
      for (const each of [address, '10.0.0.1', '::1', '2001:db8::1']) allowsAddress(rules, to, each);
    },
  ),
  target(
    'rules of roles, and claims',
    fc.tuple(
      fc.array(wordsOf('owner', 'member', 'viewer', '=', '*', 'admins'), { maxLength: 3 }),
      wordsOf('roles', '.', 'realm_access', '__proto__'),
      claims,
    ),
    ([given, claim, all]) => {
      const rules = given.flatMap((each) => parseRoleRule(each) ?? []);
      const role = roleByClaims(rules, claim, all);
      if (rules.length > 0 && !rules.some((rule) => rule.role === role) && role !== null)
        throw new Error('No rule gives this role.');
    },
  ),
  target(
    'answers of an identity provider',
    fc.tuple(
      fc.dictionary(
        fc.constantFrom(
          'issuer',
          'authorization_endpoint',
          'token_endpoint',
          'jwks_uri',
          'id_token',
          'access_token',
          'keys',
          'error',
          'userinfo_endpoint',
        ),
        anything,
        { maxKeys: 3 },
      ),
      fc.constantFrom(200, 200, 200, 204, 302, 400, 500),
      fc.constantFrom('application/json', 'application/json', 'text/html', ''),
      fc.constantFrom('', '?state=s', '?state=s&code=c', '?error=access_denied&state=s', '?state=s&state=t&code=%00'),
      fc.oneof(anything, fc.record({ state: fc.constant('s'), nonce: text, verifier: text })),
    ),
    signOn,
  ),
  target(
    'what browsers say of passkeys',
    fc.oneof(text, anything, fc.record({ type: fc.constant('webauthn.get'), challenge: anything, origin: anything })),
    (said) => {
      challengeIn(Buffer.from(JSON.stringify(said) ?? '').toString('base64url'));
      if (typeof said === 'string') challengeIn(said);
    },
  ),
  target(
    'sign-in links',
    fc.tuple(text, fc.webUrl(), fc.array(fc.webUrl(), { maxLength: 2 })),
    ([code, asked, origins]) => {
      const { url } = linkTo(origins, asked, `code=${encodeURIComponent(Buffer.from(code).toString())}`);
      if (new URLSearchParams(new URL(url).hash.slice(1)).get('code') !== Buffer.from(code).toString())
        throw new Error(url);
    },
  ),
  target('names of devices and sources', fc.tuple(text, text), ([agent, address]) => {
    const headers = new Headers({ 'user-agent': agent.replaceAll(/[^\x20-\x7e]/g, '') });
    deviceLabel(new Request('http://localhost/', { headers }));
    sourceOf(address);
    const offered = new Headers({ 'sec-websocket-protocol': address.replaceAll(/[^\x20-\x7e]/g, '') });
    ticketIn(offered);
    offers(offered, 'boocode');
  }),
  target('names and values of secrets', fc.tuple(bodiesOf(setSecret), text, fc.nat()), ([body, around, at]) => {
    const { data } = setSecret.safeParse(body);
    if (!data) return;
    const { name, value } = data;
    isRefusedVariable(name, chooseProvider({}));
    const what = { id: 'i', name, scope: { personId: 'p' } };
    if (open(key, what, seal(key, what, value)) !== value) throw new Error('Another value came out.');
    const redaction = new Redaction();
    redaction.add([{ name, value }]);
    const cut = at % (value.length + 1);
    const said = `${around}${value}${around}`;
    const instead = `[secret ${name}]`;
    const shown = [redaction.text(said), JSON.stringify(redaction.deep({ [said]: [said] }))];
    shown.push(redaction.piece('s', around + value.slice(0, cut)) + redaction.piece('s', value.slice(cut) + around));
    // A value may be part of what stands for it, or begin in one and end in the other.
    if (!instead.includes(value) && !`${around}${instead}${around}`.includes(value))
      for (const each of shown) assertGone(value, each);
    redaction.bytes(Buffer.from(said));
  }),
  target(
    'ciphertexts of secrets',
    fc.oneof(text, fc.base64String(), fc.constant(seal(key, { id: 'i', name: 'n', scope: { directory: '/' } }, 'v'))),
    (sealed) => {
      if (open(key, { id: 'i', name: 'n', scope: { personId: '/' } }, sealed) !== null) throw new Error('Opened.');
    },
  ),
  target(
    'key files of secrets',
    fc.oneof(
      text,
      fc
        .array(
          fc.oneof(text, fc.base64String({ minLength: 40, maxLength: 48 }), fc.constant(key.toString('base64url'))),
          { maxLength: 3 },
        )
        .map((lines) => lines.join('\n')),
    ),
    (content) => {
      const path = place('secrets.key');
      writeFileSync(path, content, { mode: 0o600 });
      refusable(() => new SecretKeys(path).read());
    },
  ),
  target(
    'bounds of JSON',
    fc.oneof(
      text,
      anything.map((value) => JSON.stringify(value) ?? ''),
      wordsOf('[', ']', '{', '}', '"', ',', ':', '\\', '1'),
    ),
    (json) => {
      createJsonScan({ nodes: 20, depth: 5 })(Buffer.from(json));
    },
  ),
  target(
    'lines of our own log',
    anything.map((value) => JSON.stringify({ time: 0, level: 'info', msg: 'm', value, err: value })),
    logText,
  ),
];
