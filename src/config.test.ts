import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { schemasWords } from '../test/support/schemas-words.ts';
import { readConfig } from './config.ts';
import { settings } from './settings.ts';

const weak = 'abcdefghabcdefghabcdefghabcdefgh';
const strong = 'q3Jw8m_Vt1ZkR0yB7dXs5LhN2cPfGeA9uQoWiTjUxYE';
const read = (token: string, more: Record<string, string> = {}) =>
  readConfig({ env: { HOME: '/nowhere', BOOCODE_TOKEN: token, ...more } });

describe('ACCESS-12: a weak token', () => {
  it.each<[string, Record<string, string>]>([
    ['every address', { BOOCODE_HOST: '0.0.0.0' }],
    ['an address of the network', { BOOCODE_HOST: '192.168.1.5' }],
    ['a name', { BOOCODE_HOST: 'boo.example.org' }],
    ['a proxy', { BOOCODE_PUBLIC_ORIGIN: 'http://localhost:8080, https://boo.example.org' }],
  ])('is refused with %s, and a strong one is not', (_what, where) => {
    expect(() => read(weak, where)).toThrow(
      expect.objectContaining({
        code: 'config_invalid',
        message: expect.stringMatching(/^BOOCODE_TOKEN: .*openssl rand -base64 32`\.$/) as string,
      }),
    );
    expect(read(strong, where).token).toBe(strong);
  });

  it.each<[string, Record<string, string>]>([
    ['loopback', {}],
    ['the loopback of IPv6', { BOOCODE_HOST: '::1' }],
    ['a proxy on loopback', { BOOCODE_PUBLIC_ORIGIN: 'http://[::1]:8080,http://localhost' }],
  ])('is accepted with %s', (_what, where) => {
    expect(read(weak, where).token).toBe(weak);
  });
});

describe('HOST-17: the mapping of workspaces', () => {
  let root: string;
  beforeAll(() => {
    root = realpathSync(mkdtempSync(join(tmpdir(), 'boocode-config-')));
    mkdirSync(join(root, 'data'));
    symlinkSync(join(root, 'data'), join(root, 'link'));
  });
  afterAll(() => rmSync(root, { recursive: true }));

  const mapped = (text: string) =>
    readConfig({ env: { BOOCODE_DATA_DIR: join(root, 'data'), BOOCODE_WORKSPACES: text } }).workspaces;
  const written = (content: string): string => {
    writeFileSync(join(root, 'map.json'), content);
    return join(root, 'map.json');
  };

  it('is read from pairs and from a file', () => {
    const workspaces = [
      { from: '/home/a', to: '/srv/a' },
      { from: 'https://example.org/a/b.git', to: '/srv/b' },
    ];
    expect(mapped('/home/a/=/srv/x/../a, https://me:pw@example.org/a/b.git=/srv/b,')).toEqual(workspaces);
    expect(mapped(written('{"/home/a": "/srv/a", "https://me:pw@example.org/a/b.git": "/srv/b"}'))).toEqual(workspaces);
    expect(readConfig({ env: { HOME: '/nowhere' } })).toMatchObject({ workspaces: [], clones: false });
  });

  it('may map to a directory that holds the data directory, and to one that does not exist', () => {
    expect(mapped(`/home/a=${root}`)).toHaveLength(1);
  });

  it.each([
    ['/home/a=srv', 'must map /home/a to an absolute path'],
    ['home/a=/srv', 'must map absolute paths or addresses of git remotes'],
    ['ext::sh=/srv', 'must map absolute paths or addresses of git remotes'],
    ['/a=/b,c', 'must be pairs such as /home/a=/srv/a, separated by commas, or the path of a JSON file'],
    ['/a=/b,/a/=/c', 'maps /a twice'],
    ['https://e.org/a=/b,git@e.org:a.git=/c', 'maps git@e.org:a.git twice'],
    ['/no/such/file', 'must name a file that can be read, or be pairs such as /home/a=/srv/a'],
    ['https://me:secret@e.org/a', 'must name a file that can be read, or be pairs such as /home/a=/srv/a'],
  ])('%s is refused', (text, why) => {
    expect(() => mapped(text)).toThrow(
      expect.objectContaining({ code: 'config_invalid', message: `BOOCODE_WORKSPACES: ${why}.` }),
    );
  });

  it.each([
    ['{', 'must name a file with JSON'],
    ['["/a"]', 'must name a JSON file such as {"/home/a": "/srv/a"}'],
    ['{"/a": 1}', 'must name a JSON file such as {"/home/a": "/srv/a"}'],
  ])('a file with %s is refused', (content, why) => {
    expect(() => mapped(written(content))).toThrow(`BOOCODE_WORKSPACES: ${why}.`);
  });

  it('is refused inside the data directory, through links too', () => {
    for (const to of ['data', 'data/below/that', 'link/x']) {
      expect(() => mapped(`/a=${join(root, to)}`)).toThrow('inside the data directory, where no agent may work.');
    }
  });
});

describe('OIDC-2: single sign-on is set completely, and not over clear text', () => {
  const issuer = 'https://login.example.org/realms/main';
  test.each([
    [{ 'oidc-issuer': issuer }, '--oidc-issuer: needs what the provider knows this server by, --oidc-client-id, too.'],
    [{ 'oidc-client-id': 'x' }, '--oidc-client-id: needs the provider, --oidc-issuer, too.'],
    [{ 'oidc-issuer': 'http://login.example.org' }, '--oidc-issuer: must use https, except on this machine'],
    [{ 'oidc-issuer': 'http://127.0.0.1.example.org' }, '--oidc-issuer: must use https, except on this machine'],
    [{ 'oidc-roles': 'admin=x' }, '--oidc-roles: must be pairs of a role'],
    [{ 'oidc-scopes': 'profile' }, '--oidc-scopes: must have openid among them'],
  ])('%j', (flags, why) => {
    expect(() => readConfig({ flags, env: {} })).toThrow(why);
  });

  test('and then it is on', () => {
    const flags = { 'oidc-issuer': issuer, 'oidc-client-id': 'x', 'oidc-roles': 'owner=admins, viewer=*' };
    expect(readConfig({ flags, env: {} }).singleSignOn).toMatchObject({
      issuer,
      roleRules: [
        { role: 'owner', value: 'admins' },
        { role: 'viewer', value: '*' },
      ],
      sessionHours: 168,
    });
    expect(readConfig({ env: {} }).singleSignOn).toBeNull();
  });
});

describe('CLI-14: an invalid setting is reported in plain words', () => {
  const wrong = ['4999x', '1.5', '-1', '1e3', '0x10', '99999999999', '', ' ', 'http:', 'a b', ',;', '{}'];

  it.each(settings)('--$flag', ({ flag, env: name }) => {
    const sources = wrong.flatMap((value) => [
      { named: `--${flag}`, flags: { [flag]: value }, env: {} },
      { named: name, env: { [name]: value } },
    ]);
    const told = sources.flatMap(({ named, ...source }) => {
      try {
        readConfig(source);
        return [];
      } catch (error) {
        return [{ named, message: (error as Error).message }];
      }
    });
    expect(told.length).toBeGreaterThan(0);
    for (const { named, message } of told) {
      expect(message).not.toMatch(schemasWords);
      expect(message).toMatch(new RegExp(`^(${named}|--token-file|Listening on)[: ]`));
    }
  });

  it.each([
    ['port', '4999x', '--port: must be a whole number from 0 to 65535 (it is "4999x").'],
    ['idle-seconds', '0', '--idle-seconds: must be a whole number from 1 to 604800 (it is "0").'],
    [
      'advertise-url',
      'http://me:secret@10.0.0.5',
      '--advertise-url: must be a URL such as http://10.0.0.5:4127, without a user, a query or a fragment',
    ],
    ['host-name', 'my/host', '--host-name: must be 1 to 64 printable characters without spaces and slashes'],
    ['host-name', 'my\u001bhost', '--host-name: must be 1 to 64 printable characters without spaces and slashes'],
    ['drain-seconds', '86401', '--drain-seconds: must be a whole number from 0 to 86400'],
    ['advertise-url', 'http://0.0.0.0:4127', '--advertise-url: must name an address that other hosts can reach'],
    ['advertise-url', 'http://[::]:4127', '--advertise-url: must name an address that other hosts can reach'],
    ['log-level', 'loud', '--log-level: must be one of debug, info, warn, error, silent (it is "loud").'],
  ])('--%s %s', (flag, value, message) => {
    expect(() => readConfig({ flags: { [flag]: value }, env: {} })).toThrow(message);
  });

  it('--advertise-url is kept without a slash at its end', () => {
    const read = (url: string) => readConfig({ flags: { 'advertise-url': url }, env: {} }).advertiseUrl;
    expect(['http://10.0.0.5:4127/', 'https://boo.example.org/a//', 'http://[fd00::1]'].map(read)).toEqual([
      'http://10.0.0.5:4127',
      'https://boo.example.org/a',
      'http://[fd00::1]',
    ]);
  });
});

describe('ROOT-2: workspace roots', () => {
  const rootsOf = (text: string, flags = {}) =>
    readConfig({ env: { HOME: '/nowhere', BOOCODE_WORKSPACE_ROOTS: text }, flags }).workspaceRoots;

  it('are a list like PATH, and the flag goes before the variable', () => {
    expect(rootsOf('/srv/a:/srv/x/../b/:')).toEqual(['/srv/a', '/srv/b']);
    expect(rootsOf('/srv/a', { 'workspace-root': '/srv/c' })).toEqual(['/srv/c']);
    expect(rootsOf('')).toEqual([]);
    expect(() => rootsOf('::')).toThrow(/^BOOCODE_WORKSPACE_ROOTS: must be paths of directories, separated by :/);
  });
});

test('SANDBOX-10: rules for directories are read as a list, and a wrong one is refused with one sentence', () => {
  const of = (text: string) => readConfig({ env: { HOME: '/nowhere', BOOCODE_SANDBOX_DIRECTORIES: text } });
  expect(of('/srv/a=required:off, /srv/b/../c=preferred').sandboxDirectories).toEqual([
    { directory: '/srv/a', mode: 'required', network: 'off' },
    { directory: '/srv/c', mode: 'preferred', network: 'open' },
  ]);
  expect(() => of('/srv/a=strict')).toThrow(/^BOOCODE_SANDBOX_DIRECTORIES: must be rules such as \/srv\/untrusted=/);
});
