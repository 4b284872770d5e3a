/**
 * What has changed in a chat's repository: the Changes view with 1,000 changed files in a real browser, and the list of
 * changes and the snapshot of a turn in an unchanged tree of 100,000 files, beside `git status` there.
 */
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openBooCode } from '../contestants/boocode.mjs';
import { fromDist } from '../dist.mjs';
import { interleave, ratioOf } from '../interleave.mjs';
import { openPlace } from '../place.mjs';
import { median } from '../statistics.mjs';
import { openBrowser, openPage } from '../web/browser.mjs';

const changedFiles = 1_000;
const allFiles = 100_000;
const filesPerFolder = 100;
const paintGoalMs = 1_500;
const goal = 1.5;

export default {
  name: 'changes',
  title: 'Changes of a chat',
  async measure({ rounds, progress }) {
    const place = await openPlace({});
    try {
      progress(`Making repositories of ${changedFiles} and ${allFiles} files.`);
      const small = makeRepository(join(place.root, 'small'), changedFiles);
      for (const path of small.paths) writeFileSync(path, `${lines.replace('line 3', 'changed')}more\n`);
      const large = makeRepository(join(place.root, 'large'), allFiles);
      const server = await openBooCode(place, 'changes', { idleSeconds: 3600 });
      const browser = await openBrowser(place);
      const chatIn = (cwd) => server.http.json('POST', '/v1/chats', { cwd, title: 'Changes' });
      const [ofSmall, ofLarge] = [await chatIn(small.top), await chatIn(large.top)];
      const snapshots = await openSnapshots(place, large.top);
      const samples = await interleave(
        [
          { name: 'painted', run: () => openView(browser, server, ofSmall.id) },
          { name: 'read', run: () => timed(() => readView(server, ofSmall.id)) },
          { name: 'git', run: () => timed(() => git(large.top, 'status', '--porcelain')) },
          {
            name: 'list',
            run: () => timed(() => server.http.json('GET', `/v1/chats/${ofLarge.id}/changes?since=head`)),
          },
          { name: 'snapshot', run: () => timed(snapshots.take) },
        ],
        { rounds, warmUpRounds: 2, progress },
      );
      return judge(samples);
    } finally {
      await place.close();
    }
  },
};

const lines = Array.from({ length: 40 }, (_, at) => `line ${at}\n`).join('');

function makeRepository(top, count) {
  const paths = [];
  for (let at = 0; at < count; at += 1) {
    const folder = join(top, `folder-${Math.floor(at / filesPerFolder)}`);
    if (at % filesPerFolder === 0) mkdirSync(folder, { recursive: true });
    paths.push(join(folder, `file-${at}.js`));
    writeFileSync(paths.at(-1), count === allFiles ? `${at}\n` : lines);
  }
  git(top, 'init', '-q', '-b', 'main');
  git(top, 'add', '-A');
  git(top, '-c', 'user.name=Bench', '-c', 'user.email=bench@example.com', 'commit', '-q', '-m', 'Files');
  return { top, paths };
}

const git = (cwd, ...args) => execFileSync('git', args, { cwd, stdio: ['ignore', 'pipe', 'inherit'] });

async function timed(work) {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

/** Snapshots as a turn takes them, of one chat. */
async function openSnapshots(place, directory) {
  const { Changes } = await fromDist('chats/changes/changes.js');
  const { gitEnvironment } = await fromDist('chats/workspaces/git.js');
  const dataDir = join(place.root, 'snapshots');
  mkdirSync(dataDir);
  const limits = { waitMs: 600_000, firstWaitMs: 600_000, snapshotMs: 600_000 };
  const changes = new Changes({ dataDir, env: gitEnvironment(process.env), limits });
  place.onClose(() => changes.close());
  const chat = { id: randomUUID(), directory, worktree: null };
  return { take: () => changes.atTurn(chat, randomUUID(), Promise.resolve(true)) };
}

/** From the press of the button until the list and the first diff are painted, in a page without a cache. */
async function openView(browser, server, chatId) {
  const opened = await openPage(browser, server);
  const { page } = opened;
  await page.addInitScript(() => localStorage.setItem('boocode.changes', '{"against":"head"}'));
  await page.goto(`${server.url}/#/chat/${chatId}`);
  const button = page.getByRole('button', { name: 'Open the changes' });
  await button.waitFor();
  await page.waitForLoadState('networkidle');
  const ms = await page.evaluate(async () => {
    const startedAt = performance.now();
    document.querySelector('[aria-label="Open the changes"]').click();
    const isThere = () =>
      document.querySelector('[role=treeitem]') && document.querySelector('.changes-line.diff-added');
    while (!isThere()) await new Promise((done) => requestAnimationFrame(done));
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    return performance.now() - startedAt;
  });
  const told = await page.locator('.changes-total').textContent();
  if (!told.startsWith('1,000 files')) throw new Error(`The list says ${told}.`);
  await opened.close();
  return ms;
}

/** What the view reads until then. */
async function readView(server, chatId) {
  const path = `/v1/chats/${chatId}/changes`;
  const { tree, files } = await server.http.json('GET', `${path}?since=head`);
  const query = new URLSearchParams({ since: 'head', tree, path: files[0].path });
  await server.http.json('GET', `${path}/diff?${query}`);
}

function judge({ painted, read, git: status, list, snapshot }) {
  const view = 'Changes view, 1,000 files, until painted with a diff';
  const where = '100,000 unchanged files';
  return {
    rows: [
      { what: view, who: 'BooCode', unit: 'ms', samples: painted },
      { what: 'The same list and diff, without a page', who: 'BooCode', unit: 'ms', samples: read },
      { what: where, who: 'git status', unit: 'ms', samples: status },
      { what: where, who: 'list of changes', unit: 'ms', samples: list },
      { what: where, who: 'snapshot', unit: 'ms', samples: snapshot },
    ],
    goals: [
      { what: `${view}, in ms`, measured: median(painted), limit: paintGoalMs, atMost: true },
      { what: `${view} / the same without a page`, measured: ratioOf(painted, read), limit: null },
      { what: `${where}: list of changes / git status`, measured: ratioOf(list, status), limit: goal, atMost: true },
      { what: `${where}: snapshot / git status`, measured: ratioOf(snapshot, status), limit: goal, atMost: true },
    ],
  };
}
