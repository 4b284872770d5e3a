// Takes the screenshots in docs/screenshots: the built program, the demo model, and a Chromium. Run `npm run build`
// first.
import { execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const out = join(root, 'docs', 'screenshots');
const program = resolve(process.env.BOOCODE_TEST_PROGRAM ?? join(root, 'dist', 'cli', 'boocode.js'));
const wide = { width: 1280, height: 800 };
const phone = { width: 390, height: 780 };

function findChromium() {
  const places = (process.env.PATH ?? '').split(delimiter);
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  const candidates = [process.env.CHROMIUM_PATH, ...names.flatMap((name) => places.map((place) => join(place, name)))];
  const found = candidates.find((path) => {
    try {
      accessSync(path ?? '', constants.X_OK);
      return path;
    } catch {
      return false;
    }
  });
  if (!found)
    throw new Error('There is no Chromium: install it (Debian: apt-get install chromium) or set CHROMIUM_PATH.');
  return found;
}

/** A small project with a realistic name. */
function makeProject() {
  const place = '/tmp/projects';
  if (existsSync(place)) throw new Error(`${place} already exists: move it away first.`);
  const garden = join(place, 'garden');
  mkdirSync(join(garden, 'src'), { recursive: true });
  mkdirSync(join(place, 'kitchen'));
  writeFileSync(join(garden, 'package.json'), '{ "name": "garden", "version": "1.0.0" }\n');
  writeFileSync(join(garden, 'README.md'), '# Garden\n\nWaters the plants when it is dry.\n');
  writeFileSync(
    join(garden, 'src', 'water.js'),
    'export function isDry(bed) {\n  return bed.moisture < 0.2;\n}\n\nexport function water(bed) {\n  if (isDry(bed)) bed.valve.open();\n}\n',
  );
  for (const args of [
    ['init', '-q', '-b', 'main'],
    ['add', '-A'],
    ['commit', '-q', '-m', 'Water the plants'],
  ]) {
    const person = ['-c', 'user.name=Gardener', '-c', 'user.email=gardener@example.org'];
    execFileSync('git', [...person, ...args], { cwd: garden });
  }
  return { garden, kitchen: join(place, 'kitchen'), remove: () => rmSync(place, { recursive: true, force: true }) };
}

async function startDemo(cwd, home) {
  const child = spawn(process.execPath, [program, 'demo', '--port', '0'], {
    cwd,
    env: { PATH: process.env.PATH, HOME: home, LANG: 'C.UTF-8', BOOCODE_DATA_DIR: join(home, 'data'), IS_SANDBOX: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const link = await new Promise((done, fail) => {
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
      const found = /http:\S+#code=\S+/.exec(text)?.[0];
      if (found) done(found);
    });
    child.once('exit', () => fail(new Error(`The demo ended early:\n${text}`)));
  });
  const stop = () =>
    new Promise((done) => {
      child.once('exit', done);
      child.kill('SIGINT');
    });
  return { link, stop };
}

const prompt = (page) => page.getByLabel('Prompt', { exact: true });
const isDone = (page) => page.getByRole('button', { name: 'Interrupt' }).waitFor({ state: 'detached' });

async function say(page, text) {
  await prompt(page).fill(text);
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Interrupt' }).waitFor();
}

/** Sends a prompt, and allows everything it asks. */
async function have(page, text) {
  await say(page, text);
  const allow = page.getByRole('button', { name: 'Allow once' });
  for (;;) {
    const next = await Promise.race([
      isDone(page).then(() => 'done'),
      allow
        .first()
        .waitFor()
        .then(() => 'asked'),
    ]);
    if (next === 'done') return;
    await allow.first().click();
    await allow.first().waitFor({ state: 'detached' });
  }
}

async function beginChat(page, cwd, title, patch = {}) {
  const chatId = await page.evaluate(
    async ([input]) => {
      const headers = {
        authorization: `Bearer ${localStorage.getItem('boocode.token')}`,
        'content-type': 'application/json',
      };
      const answer = await fetch('/v1/chats', { method: 'POST', headers, body: JSON.stringify(input) });
      return (await answer.json()).id;
    },
    [{ cwd, title, ...patch }],
  );
  await openChat(page, chatId);
  return chatId;
}

async function openChat(page, chatId) {
  await page.evaluate((id) => (location.hash = `#/chat/${id}`), chatId);
  await prompt(page).waitFor();
}

async function picture(page, name, { keepsFocus = false } = {}) {
  if (!keepsFocus) await page.evaluate(() => document.activeElement?.blur());
  // Two frames: what has just arrived is laid out and drawn.
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  await page.screenshot({ path: join(out, `${name}.png`), animations: 'disabled' });
  console.log(`${name}.png`);
}

async function takeAll(page) {
  await beginChat(page, project.kitchen, 'Plan the shelves');
  await have(page, 'what did I say');
  await beginChat(page, project.kitchen, 'Ask before you choose a colour');
  await say(page, 'ask me');
  await page.getByText('Which colour should the example have?').first().waitFor();
  await picture(page, 'question-wide-light');

  const garden = await beginChat(page, project.garden, 'Water only when it is dry');
  await have(page, 'list the files here');
  await have(page, 'edit src/water.js: bed.moisture < 0.2 => bed.moisture < bed.threshold');
  await picture(page, 'chat-wide-light');
  await say(page, 'run: rm -rf build && npm run build -- --watering');
  await page.getByRole('button', { name: 'Allow once' }).waitFor();
  await picture(page, 'decision-wide-light');
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.setViewportSize(phone);
  await picture(page, 'decision-phone-dark');
  await page.evaluate(() => (location.hash = '#/'));
  await page.getByRole('list', { name: 'Chats' }).waitFor();
  await picture(page, 'chats-phone-dark');
  await page.emulateMedia({ colorScheme: 'light' });
  await picture(page, 'chats-phone-light');
  await page.evaluate(() => (location.hash = '#/inbox'));
  await page.getByRole('heading', { name: 'Inbox' }).waitFor();
  await page.setViewportSize(wide);
  await page.emulateMedia({ colorScheme: 'dark' });
  await picture(page, 'inbox-wide-dark');

  await openChat(page, garden);
  await page.getByRole('button', { name: 'Deny …' }).click();
  await page.getByRole('button', { name: 'Deny', exact: true }).click();
  await isDone(page);
  await have(page, 'use a sub-agent: run: cat src/water.js');
  await picture(page, 'chat-wide-dark');
  await page.setViewportSize(phone);
  await picture(page, 'chat-phone-dark');
  await page.emulateMedia({ colorScheme: 'light' });
  await picture(page, 'chat-phone-light');

  await takeChanges(page);
  await takeRewind(page);
  await takeAttempts(page);

  await page.setViewportSize({ width: 1500, height: 800 });
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.reload();
  await beginChat(page, project.garden, 'In the terminal, too', { backend: 'claude_pty' });
  await have(page, 'what did I say');
  await page.getByRole('button', { name: 'Open the terminal' }).click();
  await page.locator('.xterm-rows').getByText('❯').first().waitFor();
  await picture(page, 'terminal-wide-dark');

  await page.setViewportSize(wide);
  await page.emulateMedia({ colorScheme: 'light' });
  await page.getByRole('button', { name: 'Close the terminal' }).first().click();
  await page.getByRole('button', { name: 'New chat' }).click();
  await page.getByLabel('Directory on the server').fill('/tmp/projects/');
  await page.getByRole('option', { name: 'kitchen' }).waitFor();
  await picture(page, 'new-chat-wide-light', { keepsFocus: true });
}

/** The changes of the open chat, in light. */
async function takeChanges(page) {
  await page.setViewportSize({ width: 1500, height: 860 });
  await have(page, 'edit src/water.js: bed.valve.open() => bed.valve.open(bed.minutes)');
  await have(page, 'write src/beds.js: export const beds = [{ name: "roses", threshold: 0.3, minutes: 5 }];');
  await page.getByRole('button', { name: 'Open the changes' }).click();
  const file = page.getByRole('treeitem', { name: 'water.js' });
  await file.click();
  const diff = page.getByRole('region', { name: 'Changes of src/water.js' });
  await diff.locator('.diff-added .hljs-keyword').first().waitFor();
  await diff.locator('[data-side=after][data-number="2"]').click();
  await page.keyboard.type('What if a bed has no threshold?');
  await page.getByRole('button', { name: 'Add to the prompt' }).click();
  await picture(page, 'changes-wide-light');
  await page.setViewportSize(phone);
  await page.emulateMedia({ colorScheme: 'dark' });
  await picture(page, 'changes-phone-dark');
  await page.getByRole('button', { name: 'Remove the comment on src/water.js, line 2' }).click();
  await page.getByRole('button', { name: 'Close the changes' }).click();
  await prompt(page).waitFor();
}

/** Before the chat's second prompt, in light. */
async function takeRewind(page) {
  await page.setViewportSize(wide);
  await page.emulateMedia({ colorScheme: 'light' });
  await page.getByRole('button', { name: 'Rewind to before this' }).last().click();
  const dialog = page.getByRole('dialog', { name: 'Rewind to before this prompt' });
  await dialog.getByRole('list', { name: 'Files that would change' }).waitFor();
  await picture(page, 'rewind-wide-light');
  await dialog.getByRole('button', { name: 'Cancel' }).click();
}

/** Three attempts at one prompt, and all worktrees. */
async function takeAttempts(page) {
  const group = randomUUID();
  const asked = 'Show when a bed was watered last';
  const edits = [
    'edit src/water.js: bed.valve.open(); => { bed.valve.open(); bed.wateredAt = Date.now(); }',
    'write src/log.js: export const waterings = [];',
    'edit README.md: when it is dry => when it is dry, and remembers when',
  ];
  for (const [at, edit] of edits.entries()) {
    const own = {
      group,
      isolation: 'worktree',
      worktree: { name: `watered-${at + 1}` },
      permissionMode: 'acceptEdits',
    };
    await beginChat(page, project.garden, `${asked} (${at + 1}/${edits.length})`, own);
    await have(page, edit);
  }
  await page.evaluate((id) => (location.hash = `#/attempts/${id}`), group);
  await page
    .getByRole('listitem')
    .getByText(/^\+\d+ −\d+$/)
    .nth(edits.length - 1)
    .waitFor();
  await picture(page, 'attempts-wide-light');
  await page.setViewportSize(phone);
  await page.emulateMedia({ colorScheme: 'dark' });
  await picture(page, 'attempts-phone-dark');
  await page.setViewportSize(wide);
  await page.evaluate(() => (location.hash = '#/worktrees'));
  await page.getByRole('listitem', { name: `${asked} (1/${edits.length})` }).waitFor();
  await picture(page, 'worktrees-wide-dark');
}

mkdirSync(out, { recursive: true });
const project = makeProject();
const home = mkdtempSync(join(tmpdir(), 'boocode-pictures-'));
const demo = await startDemo(project.garden, home);
const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
const browser = await chromium.launch({ executablePath: findChromium(), args });
try {
  const page = await browser.newPage({
    viewport: wide,
    colorScheme: 'light',
    reducedMotion: 'reduce',
    locale: 'en-GB',
  });
  await page.goto(demo.link);
  await page.getByRole('heading', { name: 'No chat open' }).waitFor();
  await takeAll(page);
} finally {
  await browser.close();
  await demo.stop();
  project.remove();
  rmSync(home, { recursive: true, force: true, maxRetries: 5 });
}
