import { describe, expect, test } from 'vitest';
import {
  codeOf,
  FencedError,
  isDatabaseError,
  isMissingValue,
  isPassing,
  isUniqueViolation,
  toStorageError,
  troubleOf,
} from './storage-error.ts';

const coded = (code: unknown, rest: object = {}): Error => Object.assign(new Error('It failed.'), { code, ...rest });

const lost = [
  'ANSWER_LOST CONNECTION_CLOSED CONNECTION_ENDED CONNECTION_DESTROYED CONNECT_TIMEOUT',
  'ECONNREFUSED ECONNRESET EPIPE ENOENT ETIMEDOUT ENOTFOUND EAI_AGAIN',
].flatMap((codes) => codes.split(' '));

describe('DATA-4: an error of the database says whether a retry may help', () => {
  test.each([...lost, '08000', '08006', '57P01', '57P03', '40001', '40P01', '53300'])('%s: it may', (code) => {
    expect(isPassing(coded(code))).toBe(true);
    expect(isDatabaseError(coded(code))).toBe(true);
  });

  test.each(['', '42P08', '23505', '53100', '57014', 'EACCES'])('%s: it does not', (code) => {
    expect(isPassing(coded(code))).toBe(false);
    expect(isDatabaseError(coded(code))).toBe(false);
    expect(isDatabaseError(coded(code, { name: 'PostgresError' }))).toBe(true);
  });

  test('only an error with a text as its code has one', () => {
    expect([coded(7), new Error('It failed.'), { code: '08006' }, null].map(codeOf)).toEqual(['', '', '', '']);
    expect(isDatabaseError({ name: 'PostgresError' })).toBe(false);
  });
});

test.each([
  ['ECONNREFUSED', 'unreachable', /cannot be reached\. .*check that Postgres is running\.$/],
  ['57P01', 'unreachable', /cannot be reached\. /],
  ['ANSWER_LOST', 'slow', /did not answer in time\. .*check its load/],
  ['57014', 'slow', /did not answer in time\. /],
  ['40P01', 'slow', /did not answer in time\. /],
  ['53300', 'no_connections', /no connection left for this server\. .*max_connections/],
  ['25006', 'read_only', /accepts no writes: it is read-only\. .*primary/],
  ['53100', 'full', /accepts no writes: its disk is full\. Free some space there\.$/],
  ['53200', 'refuses', /refuses its service\. See its own log/],
  ['58030', 'refuses', /See its own log/],
  ['28P01', 'refuses', /See its own log/],
])('DATA-7 DATA-21: an error %s is reported as %s, with what to do', (code, trouble, words) => {
  const cause = coded(code);
  const message = expect.stringMatching(words) as string;
  expect(toStorageError(cause)).toMatchObject({ code: 'storage_unavailable', message, cause, details: { trouble } });
});

test('DATA-21: a pooler that is full is told from one that refuses something else', () => {
  const refused = (message: string) => troubleOf(Object.assign(new Error(message), { code: '08P01' }));
  expect(
    ['no more connections allowed (max_client_conn)', 'query_wait_timeout', 'no such database: app'].map(refused),
  ).toEqual(['no_connections', 'no_connections', 'unreachable']);
});

test('an error that says nothing about the database’s state is passed on unchanged', () => {
  for (const error of [coded('42P01'), coded('22P53'), new TypeError('a mistake'), 'text']) {
    expect(toStorageError(error)).toBe(error);
  }
});

test('a violated constraint is recognized by its table and column', () => {
  const twice = coded('23505', { table_name: 'prompts' });
  expect([undefined, 'prompts', 'turns'].map((table) => isUniqueViolation(twice, table))).toEqual([true, true, false]);
  expect(isUniqueViolation(coded('23502', { table_name: 'prompts' }), 'prompts')).toBe(false);

  const missing = { table_name: 'events', column_name: 'seq' };
  expect(isMissingValue(coded('23502', missing), 'events', 'seq')).toBe(true);
  expect(isMissingValue(coded('23502', missing), 'events', 'at')).toBe(false);
  expect(isMissingValue(coded('23502', missing), 'turns', 'seq')).toBe(false);
  expect(isMissingValue(coded('23505', missing), 'events', 'seq')).toBe(false);
});

test('FENCE-1: the error of a stale writer names the chat', () => {
  expect(new FencedError('c1')).toMatchObject({ name: 'FencedError', message: 'Chat c1 is now held by another host.' });
});
