import { networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import { allowsAddress, allowsTarget, type HostRule, isPublic, parseHostRule, parseTarget } from './host-rules.ts';

const rulesOf = (text: string): HostRule[] => text.split(' ').map((each) => parseHostRule(each)!);

test.each([
  [
    'github.com',
    'github.com:443 GitHub.com:80 github.com.:443',
    'github.com:22 a.github.com:443 github.com.evil.test:443 xgithub.com:443',
  ],
  [
    '*.npmjs.org:443',
    'registry.npmjs.org:443 a.b.npmjs.org:443',
    'npmjs.org:443 registry.npmjs.org:80 evilnpmjs.org:443',
  ],
  ['git.test:22', 'git.test:22', 'git.test:443'],
  ['git.test:*', 'git.test:1 git.test:65535', 'git.test:0 git.test:65536 other.test:22'],
  ['*', 'any.test:443 9.9.9.9:443 [2620:fe::fe]:443', 'any.test:22 127.0.0.1:80 10.1.1.1:443 [::1]:80'],
  ['10.1.0.0/16:8080', '10.1.2.3:8080', '10.2.0.1:8080 10.1.2.3:443 ten.test:8080'],
  ['127.0.0.1:5000', '127.0.0.1:5000', '127.0.0.1:5001 127.0.0.2:5000 localhost:5000 [::1]:5000'],
  ['[fd00::/8]:*', '[fd12::1]:443', '[fe80::1]:443'],
])('SANDBOX-8: %s is %s, and not %s', (rules, yes, no) => {
  const allows = (text: string): boolean => {
    const target = parseTarget(text);
    return target !== undefined && allowsTarget(rulesOf(rules), target);
  };
  expect(yes.split(' ').filter((text) => !allows(text))).toEqual([]);
  expect(no.split(' ').filter(allows)).toEqual([]);
});

test('SANDBOX-8: other ways to write an address are no names', () => {
  const odd =
    '127.1:80 2130706433:80 0x7f.1:80 0x7f000001:80 017700000001:80 [::ffff:7f00:1%lo]:80 a@b:80 a:80/x ::1:80 [a]:80 -a:80';
  const others = ['', ':80', 'a b:80', 'a', 'a:', 'a:0', '[::1]', 'a..b:80'];
  expect([...odd.split(' '), ...others].filter((text) => parseTarget(text))).toEqual([]);
  expect(parseTarget('a')).toBeUndefined();
  expect(parseTarget('A.test.', 80)).toEqual({ host: 'a.test', port: 80 });
  const noRules = ['a b', '127.1', 'http://a.test', 'a.test/x', 'a:99999', '10.0.0.0/33', '[::1', '*a.test', 'a.*', ''];
  expect(noRules.filter(parseHostRule)).toEqual([]);
});

test('SANDBOX-8: the machine and its own network are not the Internet', () => {
  const own =
    '0.0.0.0 10.0.0.1 100.64.0.1 127.0.0.1 127.9.9.9 169.254.169.254 172.16.0.1 172.31.255.255 192.168.1.1 224.0.0.1 255.255.255.255';
  const six =
    ':: ::1 fe80::1 fc00::1 fd00::1 ff02::1 ::ffff:127.0.0.1 ::ffff:9.9.9.9 64:ff9b::7f00:1 2002:7f00:1:: 2001:0:1::1 2001:db8::1';
  expect([...own.split(' '), ...six.split(' ')].filter((each) => isPublic(each))).toEqual([]);
  expect(
    ['9.9.9.9', '172.32.0.1', '100.128.0.1', '2620:fe::fe', '2a00:1450::1'].filter((each) => !isPublic(each)),
  ).toEqual([]);
  const here = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  expect(here.filter(({ address }) => isPublic(address))).toEqual([]);
  // A machine on the Internet is not the Internet for its agents.
  const ofMachine = ['9.9.9.9', '2620:fe::fe'];
  expect([...ofMachine, '9.9.9.10', '2620:fe::9'].filter((each) => isPublic(each, ofMachine))).toEqual([
    '9.9.9.10',
    '2620:fe::9',
  ]);
});

test('SANDBOX-8: a name is reached at such an address only if the address is named, or the provider is', () => {
  const target = { host: 'in.test', port: 443 };
  expect(allowsAddress(rulesOf('in.test'), target, '10.0.0.1')).toBe(false);
  expect(allowsAddress(rulesOf('in.test'), target, '9.9.9.9')).toBe(true);
  expect(allowsAddress(rulesOf('in.test 10.0.0.0/8'), target, '10.0.0.1')).toBe(true);
  expect(allowsAddress(rulesOf('in.test 10.0.0.0/8:80'), target, '10.0.0.1')).toBe(false);
  const trusted = [{ ...parseHostRule('in.test:443')!, isTrusted: true }];
  expect(allowsAddress(trusted, target, '10.0.0.1')).toBe(true);
  expect(allowsAddress(trusted, { ...target, port: 80 }, '10.0.0.1')).toBe(false);
  expect(allowsAddress(trusted, { host: 'other.test', port: 443 }, '10.0.0.1')).toBe(false);
});
