import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTestApp, testToken, type TestApp } from '../../test/support/test-app.ts';
import { until } from '../../test/support/until.ts';
import { BooError } from '../protocol/error.ts';
import { listen, type HttpServer } from './server.ts';

let app: TestApp;
let server: HttpServer;
beforeEach(async () => {
  app = createTestApp();
  server = await listen(app.app, { host: '127.0.0.1', port: 0, log: app.log });
});
afterEach(() => server.close());

const search = (signal?: AbortSignal): Promise<Response> =>
  fetch(`${server.url}/v1/chats?q=needle`, {
    headers: { authorization: `Bearer ${testToken}` },
    ...(signal ? { signal } : {}),
  });

test('LOG-10: a search is aborted when its client disconnects', async () => {
  let asked: AbortSignal | undefined;
  app.chats.listChats = ({ signal }) =>
    new Promise((_, reject) => {
      asked = signal;
      signal?.addEventListener('abort', () => reject(new BooError('query_timeout', 'Nobody waits.')));
    });
  const line = new AbortController();
  const answer = search(line.signal);
  await until(() => asked);
  expect(asked?.aborted).toBe(false);
  line.abort();
  await expect(answer).rejects.toThrow('aborted');
  await until(() => asked?.aborted, { what: 'the server to see it' });
});

test('LOG-10: a search that took too long says so, not that the database is unavailable', async () => {
  app.chats.listChats = () => Promise.reject(new BooError('query_timeout', 'The search took too long.'));
  const response = await search();
  expect(response.status).toBe(503);
  expect(await response.json()).toMatchObject({ code: 'query_timeout', detail: 'The search took too long.' });
});
