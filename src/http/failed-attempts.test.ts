import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { createTestApp, testToken, type TestApp } from '../../test/support/test-app.ts';
import { createFailedAttempts } from './failed-attempts.ts';
import { sourceOf } from './source-address.ts';

const limits = { perSource: 3, inAll: 10 };

function attemptsAt() {
  const clock = new ManualClock();
  const lines: object[] = [];
  const log = { debug() {}, info() {}, error() {}, warn: (facts: object) => lines.push(facts) };
  return { clock, lines, attempts: createFailedAttempts({ clock, log, limits }) };
}

describe('ACCESS-11: failed attempts', () => {
  it('are limited by source and minute', () => {
    const { clock, attempts } = attemptsAt();
    const four = () => Array.from({ length: 4 }, () => attempts.add('a'));
    expect(four()).toEqual([undefined, undefined, undefined, 60]);
    expect(attempts.add('b')).toBeUndefined();
    clock.advance(60_000);
    expect(four()).toEqual([undefined, undefined, undefined, 60]);
  });

  it('are limited in total', () => {
    const { clock, attempts } = attemptsAt();
    const eleven = () => Array.from({ length: 11 }, (_, at) => attempts.add(`source ${at}`));
    expect(eleven().map((each) => each !== undefined)).toEqual([...Array.from({ length: 10 }, () => false), true]);
    clock.advance(60_000);
    expect(attempts.add('a')).toBeUndefined();
  });

  it('are logged in one line for each source and minute, with their number', () => {
    const { clock, lines, attempts } = attemptsAt();
    for (let count = 0; count < 4000; count += 1) attempts.add('a');
    attempts.add('b');
    expect(lines).toEqual([
      { source: 'a', failures: 1 },
      { source: 'b', failures: 1 },
    ]);
    clock.advance(60_000);
    expect(lines.slice(2)).toEqual([{ source: 'a', failures: 3999 }]);
    attempts.add('a');
    attempts.add('b');
    expect(lines.slice(3)).toEqual([{ source: 'b', failures: 1 }]);
    clock.advance(60_000);
    expect(lines.slice(4)).toEqual([{ source: 'a', failures: 1 }]);
    clock.advance(60_000);
    expect(clock.nextMs).toBeNull();
  });

  it('need no more memory or lines for more sources', () => {
    const { clock, lines, attempts } = attemptsAt();
    for (let count = 0; count < 5000; count += 1) attempts.add(`source ${count}`);
    expect(lines).toHaveLength(201);
    clock.advance(60_000);
    expect(lines.slice(201)).toEqual([{ source: 'others', failures: 4799 }]);
  });
});

it.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['::1', '::1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::6', '2001:db8:1:2::/64'],
  ['2001:db8::6', '2001:db8:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  [undefined, 'unknown'],
])('the source of %s is %s', (address, source) => {
  expect(sourceOf(address)).toBe(source);
});

describe('ACCESS-11: a client that guesses', () => {
  const host = { host: 'localhost:4700' };
  const wrong = { ...host, authorization: 'Bearer wrong' };
  const guesses: [string, (test: TestApp) => Response | Promise<Response>][] = [
    ['tokens', (test) => test.app.request('/v1/info', { headers: wrong })],
    [
      'sign-in codes',
      (test) =>
        test.app.request('/v1/sign-in', {
          method: 'POST',
          headers: { ...host, 'content-type': 'application/json' },
          body: '{"code":"wrong"}',
        }),
    ],
    [
      'tickets',
      (test) => test.app.request('/v1/live', { headers: { ...host, 'sec-websocket-protocol': 'ticket.wrong' } }),
    ],
  ];

  it.each(guesses)('has to wait at %s, but a client with a valid credential does not', async (_what, guess) => {
    const test = createTestApp();
    const statuses: number[] = [];
    for (let count = 0; count < 22; count += 1) statuses.push((await guess(test)).status);
    expect(statuses).toEqual([...Array.from({ length: 20 }, () => 401), 429, 429]);
    const refused = await guess(test);
    expect(refused.headers.get('retry-after')).toBe('60');
    expect(refused.headers.get('www-authenticate')).toBeNull();
    expect(await refused.json()).toMatchObject({ code: 'too_many_attempts', retryAfterSeconds: 60 });

    expect((await test.call('GET', '/v1/info')).status).toBe(200);
    const { code } = test.codes.issue();
    const headers = { authorization: '' };
    expect((await test.call('POST', '/v1/sign-in', { body: { code }, headers })).status).toBe(200);
    const { ticket } = (await (await test.call('POST', '/v1/live/tickets')).json()) as { ticket: string };
    const opened = await test.app.request('/v1/live', {
      headers: { ...host, 'sec-websocket-protocol': `boocode.live, ticket.${ticket}` },
    });
    expect(opened.status).toBe(426);
    const said = JSON.stringify(test.warnings);
    expect(said).not.toMatch(new RegExp(`wrong|${testToken}`));
    expect(test.warnings).toHaveLength(1);
  });

  it('does not include clients without a credential, or pages of another site', async () => {
    const test = createTestApp({ limits: { failuresPerSource: 1 } });
    for (let count = 0; count < 5; count += 1) {
      expect((await test.app.request('/v1/info', { headers: host })).status).toBe(401);
      const foreign = { ...wrong, origin: 'https://evil.example' };
      expect((await test.app.request('/v1/info', { headers: foreign })).status).toBe(403);
    }
    expect(test.warnings).toEqual([]);
  });
});
