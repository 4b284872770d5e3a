import { once } from 'node:events';
import { request } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type CostReceiver, openCostReceiver, type RequestCost, requestCosts } from './cost-receiver.ts';

const endpointName = 'OTEL_EXPORTER_OTLP_LOGS_ENDPOINT';

let receiver: CostReceiver;
let told: RequestCost[];
let endpoint: string;
let forget: () => void;
beforeEach(async () => {
  receiver = await openCostReceiver();
  told = [];
  const registered = receiver.register((cost) => told.push(cost));
  endpoint = registered.env[endpointName]!;
  forget = () => registered.forget();
});
afterEach(() => receiver.close());

const attributes = (said: Record<string, object>): object[] =>
  Object.entries(said).map(([key, value]) => ({ key, value }));

/** As the program exports them: integers as strings, other numbers as doubles. */
const record = (said: Record<string, object>, name = 'claude_code.api_request'): object => ({
  timeUnixNano: '1',
  body: { stringValue: name },
  attributes: attributes(said),
});
const exported = (...logRecords: unknown[]): object => ({
  resourceLogs: [{ resource: { attributes: [] }, scopeLogs: [{ scope: { name: 'events' }, logRecords }] }],
});
const said = {
  'event.name': { stringValue: 'api_request' },
  model: { stringValue: 'claude-opus-5-5' },
  request_id: { stringValue: 'req_1' },
  input_tokens: { intValue: '3' },
  output_tokens: { intValue: 50 },
  cache_read_tokens: { stringValue: '13606' },
  cache_creation_tokens: { intValue: '13' },
  cost_usd: { doubleValue: 0.0691 },
};
const cost: RequestCost = {
  requestId: 'req_1',
  model: 'claude-opus-5-5',
  cost: {
    inputTokens: 3,
    outputTokens: 50,
    cacheReadInputTokens: 13_606,
    cacheCreationInputTokens: 13,
    costUsd: 0.0691,
  },
};

const post = (body: unknown, url = endpoint): Promise<Response> =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

describe('TURN-4: an export of the program', () => {
  test('is reported as the cost of a request; other records are skipped', async () => {
    const answer = await post(exported(record(said), record(said, 'claude_code.user_prompt'), record(said)));
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({});
    expect(told).toEqual([cost, cost]);
  });

  test('goes to the session that it belongs to', async () => {
    const others: RequestCost[] = [];
    const other = receiver.register((each) => others.push(each));
    await post(exported(record(said)), other.env[endpointName]);
    expect(others).toEqual([cost]);
    expect(told).toEqual([]);
  });

  test('is refused on every other path, and not reported', async () => {
    const { origin } = new URL(endpoint);
    for (const path of ['/', '/v1/logs', `${new URL(endpoint).pathname}/`, `${new URL(endpoint).pathname}?a`]) {
      expect((await post(exported(record(said)), `${origin}${path}`)).status).toBe(404);
    }
    expect((await fetch(endpoint)).status).toBe(404);
    expect((await fetch(endpoint, { method: 'PUT', body: '{}' })).status).toBe(404);
    expect(told).toEqual([]);
  });

  test('that is not JSON, or not a log, is refused or skipped', async () => {
    expect((await post('{"resourceLogs":')).status).toBe(400);
    expect((await post('')).status).toBe(400);
    for (const body of ['null', '7', '[]', '{"resourceLogs":7}']) expect((await post(body)).status).toBe(200);
    expect(told).toEqual([]);
    await post(exported(record(said)));
    expect(told).toEqual([cost]);
  });

  test('that is too large is cut off, and the next one is accepted', async () => {
    const large = JSON.stringify({ ...exported(record(said)), filling: 'x'.repeat(9 * 1024 * 1024) });
    await expect(post(large)).rejects.toThrow('fetch failed');
    expect(told).toEqual([]);
    expect((await post(exported(record(said)))).status).toBe(200);
    expect(told).toEqual([cost]);
  });

  test('is no longer reported once the session was forgotten, even if the request is in progress', async () => {
    const body = JSON.stringify(exported(record(said)));
    const slow = request(endpoint, { method: 'POST', headers: { 'content-length': Buffer.byteLength(body) } });
    slow.write(body.slice(0, 20));
    // The answer to a second request shows that the first has arrived.
    await post(exported());
    forget();
    slow.end(body.slice(20));
    const [answer] = (await once(slow, 'response')) as [{ resume(): void }];
    answer.resume();
    expect((await post(exported(record(said)))).status).toBe(404);
    expect(told).toEqual([]);
  });

  test('is not received after the receiver is closed, which a request in progress does not delay', async () => {
    const slow = request(endpoint, { method: 'POST', headers: { 'content-length': 100 } });
    const failed = once(slow, 'error');
    slow.write('{');
    await post(exported());
    await receiver.close();
    await failed;
    await receiver.close();
    await expect(post(exported(record(said)))).rejects.toThrow('fetch failed');
  });

  test('arrives on loopback, on a path that cannot be guessed', () => {
    const url = new URL(endpoint);
    expect(url.hostname).toBe('127.0.0.1');
    expect(url.pathname).toMatch(/^\/[\w-]{32}$/);
    expect(receiver.register(() => undefined).env[endpointName]).not.toBe(endpoint);
  });
});

describe('the costs among exported records', () => {
  test('missing or non-numeric values count as zero', () => {
    const model = { stringValue: 'claude-x' };
    const odd = { model, input_tokens: { stringValue: 'many' }, output_tokens: { intValue: '-4' }, cost_usd: {} };
    expect(requestCosts(exported(record(odd)))).toEqual([
      {
        requestId: null,
        model: 'claude-x',
        cost: { inputTokens: 0, outputTokens: 0, cacheReadInputTokens: 0, cacheCreationInputTokens: 0, costUsd: 0 },
      },
    ]);
  });

  test.each([
    ['no model', record({ ...said, model: { doubleValue: 5 } })],
    ['no attributes', { body: { stringValue: 'claude_code.api_request' } }],
    ['attributes of another kind', { body: { stringValue: 'claude_code.api_request' }, attributes: { model: 'x' } }],
    ['empty attributes', { body: { stringValue: 'claude_code.api_request' }, attributes: [null, {}, 5] }],
    ['no body', { attributes: attributes(said) }],
    ['nothing at all', null],
  ])('a record with %s is skipped, and the others are not', (_, odd) => {
    expect(requestCosts(exported(odd, record(said)))).toEqual([cost]);
  });

  test.each([null, 'text', 5, [], {}, { resourceLogs: [null] }, { resourceLogs: [{ scopeLogs: {} }] }])(
    '%j contains none',
    (body) => {
      expect(requestCosts(body)).toEqual([]);
    },
  );
});
