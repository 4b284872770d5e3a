import { expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { createTestApp } from '../../test/support/test-app.ts';
import { RefusalLines } from './refusal-lines.ts';

const refusal = { source: '127.0.0.1', method: 'GET', path: '/v1/chats', status: 400, code: 'invalid_request' };

function watched() {
  const told: object[] = [];
  const clock = new ManualClock();
  const log = { debug() {}, info: (facts: object) => void told.push(facts), warn() {}, error() {} };
  return { told, clock, lines: new RefusalLines(clock, log) };
}

test('the first of a kind is logged immediately, and further ones in one line at the end of the minute', () => {
  const { told, clock, lines } = watched();
  for (let count = 0; count < 5; count += 1) lines.add(refusal);
  lines.add({ ...refusal, code: 'not_found' });
  expect(told).toEqual([refusal, { ...refusal, code: 'not_found' }]);
  clock.advance(60_000);
  expect(told.slice(2)).toEqual([{ ...refusal, refusals: 4 }]);
  lines.add(refusal);
  clock.advance(60_000);
  clock.advance(60_000);
  expect(told.slice(3)).toEqual([{ ...refusal, refusals: 1 }]);
  lines.add(refusal);
  expect(told.slice(4)).toEqual([refusal]);
});

test('kinds beyond two hundred are counted together', () => {
  const { told, clock, lines } = watched();
  for (let count = 0; count < 300; count += 1) lines.add({ ...refusal, source: `10.0.0.${count}` });
  expect(told).toHaveLength(201);
  clock.advance(60_000);
  expect(told.slice(201)).toEqual([{ code: 'others', refusals: 99 }]);
});

test('ACCESS-6: a line says who, what and why, and repeats nothing of the request', async () => {
  const app = createTestApp();
  const secret = 'hunter2-hunter2-hunter2';
  await app.call('GET', `/v1/chats?q=&token=${secret}`, { headers: { 'boocode-client': 'cli' } });
  await app.call('POST', '/v1/chats', { body: { cwd: secret.repeat(300), title: secret } });
  await app.call('GET', `/v1/${secret}`);
  await app.call('GET', '/v1/chats', { headers: { authorization: '' } });
  await app.call('GET', '/v1/chats', { headers: { host: `${secret}.example.org` } });
  const lines = app.infos.filter(({ message }) => message === 'A request was refused.').map(({ facts }) => facts);
  expect(lines).toMatchObject([
    { client: 'cli', method: 'GET', path: '/v1/chats', status: 400, code: 'invalid_request' },
    { method: 'POST', path: '/v1/chats', status: 400, field: 'cwd' },
    { method: 'GET', path: 'unknown', status: 404, code: 'not_found' },
    { path: '/v1/chats', status: 403, code: 'forbidden_host' },
  ]);
  expect(JSON.stringify([...app.infos, ...app.warnings, ...app.errors])).not.toContain('hunter2');
});
