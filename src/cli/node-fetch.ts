/**
 * `fetch` for a server on this machine, over `node:http`. To load Node's own `fetch` takes several times as long as all
 * that a command such as `boocode ls` does, and whatever that is for (TLS, compression, redirects) is for servers elsewhere.
 */
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import type { Fetch, FetchInit, FetchResponse } from '../client/client.ts';

const loopback = /^http:\/\/(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?(?:\/|$)/;

export const nodeFetch: Fetch = async (url, init) => {
  if (!loopback.test(url)) return fetch(url, init);
  const response = await send(url, init);
  const { statusCode: status = 0, headers } = response;
  if (status >= 300 && status < 400 && headers.location !== undefined) {
    // Not answered by the server itself.
    response.destroy();
    return fetch(url, init);
  }
  let body: FetchResponse['body'] | undefined;
  return {
    ok: status >= 200 && status < 300,
    status,
    headers: { get: (name) => headersText(headers[name.toLowerCase()]) },
    text: () => text(response),
    get body() {
      return (body ??= Readable.toWeb(response) as ReadableStream<Uint8Array>);
    },
  };
};

function send(url: string, { method, headers, body, signal }: FetchInit): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent: ClientRequest = request(url, { method, headers, signal });
    sent.once('response', resolve);
    sent.on('error', reject);
    sent.end(body);
  });
}

function headersText(value: string | string[] | undefined): string | null {
  return Array.isArray(value) ? value.join(', ') : (value ?? null);
}
