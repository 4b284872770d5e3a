// What an agent's process could try against its server. It knows every path; whatever it gets only goes into its report.
// Harmless: it reads marked secrets of a test's own server, and signals with number 0.
import { execFileSync, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { createSocket } from 'node:dgram';
import { request } from 'node:http';
import { connect, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';

const t = JSON.parse(fs.readFileSync('targets.json', 'utf8'));
const read = (path) => fs.readFileSync(path, 'latin1');
const run = (command, ...args) => execFileSync(command, args, { encoding: 'latin1', stdio: 'pipe', timeout: 5000 });
const put = (path, text = t.mark) => {
  fs.writeFileSync(path, text, { flag: 'a' });
  return read(path).includes(text);
};
const reach = (options) =>
  new Promise((resolve) => {
    const socket = connect(options, () => (socket.destroy(), resolve(true)));
    socket.on('error', () => resolve(false));
  });
// Through the proxy of a limited network.
const proxied = (options) =>
  new Promise((resolve, reject) => {
    const asked = request({
      host: '127.0.0.1',
      port: 18128,
      agent: false,
      ...options,
    });
    asked.on('connect', ({ statusCode }, socket) => {
      let text = '';
      socket.on('data', (chunk) => (text += chunk)).on('close', () => resolve({ statusCode, text }));
      if (statusCode === 200) socket.end('GET / HTTP/1.1\r\nhost: it\r\nconnection: close\r\n\r\n');
    });
    asked.on('response', (response) => {
      let text = '';
      response
        .on('data', (chunk) => (text += chunk))
        .on('end', () => resolve({ statusCode: response.statusCode, text }));
    });
    asked.on('error', reject);
    asked.end();
  });
const tunnel = async (path) => (await proxied({ method: 'CONNECT', path })).statusCode === 200;
const fetched = async (path, headers = {}) => (await proxied({ path, headers })).text.includes(t.hostMark);
const echoed = (port, host, type) =>
  new Promise((resolve) => {
    const socket = createSocket(type);
    const end = (is) => (clearTimeout(late), socket.close(), resolve(is));
    const late = setTimeout(() => end(false), 300);
    socket.on('message', () => end(true)).on('error', () => end(false));
    socket.send('one', port, host);
  });
const pids = () => fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name));
const some = (list, test) =>
  list.some((each) => {
    try {
      return test(each);
    } catch {
      return false;
    }
  });
const ask = async (path, init) => (await fetch(t.url + path, init)).ok;
const answer = { method: 'POST', body: '{"outcome":"allow"}' };
const json = { 'content-type': 'application/json' };

// Each is true if it got what it wanted. Those that would change the machine are made in a sandbox only.
const attacks = {
  'the token, by its file': () => read(join(t.dataDir, 'token')).length > 0,
  'the data directory, by its list': () => fs.readdirSync(t.dataDir).includes('token'),
  'the password of the database': () => read(join(t.dataDir, 'postgres', 'password')).length > 0,
  'the files of the database': () => fs.readdirSync(join(t.dataDir, 'postgres', 'cluster')).length > 0,
  'the socket of the database': () => reach({ path: t.socket }),
  'any socket of a database': () => some(fs.readdirSync('/tmp'), (name) => name.startsWith('boocode-socket-')),
  'the environment of the server': () => read(`/proc/${t.hostPid}/environ`).includes(t.secret),
  'the environment of any process': () => some(pids(), (pid) => read(`/proc/${pid}/environ`).includes(t.secret)),
  'the memory of the server': () => fs.openSync(`/proc/${t.hostPid}/mem`, 'r') > 0,
  'the root of the server': () => read(`/proc/${t.hostPid}/root${t.dataDir}/token`).length > 0,
  'the root of any process': () => some(pids(), (pid) => read(`/proc/${pid}/root${t.dataDir}/token`).length > 0),
  'the working directory of the server': () => fs.readdirSync(`/proc/${t.hostPid}/cwd/`).length > 0,
  'the open files of the server': () => fs.readdirSync(`/proc/${t.hostPid}/fd`).length > 0,
  'tracing the server': () => run('perl', '-e', `exit(syscall(101, 0x4206, ${t.hostPid}, 0, 0) == 0 ? 0 : 1)`) === '',
  'a signal to the server': () => process.kill(t.hostPid, 0),
  'seeing the server': () => some(pids(), (pid) => /boocode\.js\0serve/.test(read(`/proc/${pid}/cmdline`))),
  'another chat’s files': () => read(join(t.otherWorkspace, 'secret')).includes(t.secret),
  'writing another chat’s files': () => put(join(t.otherWorkspace, 'written')),
  'another chat’s transcript': () => fs.readdirSync(t.sandboxes).length > (t.isSandboxed ? 1 : 0),
  'the usual config directory': () => read(join(t.home, '.claude', 'settings.json')).includes('of-the-user'),
  'a link to the token': () => (
    fs.rmSync('a-link', { force: true }),
    fs.symlinkSync(join(t.dataDir, 'token'), 'a-link'),
    read('a-link').length > 0
  ),
  'a hard link to the token': () => (
    fs.rmSync('hard', { force: true }),
    fs.linkSync(join(t.dataDir, 'token'), 'hard'),
    true
  ),
  'a link to the data directory': () => (
    fs.rmSync('b-link', { force: true }),
    fs.symlinkSync(t.dataDir, 'b-link'),
    read('b-link/token').length > 0
  ),
  'out of the workspace by dots': () => read(join(process.cwd(), '../data/token')).length > 0,
  'a key in the home directory': () => read(join(t.home, '.ssh', 'id_test')).includes(t.secret),
  'a file with a token elsewhere': () => read(t.secretFile).includes(t.secret),
  'the passwords of the system': () => read('/etc/shadow').length > 0,
  'a hook of git': () => put('.git/hooks/post-checkout', `#!/bin/sh\n# ${t.mark}\n`),
  'the configuration of git': () => put('.git/config', `\n# ${t.mark}\n`),
  'git’s own writing of it': () => run('git', 'config', 'core.fsmonitor', `true ${t.mark}`) === '',
  'the configuration of git, taken from elsewhere': async () => {
    fs.writeFileSync('.git/commondir', '.\n');
    const until = Date.now() + 3_000;
    while (fs.existsSync('.git/commondir') && Date.now() < until) await new Promise((done) => setTimeout(done, 5));
    const stays = fs.existsSync('.git/commondir');
    fs.rmSync('.git/commondir', { force: true });
    return stays;
  },
  'another .git in its place': () => (fs.renameSync('.git', '.git-old'), fs.renameSync('.git-old', '.git'), true),
  'the system’s programs': () => t.isSandboxed && put(`/usr/bin/boocode-${t.mark}`),
  'the system’s settings': () => t.isSandboxed && put(`/etc/boocode-${t.mark}`),
  'a job of the system': () => t.isSandboxed && put(`/etc/cron.d/boocode-${t.mark}`),
  'a setting of the kernel': () =>
    t.isSandboxed && (fs.writeFileSync('/proc/sys/vm/swappiness', read('/proc/sys/vm/swappiness')), true),
  'a namespace in which it is root': () =>
    run('unshare', '-rm', 'sh', '-c', `umount ${t.dataDir} 2>/dev/null; cat ${t.dataDir}/token`).length > 0,
  'a new list of processes': () =>
    t.isSandboxed && run('unshare', '-rpf', '--mount-proc', 'sh', '-c', `echo 60 >/proc/sys/vm/swappiness`) === '',
  'mounting something': () => t.isSandboxed && run('mount', '-t', 'tmpfs', 'none', t.home) === '',
  'a device': () => (fs.rmSync('disk', { force: true }), run('mknod', 'disk', 'b', '254', '0'), true),
  'services of the system': () =>
    some(['/run', '/var/run'], (path) =>
      some(fs.readdirSync(path, { recursive: true }), (name) => /sock|bus/.test(name)),
    ),
  'another chat’s hooks': () => fs.readdirSync('/tmp').filter((name) => name.startsWith('boo-')).length > 1,
  'the server’s memory score': () => (fs.writeFileSync(`/proc/${t.hostPid}/oom_score_adj`, '0'), true),
  'a key of the model, in its environment': () =>
    some(pids(), (pid) => read(`/proc/${pid}/environ`).includes(t.modelKey)),
  'the API without a token': () => ask('/v1/chats'),
  'the API with an empty token': () => ask('/v1/chats', { headers: { authorization: 'Bearer ' } }),
  'the API with a guess': () => ask('/v1/chats', { headers: { authorization: `Bearer ${'0'.repeat(43)}` } }),
  'the API as its own page': () => ask('/v1/chats', { headers: { origin: t.url, 'sec-fetch-site': 'same-origin' } }),
  'the API’s token in the address': () => ask('/v1/chats?token=owner'),
  'answering its own question': () => ask(`/v1/decisions/${t.decisionId}`, { ...answer, headers: json }),
  'answering it under a name': () =>
    ask(`/v1/decisions/${t.decisionId}`, { ...answer, headers: { ...json, 'boocode-client': 'alice (web)' } }),
  'signing in': () => ask('/v1/sign-in', { method: 'POST', body: '{"code":"AAAA-AAAA"}', headers: json }),
  ...(t.isLimited ? outOfTheNetwork() : {}),
  'a hidden directory for everybody': () => t.isSandboxed && put(`/var/tmp/boocode-${t.mark}`) && false,
};

function outOfTheNetwork() {
  const { hostPort: port } = t;
  const direct = ['127.0.0.1', '::1', '127.0.0.2', '0.0.0.0', '::ffff:127.0.0.1', 'localhost'];
  const written = ['127.1', '2130706433', '0x7f000001', '0x7f.1', '017700000001', 'LOCALHOST', 'localhost.', '[::]'];
  const literal = (host) => (host.includes(':') && !host.startsWith('[') ? `[${host}]` : host);
  return {
    'the server’s port': () => reach({ port: Number(new URL(t.url).port), host: '127.0.0.1' }),
    ...Object.fromEntries(direct.map((host) => [`a port of the machine, at ${host}`, () => reach({ port, host })])),
    'a packet to the machine': () => echoed(t.udpPort, '127.0.0.1', 'udp4'),
    'a packet to the machine, by IPv6': () => echoed(t.udpPort, '::1', 'udp6'),
    'an abstract socket of the machine': () => reach({ path: `\0${t.abstract}` }),
    'an interface of the machine': () =>
      Object.values(networkInterfaces())
        .flat()
        .some((each) => !each.internal),
    ...Object.fromEntries(
      [...direct, ...written].flatMap((host) => [
        [`a tunnel to ${host}`, () => tunnel(`${literal(host)}:${port}`)],
        [`a request to ${host}`, () => fetched(`http://${literal(host)}:${port}/`)],
      ]),
    ),
    'a tunnel to the server': () => tunnel(new URL(t.url).host),
    'a tunnel to another host': () => tunnel('host.invalid:443'),
    'a tunnel to a longer name': () => tunnel('allowed.invalid.host.invalid:443'),
    'a tunnel to the machine’s own network': () => tunnel('10.0.0.1:443'),
    'a tunnel to the metadata of a cloud': () => tunnel('169.254.169.254:80'),
    'a request with credentials in its address': () => fetched(`http://allowed.invalid@127.0.0.1:${port}/`),
    'a request under an allowed name': () => fetched(`http://127.0.0.1:${port}/`, { host: 'allowed.invalid' }),
    'an allowed request for another host': () => fetched(`http://127.0.0.1:${t.named}/`, { host: `127.0.0.1:${port}` }),
    'a request for no host': () => fetched('/', { host: `127.0.0.1:${port}` }),
    'taking the proxy’s place': () => (fs.rmSync('/run/boocode/18128'), true),
    'another way to the machine': () => (fs.writeFileSync('/run/boocode/1', ''), true),
  };
}

// What has to work all the same.
const uses = {
  'writing in the workspace': () => put('written-here'),
  'a commit': () =>
    run('git', '-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '--allow-empty', '-qm', 'one') === '',
  'its own temporary files': () => put(t.ofTmp),
  'its home directory, for as long as it runs': () => put(join(t.home, '.bashrc'), `\n# ${t.mark}\n`),
  ...(t.isLimited ? withinTheNetwork() : { 'the server’s port': () => reach({ port: Number(new URL(t.url).port) }) }),
  'a name': () => read('/etc/resolv.conf').length >= 0,
};

function withinTheNetwork() {
  return {
    'a port that is named': async () => (await (await fetch(`http://127.0.0.1:${t.named}/`)).text()) === 'named',
    'its own ports': async () => {
      const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
      await new Promise((done) => server.once('listening', done));
      const { port } = server.address();
      return (await reach({ port, host: '127.0.0.1' })) && (server.close(), true);
    },
    'a refusal that says what to do': async () => {
      const { statusCode, text } = await proxied({ path: 'http://host.invalid/' });
      return statusCode === 403 && text.includes('host.invalid:80') && text.includes('--sandbox-hosts');
    },
    'a tool that takes the proxy from its environment': () =>
      run('curl', '-s', 'http://host.invalid/').includes('--sandbox-hosts'),
  };
}

const report = { attacks: {}, uses: {} };
for (const [kind, list] of Object.entries({ attacks, uses })) {
  for (const [name, attempt] of Object.entries(list)) {
    try {
      report[kind][name] = Boolean(await attempt());
    } catch {
      report[kind][name] = false;
    }
  }
}
fs.writeFileSync('report.json', JSON.stringify(report));
// What it leaves behind.
spawn('setsid', ['env', '-i', 'sleep', t.seconds], { detached: true, stdio: 'ignore' }).unref();
