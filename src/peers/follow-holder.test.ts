import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../../test/support/until.ts';
import type { FeedItem } from '../protocol/event.ts';
import { followHolder } from './follow-holder.ts';
import { hostItself, type PeerRequest } from './peers.ts';

const id = 'bbbbbbbb-2222-4333-8444-555555555555';
const from = { chatId: 'c1', after: 7 };
const notice = 'event: event\ndata: {"type":"notice","seq":8}\n\n';

let server: Server;
let address: string;
let answer: (response: ServerResponse) => void;
let asked: IncomingMessage[];
let signed: PeerRequest[];
let abort: AbortController;
beforeEach(async () => {
  [asked, signed, abort] = [[], [], new AbortController()];
  server = createServer((request, response) => {
    asked.push(request);
    answer(response);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
});

const peers = {
  sign(request: PeerRequest): string {
    signed.push(request);
    return 'signed';
  },
};
/** What has come, also if it fails in the end. */
let items: FeedItem[];
async function follow(limitMs?: number, to: string | null = address): Promise<void> {
  items = [];
  for await (const item of followHolder(peers, { id, address: to }, from, abort.signal, limitMs)) items.push(item);
}

describe('LOG-14: the feed of a chat’s holder', () => {
  test('is asked for in the host’s own name, from where the reader is, and ends with the answer', async () => {
    answer = (response) => response.end(`${notice}event: unknown\ndata: ?\n\n`);
    await follow();
    expect(items).toEqual([{ kind: 'event', event: { type: 'notice', seq: 8 } }]);
    const target = '/v1/chats/c1/events?after=7';
    expect(asked[0]).toMatchObject({
      method: 'GET',
      url: target,
      headers: { accept: 'text/event-stream', 'boocode-forwarded': 'signed' },
    });
    expect(signed).toEqual([{ to: id, method: 'GET', target, body: new Uint8Array(), principal: hostItself }]);
  });

  test('fails if the holder refuses, and its connection is closed', async () => {
    let isClosed = false;
    answer = (response) => {
      response.on('close', () => (isClosed = true));
      response.writeHead(409).write('an answer without an end');
    };
    await expect(follow()).rejects.toThrow('The other host answered with status 409.');
    await until(() => isClosed);
  });

  test('fails if the holder cannot be reached, or has no address', async () => {
    server.close();
    await expect(follow()).rejects.toThrow('The other host did not answer');
    await expect(follow(undefined, null)).rejects.toThrow('Invalid URL');
  });

  test('fails if the holder falls silent, before its answer or within it', async () => {
    answer = () => {};
    await expect(follow(30)).rejects.toThrow('The other host did not answer');
    answer = (response) => void response.write(notice);
    await expect(follow(30)).rejects.toThrow('aborted');
    expect(items).toHaveLength(1);
  });

  test('fails if it breaks off, or has a frame that cannot be read', async () => {
    answer = (response) => void response.write(notice, () => response.destroy());
    await expect(follow()).rejects.toThrow('aborted');
    expect(items).toHaveLength(1);
    let isClosed = false;
    answer = (response) => {
      response.on('close', () => (isClosed = true));
      response.write('event: event\ndata: {"type":\n\n');
    };
    await expect(follow()).rejects.toThrow(SyntaxError);
    await until(() => isClosed);
  });

  test('ends when it is no longer wanted', async () => {
    answer = (response) => void response.write(notice);
    const following = follow();
    following.catch(() => undefined);
    await until(() => items.length === 1);
    abort.abort();
    await expect(following).rejects.toThrow('aborted');
  });
});
