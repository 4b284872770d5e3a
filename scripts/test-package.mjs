// Proves that the packed package works for its users: packs it, installs it into an empty folder, starts `npx boocode
// demo`, talks to it with `npx boocode chat`, and imports its two entry points. As root it repeats this as an ordinary
// user.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const ordinaryUser = 65534;
const scratch = mkdtempSync(join(tmpdir(), 'boocode-package-'));
chmodSync(scratch, 0o755);

/** Runs a program to its end; if it fails, stops everything and prints its output. */
function run(command, args, options = {}) {
  const result = spawnSync(command, args, { encoding: 'utf8', timeout: 300_000, ...options });
  if (result.status !== 0) {
    throw new Error(`${command} ${args.join(' ')} failed:\n${result.stdout}\n${result.stderr}\n${result.error ?? ''}`);
  }
  return result.stdout;
}

async function tryAs(name, who) {
  const home = join(scratch, name);
  const project = join(home, 'project');
  mkdirSync(project, { recursive: true });
  if (who.uid !== undefined) for (const path of [home, project]) chownSync(path, who.uid, who.gid);
  const env = { PATH: process.env.PATH, HOME: home, LANG: 'C.UTF-8' };
  // The registry is this machine's; npm's directories are the user's own.
  for (const name of ['registry', 'cafile', 'https_proxy', 'proxy']) {
    const value = run('npm', ['config', 'get', name], { cwd: root }).trim();
    if (value !== 'null' && value !== 'undefined') env[`npm_config_${name}`] = value;
  }
  const options = { cwd: project, env, ...who };

  run('npm', ['init', '--yes'], options);
  // Nothing has to run for that.
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', tarball], options);
  console.log(`${name}: installed`);

  const demo = spawn('npx', ['boocode', 'demo', '--port', '0'], {
    ...options,
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const ready = await saysReady(demo);
    const answer = run('npx', ['boocode', 'chat', 'list the files here'], { ...options, input: 'y\n' });
    if (!/\bcost \$\d/.test(answer)) throw new Error(`The chat did not report its cost:\n${answer}`);
    if (!answer.includes('package.json')) throw new Error(`The tool did not list the files:\n${answer}`);
    const list = JSON.parse(run('npx', ['boocode', 'ls', '--json'], options));
    if (list.items?.length !== 1 && list.length !== 1)
      throw new Error(`Exactly one chat was expected: ${JSON.stringify(list)}`);
    await servesWebApp(/http:\/\/\S+/.exec(ready)?.[0]);
    console.log(`${name}: a chat with a tool call and a permission completed, and the web app is there`);
  } finally {
    await stop(demo, join(home, '.local/share/boocode-demo/server.json'));
  }
  writeFileSync(
    join(project, 'doors.mjs'),
    `import { createClient } from 'boocode/client';
     import { migrate, PostgresSessionStore } from 'boocode/session-store';
     for (const entry of [createClient, migrate, PostgresSessionStore]) if (typeof entry !== 'function') throw new Error('an entry point is missing');`,
  );
  run(process.execPath, ['doors.mjs'], options);
  console.log(`${name}: the entry points boocode/client and boocode/session-store work`);
}

/** Only the build, the migrations and texts are published: no tests, no sources, no settings of anybody's. */
function checkFiles(paths) {
  const files = paths.map((path) => path.replace(/^package\//, ''));
  const expected =
    /^(dist\/(?!.*\.test\.)[\w./-]+\.(js|js\.map|d\.ts|css|svg|html)|dist\/THIRD-PARTY-NOTICES\.txt|migrations\/[\w/-]+\.sql|openapi\.json|package\.json|LICENSE|(CHANGELOG|README|SECURITY)\.md)$/;
  const strange = files.filter((path) => !expected.test(path));
  if (strange.length > 0) throw new Error(`These files do not belong into the package:\n${strange.join('\n')}`);
  const texts = ['LICENSE', 'README.md', 'SECURITY.md', 'dist/THIRD-PARTY-NOTICES.txt', 'dist/web/index.html'];
  const missing = texts.filter((path) => !files.includes(path));
  if (missing.length > 0) throw new Error(`The package lacks ${missing.join(', ')}.`);
  console.log(`The package has ${files.length} files, all of them of the kinds it should have.`);
}

/** The page and everything it references. */
async function servesWebApp(url) {
  const page = await (await fetch(url)).text();
  const parts = [...page.matchAll(/(?:src|href)="(\.\/assets\/[^"]+)"/g)].map(([, path]) => path);
  if (parts.length < 2) throw new Error(`The web app is not in the package:\n${page}`);
  for (const path of parts) {
    const { status } = await fetch(new URL(path, url));
    if (status !== 200) throw new Error(`${path} returned ${status}.`);
  }
}

/** Like Ctrl-C in a terminal: the whole group gets the signal. The server removes its note when it has stopped. */
async function stop(child, note) {
  const runs = () => child.exitCode === null && child.signalCode === null;
  if (runs()) process.kill(-child.pid, 'SIGINT');
  const deadline = Date.now() + 30_000;
  while (runs() || existsSync(note)) {
    if (Date.now() > deadline) throw new Error('The demo did not stop.');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function saysReady(child) {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
      if (/^BooCode is ready: http:\/\/\S+$/m.test(text)) resolve(text);
    });
    child.once('exit', (code) => reject(new Error(`The demo ended with ${code} before it was ready:\n${text}`)));
    setTimeout(() => reject(new Error(`The demo was not ready in time:\n${text}`)), 120_000).unref();
  });
}

let tarball = '';
try {
  run('npm', ['pack', '--pack-destination', scratch], { cwd: root });
  tarball = join(scratch, readdirSync(scratch).find((file) => file.endsWith('.tgz')) ?? '');
  chmodSync(tarball, 0o644);
  checkFiles(run('tar', ['-tzf', tarball]).trim().split('\n'));
  await tryAs('this user', {});
  if (process.getuid?.() === 0) await tryAs('an ordinary user', { uid: ordinaryUser, gid: ordinaryUser });
  console.log('The package works.');
} finally {
  rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
}
