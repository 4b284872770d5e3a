import { createServer, request, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createFilteringProxy } from './filtering-proxy.ts';
import { parseHostRule } from './host-rules.ts';

let proxy: Server;
let origin: Server;
let port: number;
const seen: { url: string; headers: NodeJS.Dict<string | string[]>; body: string }[] = [];
const refused: string[] = [];
/** What names stand for, one answer after the other. */
let answers: string[][] = [];
let asked: string[] = [];

const portOf = (server: Server): number => (server.address() as AddressInfo).port;
const listening = (server: Server): Promise<void> =>
  new Promise((resolve) => void server.listen(0, '127.0.0.1', resolve));

beforeAll(async () => {
  origin = createServer((incoming, response) => {
    let body = '';
    incoming.on('data', (chunk) => (body += chunk));
    incoming.on('end', () => {
      seen.push({ url: incoming.url ?? '', headers: incoming.headers, body });
      response.writeHead(201, { 'x-of': 'origin', connection: 'x-own', 'x-own': 'hop' }).end('hello');
    });
  });
  await listening(origin);
  port = portOf(origin);
  const texts = ['name.test:*', `127.0.0.1:${port}`, 'gone.test:*'];
  proxy = createFilteringProxy({
    rules: texts.map((text) => parseHostRule(text)!),
    onRefused: (target) => refused.push(target),
    async resolve(host) {
      asked.push(host);
      if (host === 'gone.test') throw Object.assign(new Error('gone'), { code: 'ENOTFOUND' });
      return answers.shift() ?? [];
    },
  });
  await listening(proxy);
});
afterAll(() => {
  for (const server of [proxy, origin]) {
    server.closeAllConnections();
    server.close();
  }
});
beforeEach(() => {
  for (const list of [seen, refused]) list.length = 0;
  [answers, asked] = [[], []];
});

interface Answer {
  status: number;
  text: string;
  headers: NodeJS.Dict<string | string[]>;
}

function ask(path: string, { method = 'GET', headers = {}, body = '' } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ port: portOf(proxy), host: '127.0.0.1', method, path, headers, agent: false });
    const read = (stream: NodeJS.ReadableStream, answer: Omit<Answer, 'text'>): void => {
      let text = '';
      stream.on('data', (chunk) => (text += chunk)).on('end', () => resolve({ ...answer, text }));
    };
    outgoing.on('response', (response) => read(response, { status: response.statusCode!, headers: response.headers }));
    outgoing.on('connect', (response, socket, head) => {
      socket.unshift(head);
      read(socket, { status: response.statusCode!, headers: response.headers });
      socket.end('GET /through HTTP/1.1\r\nhost: inner\r\nconnection: close\r\n\r\n');
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

test('SANDBOX-8: a tunnel goes to the address that was checked, and a name is asked for once', async () => {
  // The second answer would be another machine, and the first of these is not allowed.
  answers = [['10.255.255.1', '127.0.0.1'], ['10.255.255.1']];
  const { status, text } = await ask(`name.test:${port}`, { method: 'CONNECT' });
  expect([status, text]).toEqual([200, expect.stringMatching(/^HTTP\/1.1 201[^]*hello/)]);
  expect([asked, answers.length, refused]).toEqual([['name.test'], 1, []]);
});

test('SANDBOX-8: a name that stands for this machine or its network is refused, and says why', async () => {
  for (const addresses of [['127.0.0.1'], ['::1'], ['10.255.255.1', '192.168.255.1'], ['::ffff:127.0.0.1'], []]) {
    for (const method of ['CONNECT', 'GET']) {
      answers = [addresses];
      const path = method === 'GET' ? 'http://name.test:81/' : 'name.test:81';
      const { status, text } = await ask(path, { method });
      expect([status, text]).toEqual([403, expect.stringContaining('names them as addresses')]);
    }
  }
  expect(new Set(refused)).toEqual(new Set(['name.test:81']));
});

test('SANDBOX-8: what is not named is refused before its name is looked up, and says what to set', async () => {
  for (const host of ['other.test:443', '127.0.0.1:1', '[::1]:80', 'localhost:80', '127.0.0.2:80']) {
    const { status, text } = await ask(host, { method: 'CONNECT' });
    expect([status, text]).toEqual([403, expect.stringContaining(`${host} is not among its hosts`)]);
    expect(text).toContain('--sandbox-hosts (BOOCODE_SANDBOX_HOSTS)');
  }
  expect([asked, refused.length]).toEqual([[], 5]);
  expect((await ask('gone.test:443', { method: 'CONNECT' })).status).toBe(502);
  for (const path of ['/', '*', 'https://name.test/', 'ftp://name.test/', `http://name.test@127.0.0.1:${port}/`]) {
    expect((await ask(path)).status).toBe(400);
  }
  expect(seen).toEqual([]);
});

test('SANDBOX-8: a plain request goes to the host in its address, whatever its headers say', async () => {
  answers = [['127.0.0.1']];
  const headers = {
    host: 'other.test',
    'proxy-authorization': 'secret',
    connection: 'x-hop',
    'x-hop': 'one',
    'x-end': 'two',
  };
  const answer = await ask(`http://name.test:${port}/a?b=c`, { method: 'POST', headers, body: 'body' });
  expect(answer).toMatchObject({ status: 201, text: 'hello', headers: { 'x-of': 'origin' } });
  expect(answer.headers).not.toHaveProperty('x-own');
  expect(seen).toMatchObject([{ url: '/a?b=c', body: 'body', headers: { host: `name.test:${port}`, 'x-end': 'two' } }]);
  expect(Object.keys(seen[0]!.headers)).not.toEqual(expect.arrayContaining(['x-hop']));
  expect(seen[0]!.headers).not.toHaveProperty('proxy-authorization');
});

test('SANDBOX-8: a tunnel that breaks on one side ends on the other', async () => {
  const socket = connect(portOf(proxy), '127.0.0.1');
  const opened = new Promise((resolve) => socket.once('data', resolve));
  const met = new Promise<string>((resolve) => {
    origin.once('connection', (its) => its.once('close', () => resolve('closed')));
  });
  socket.write(`CONNECT 127.0.0.1:${port} HTTP/1.1\r\nhost: a\r\n\r\n`);
  await opened;
  socket.destroy();
  expect(await met).toBe('closed');
});
