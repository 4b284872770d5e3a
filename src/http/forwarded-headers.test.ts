import { describe, expect, test } from 'vitest';
import { answerHeaders, requestHeaders } from './forwarded-headers.ts';

const ownOfConnection = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];
const ownOfPerimeter = [
  'authorization',
  'boocode-forwarded',
  'content-length',
  'cookie',
  'expect',
  'forwarded',
  'host',
  'origin',
  'referer',
  'sec-websocket-protocol',
  'via',
  'x-forwarded-for',
  'x-forwarded-proto',
  'sec-fetch-mode',
  'sec-fetch-site',
];
const all = (names: string[]): [string, string][] => names.map((name) => [name, 'x']);

describe('HOST-3: of a request that is sent on', () => {
  test('no header goes along that belongs to the client’s connection or is for its first host', () => {
    const kept = {
      accept: 'text/event-stream',
      'boocode-client': 'test',
      'content-type': 'application/json',
      'idempotency-key': 'k',
      'last-event-id': '7',
      // Only whole families of names are left out.
      'my-sec-fetch-mode': 'x',
      'my-x-forwarded-for': 'x',
    };
    const given = new Headers([...all([...ownOfConnection, ...ownOfPerimeter]), ...Object.entries(kept)]);
    expect(requestHeaders(given)).toEqual(kept);
  });

  test('of the answer’s headers all come back but those of the connection between the hosts', () => {
    const raw = all([...ownOfConnection, 'boocode-host', 'Date', 'Boocode-Host']).flat();
    const kept = ['Content-Type', 'text/plain', 'Set-Cookie', 'a=b', 'Set-Cookie', 'c=d', 'Retry-After', '7'];
    expect([...answerHeaders([...raw, ...kept])]).toEqual([
      ['content-type', 'text/plain'],
      ['retry-after', '7'],
      ['set-cookie', 'a=b'],
      ['set-cookie', 'c=d'],
    ]);
    expect([...answerHeaders(['retry-after'])]).toEqual([]);
  });
});

describe('TERM-13: of a WebSocket that is opened on another host', () => {
  const upgrade = { connection: 'Upgrade', upgrade: 'websocket' };

  test('the handshake goes along, with the subprotocols that are no ticket', () => {
    const key = { 'sec-websocket-key': 'k', 'sec-websocket-version': '13' };
    const given = new Headers({
      ...key,
      ...upgrade,
      cookie: 'a=b',
      'sec-websocket-protocol': 'ticket.secret , boocode.terminal,, my.ticket.x',
    });
    expect(requestHeaders(given, 'websocket')).toEqual({
      ...key,
      ...upgrade,
      'sec-websocket-protocol': 'boocode.terminal, my.ticket.x',
    });
  });

  test('nothing is offered if there is no subprotocol, or only a ticket', () => {
    expect(requestHeaders(new Headers(), 'websocket')).toEqual(upgrade);
    expect(requestHeaders(new Headers({ 'sec-websocket-protocol': 'ticket.secret' }), 'websocket')).toEqual(upgrade);
  });
});
