import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { afterEach, expect, test, vi } from 'vitest';
import { createClient, isUnreachable } from '../client/client.ts';
import { nodeFetch } from './node-fetch.ts';

let server: Server | undefined;
const own = vi.spyOn(globalThis, 'fetch');

afterEach(async () => {
  own.mockReset();
  if (!server) return;
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
  server = undefined;
});

async function serve(listener: RequestListener): Promise<string> {
  server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const init = { method: 'GET', headers: {}, signal: new AbortController().signal };

test('CLI-21: a server on this machine is asked without Node’s own fetch', async () => {
  const url = await serve((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ method: request.method, url: request.url, name: request.headers['x-name'], body }));
    });
  });
  const headers = { 'x-name': 'name' };
  const response = await nodeFetch(`${url}/a?b=1`, { ...init, method: 'POST', headers, body: 'text' });
  expect(response).toMatchObject({ ok: true, status: 200 });
  expect(response.headers.get('Content-Type')).toBe('application/json');
  expect(response.headers.get('x-none')).toBeNull();
  expect(JSON.parse(await response.text())).toMatchObject({
    method: 'POST',
    url: '/a?b=1',
    name: 'name',
    body: 'text',
  });
  expect(own).not.toHaveBeenCalled();
});

test.each(['https://127.0.0.1:1', 'http://192.0.2.1', 'http://localhost.example', 'http://127.0.0.1.example:80'])(
  'CLI-21: %s is asked with it',
  async (url) => {
    own.mockRejectedValue(new TypeError('not sent'));
    await expect(nodeFetch(url, init)).rejects.toThrow('not sent');
    expect(own).toHaveBeenCalledWith(url, init);
  },
);

test('CLI-21: a redirect is followed with it', async () => {
  const url = await serve((request, response) => {
    if (request.url === '/there') response.end('arrived');
    else response.writeHead(307, { location: '/there' }).end();
  });
  own.mockRestore();
  expect(await (await nodeFetch(url, init)).text()).toBe('arrived');
});

test('an answer that breaks off is no answer', async () => {
  const url = await serve((_request, response) => {
    response.writeHead(200, { 'content-length': 100 });
    response.write('{"half":');
    setImmediate(() => response.destroy());
  });
  const failure = await createClient({ url, fetch: nodeFetch })
    .info()
    .catch((error: unknown) => error);
  expect(isUnreachable(failure)).toBe(true);
  const stream = (await nodeFetch(url, init)).body?.getReader();
  await expect(
    (async () => {
      while (!(await stream?.read())?.done);
    })(),
  ).rejects.toThrow('aborted');
});

test('a stream arrives in pieces, until it is cancelled', async () => {
  let closed: Promise<unknown> | undefined;
  const url = await serve((_request, response) => {
    closed = once(response, 'close');
    response.write('one');
  });
  const { body } = await nodeFetch(url, init);
  const reader = body!.getReader();
  expect(Buffer.from((await reader.read()).value!).toString()).toBe('one');
  await reader.cancel();
  await closed;
});

test('a request is aborted, before its answer and in it', async () => {
  const url = await serve((request, response) => {
    if (request.url === '/begun') response.write('begun');
  });
  const abort = new AbortController();
  const waiting = nodeFetch(url, { ...init, signal: abort.signal });
  const begun = await nodeFetch(`${url}/begun`, { ...init, signal: abort.signal });
  const rest = begun.text();
  abort.abort();
  await expect(waiting).rejects.toThrow('aborted');
  await expect(rest).rejects.toThrow('aborted');
});

test('nobody who listens is unreachable', async () => {
  const url = await serve(() => undefined);
  server?.close();
  await once(server!, 'close');
  server = undefined;
  const failure = await createClient({ url, fetch: nodeFetch })
    .health()
    .catch((error: unknown) => error);
  expect(isUnreachable(failure)).toBe(true);
});
