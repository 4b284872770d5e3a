import { expect, it } from 'vitest';
import type { HostInfo } from '../client/client.ts';
import { hostsNamed, onlyHost, sharedNames } from './find-host.ts';

const host = (id: string, name: string, state: HostInfo['state'] = 'up') => ({ id, name, state }) as HostInfo;
const hosts = [
  host('aaaa1111', 'attic'),
  host('aaaa2222', 'cellar'),
  host('bbbb1111', 'shed', 'silent'),
  host('cccc1111', 'shed', 'draining'),
  host('cccc2222', 'shed'),
  host('dddd1111', 'gone', 'silent'),
  host('dddd2222', 'gone', 'silent'),
];
const found = (given: string) => hostsNamed(hosts, given).map(({ id }) => id);

it('HOST-12: finds a host by its name, the living one first, or by the start of its id', () => {
  expect(found('attic')).toEqual(['aaaa1111']);
  expect(found('AAAA2')).toEqual(['aaaa2222']);
  expect(found('aaaa')).toEqual(['aaaa1111', 'aaaa2222']);
  expect(found('aaa')).toEqual([]);
  expect(found('Attic')).toEqual([]);
  expect(found('shed')).toEqual(['cccc2222']);
  expect(found('gone')).toEqual(['dddd1111', 'dddd2222']);
});

it('HOST-12: says which hosts could be meant', () => {
  expect(onlyHost(hostsNamed(hosts, 'attic'), 'attic').id).toBe('aaaa1111');
  expect(() => onlyHost([], 'no\u001bne')).toThrow("There is no host 'no␛ne': see `boocode hosts`.");
  expect(() => onlyHost(hostsNamed(hosts, 'aaaa'), 'aaaa')).toThrow(/^2 hosts .* 'aaaa': .*: aaaa1111, aaaa2222\.$/);
});

it('HOST-12: names that several living hosts have', () => {
  expect(sharedNames(hosts)).toEqual(['shed']);
});
