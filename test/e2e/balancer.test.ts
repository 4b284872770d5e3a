// deploy/haproxy.cfg between clients and two hosts: only the addresses are changed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadSocket } from '../../src/cli/node-socket.ts';
import { createClient, type LiveItem } from '../../src/client/client.ts';
import { freePort } from '../support/free-port.ts';
import { openServer, type TestServer } from '../support/server.ts';
import { until } from '../support/until.ts';

const haproxy = ['/usr/sbin/haproxy', '/usr/local/sbin/haproxy', '/usr/bin/haproxy'].find(existsSync);
if (!haproxy)
  process.stderr.write('There is no haproxy: hosts behind one are not tested (Debian: apt-get install haproxy).\n');

describe.skipIf(!haproxy)('DEPLOY-3: hosts behind the load balancer', () => {
  const token = 'the-token-of-all-hosts';
  let hosts: TestServer[];
  let folder: string;
  let url: string;
  let stop = async (): Promise<void> => {};
  beforeAll(async () => {
    const first = await openServer({ config: { token, hostName: 'h0' } });
    hosts = [first, await openServer({ config: { token, hostName: 'h1' }, beside: first })];
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    folder = await mkdtemp(join(tmpdir(), 'boocode-balancer-'));
    const servers = hosts.map((host, index) => `  server h${index} ${new URL(host.url).host}`).join('\n');
    const config = readFileSync(join(import.meta.dirname, '..', '..', 'deploy', 'haproxy.cfg'), 'utf8')
      .replace('bind :8080', `bind 127.0.0.1:${port}`)
      .replace(/(^ {2}server .*\n)+/m, `${servers}\n`);
    await writeFile(join(folder, 'haproxy.cfg'), config);
    const child = spawn(haproxy!, ['-db', '-f', join(folder, 'haproxy.cfg')], { stdio: 'ignore' });
    const ended = once(child, 'exit');
    stop = async () => {
      child.kill('SIGTERM');
      await ended;
    };
    const client = createClient({ url, token });
    await until(() =>
      client.health().then(
        ({ status }) => status === 'ok',
        () => false,
      ),
    );
  });
  afterAll(async () => {
    await stop();
    for (const host of hosts?.toReversed() ?? []) await host.close();
    await rm(folder, { recursive: true, force: true });
  });

  test('feeds are not held back, the live socket opens, and both continue on the other host', async () => {
    const client = createClient({ url, token, backoff: { minMs: 50, maxMs: 200 } });
    const chat = await client.createChat({ cwd: hosts[0]!.workDir });
    const live = client.live({ WebSocket: await loadSocket() });
    const seen: LiveItem[] = [];
    live.follow(chat.id, { onItem: (item) => seen.push(item) });
    let deltas = 0;
    const first = await client.run(chat.id, 'stream 20 tokens at 50 per second', {
      onItem: (item) => void (deltas += item.kind === 'delta' ? 1 : 0),
    });
    expect([first.outcome, deltas > 5]).toEqual(['completed', true]);
    const ends = () => seen.filter((item) => item.kind === 'event' && item.event.type === 'turn_finished').length;
    await until(() => ends() === 1);

    // The host that serves this client stops; the balancer notices, and the chat goes on on the other one.
    // All of a client's requests reach the same host.
    const served = new Set<string | null>();
    for (let times = 0; times < 5; times += 1)
      served.add((await client.listHosts()).find(({ isThis }) => isThis)!.name);
    expect(served.size).toBe(1);
    const [serving] = served;
    await hosts[serving === 'h0' ? 0 : 1]!.running.close();
    expect((await client.run(chat.id, 'what did I say')).outcome).toBe('completed');
    await until(() => ends() === 2);
    live.close();
    const seqs = seen.flatMap((item) => (item.kind === 'event' ? [item.event.seq] : []));
    expect(seqs).toEqual(seqs.map((_, index) => index + 1));
  });
});
