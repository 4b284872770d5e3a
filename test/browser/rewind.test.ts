import { mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { beforeAll, expect, it } from 'vitest';
import { findings } from '../support/axe-findings.ts';
import { openChat, openPage, say, signIn } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import { createGate } from '../support/gate.ts';
import { git, initRepository } from '../support/git-repository.ts';
import type { TestServer } from '../support/server.ts';
import { nextEvent, runTurn } from '../support/turns.ts';

const sizes = [
  ['desk', { size: { width: 1280, height: 800 } }],
  ['phone', { size: { width: 390, height: 780 }, isTouched: true }],
] as const;

describeInBrowser('going back', (opened) => {
  let server: TestServer;
  let browser: Browser;
  beforeAll(() => ({ server, browser } = opened()));

  async function newChat(name: string) {
    mkdirSync(join(server.workDir, name));
    const cwd = realpathSync(join(server.workDir, name));
    initRepository(cwd);
    const { id } = await server.client.createChat({ cwd, permissionMode: 'bypassPermissions' });
    await runTurn(server.client, id, 'write first.txt: one');
    await runTurn(server.client, id, 'write second.txt: two');
    return { id, cwd, files: () => readdirSync(cwd).filter((file) => file !== '.git') };
  }

  it.each(sizes)('WEB-94 WEB-95: to before a prompt, and undoing it, on a %s', async (name, options) => {
    const { id, cwd, files } = await newChat(name);
    const { page, context, problems } = await openPage(browser, options);
    await signIn(page, server.running.signInLink());
    await openChat(page, server.url, id);
    await page.getByRole('button', { name: 'Rewind to before this' }).last().click();
    const dialog = page.getByRole('dialog', { name: 'Rewind to before this prompt' });
    const plan = dialog.getByRole('region', { name: 'What would change' });
    await plan.getByText('second.txt').waitFor();
    expect(await plan.getByRole('listitem').allTextContents()).toEqual(['second.txt +0 −1 is removed']);
    expect(await dialog.getByRole('radio', { name: 'Conversation and files' }).isChecked()).toBe(true);
    expect(await findings(page)).toEqual([]);
    // Somebody changes a file: what is shown no longer holds, and is looked at again.
    writeFileSync(join(cwd, 'third.txt'), 'three\n');
    await dialog.getByRole('button', { name: 'Rewind', exact: true }).click();
    await dialog.getByText('Files have changed since').waitFor();
    await plan.getByText('third.txt').waitFor();
    expect(files()).toEqual(['first.txt', 'second.txt', 'third.txt']);
    await dialog.getByRole('button', { name: 'Rewind', exact: true }).click();
    await dialog.waitFor({ state: 'hidden' });
    expect(files()).toEqual(['first.txt']);
    await page.getByText('2 files (+0 -2) rewound').waitFor();
    await page.getByLabel('Prompt', { exact: true }).fill('what did I say');
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByText('You said: "write first.txt: one".').waitFor();

    await page.getByRole('button', { name: 'Undo', exact: true }).last().click();
    const undo = page.getByRole('dialog', { name: 'Undo the rewind of files' });
    await undo.getByText('third.txt').waitFor();
    expect(await findings(page)).toEqual([]);
    await undo.getByRole('button', { name: 'Undo', exact: true }).click();
    await undo.waitFor({ state: 'hidden' });
    expect(files()).toEqual(['first.txt', 'second.txt', 'third.txt']);
    await page.getByText('The rewind was undone').waitFor();
    expect(problems).toEqual([]);
    await context.close();
  });

  it('WEB-96: what cannot go back says why, and names of files are shown as they are', async () => {
    const { id, cwd } = await newChat('hostile');
    const name = '<img src=x onerror=hacked()>\n\u202egpj';
    writeFileSync(join(cwd, name), 'x\n');
    const bare = join(server.workDir, 'bare');
    mkdirSync(bare);
    git(bare, 'init', '-q', '--bare');
    const plain = await server.createChat({ cwd: bare });
    await runTurn(server.client, plain.id, 'stream 3 tokens');
    const { page, context, problems } = await openPage(browser);
    await signIn(page, server.running.signInLink());
    await openChat(page, server.url, id);
    await page.getByRole('button', { name: 'Rewind to before this' }).first().click();
    const dialog = page.getByRole('dialog', { name: 'Rewind to before this prompt' });
    await dialog.getByText('<img src=x onerror=hacked()>').waitFor();
    await dialog.getByRole('button', { name: 'Cancel' }).click();

    await openChat(page, server.url, plain.id);
    await page.getByRole('button', { name: 'Rewind to before this' }).click();
    await dialog.getByText('Files cannot go back').waitFor();
    await dialog.getByText('is a bare repository').waitFor();
    expect(await dialog.getByRole('radio', { name: 'Files', exact: true }).isDisabled()).toBe(true);
    expect(await dialog.getByRole('radio', { name: /^Conversation the agent forgets 1 prompt/ }).isChecked()).toBe(
      true,
    );
    await dialog.getByRole('button', { name: 'Rewind', exact: true }).click();
    await page.getByText('The last prompt was rewound').waitFor();
    expect(problems).toEqual([]);
    await context.close();
  });

  it('REWIND-12 REWIND-13: without git says what is covered, and what was written since', async () => {
    const cwd = join(server.workDir, 'plain');
    mkdirSync(cwd);
    const { id } = await server.client.createChat({ cwd, permissionMode: 'bypassPermissions' });
    await runTurn(server.client, id, 'write first.txt: one');
    await runTurn(server.client, id, 'edit first.txt: one => two');
    writeFileSync(join(cwd, 'first.txt'), 'mine\n');
    const { page, context, problems } = await openPage(browser);
    await signIn(page, server.running.signInLink());
    await openChat(page, server.url, id);
    await page.getByRole('button', { name: 'Rewind to before this' }).last().click();
    const dialog = page.getByRole('dialog', { name: 'Rewind to before this prompt' });
    const plan = dialog.getByRole('region', { name: 'What would change' });
    await plan.getByText('only files that the agent has edited with its own tools are known').waitFor();
    expect(await plan.getByRole('listitem').allTextContents()).toEqual([
      'first.txt +1 −1  (written after the last turn)',
    ]);
    expect(await findings(page)).toEqual([]);
    await dialog.getByRole('button', { name: 'Rewind', exact: true }).click();
    await dialog.waitFor({ state: 'hidden' });
    expect(readFileSync(join(cwd, 'first.txt'), 'utf8')).toBe('one\n');
    await page.getByRole('button', { name: 'Undo', exact: true }).last().click();
    const undo = page.getByRole('dialog', { name: 'Undo the rewind of files' });
    await undo.getByRole('button', { name: 'Undo', exact: true }).click();
    await undo.waitFor({ state: 'hidden' });
    expect(readFileSync(join(cwd, 'first.txt'), 'utf8')).toBe('mine\n');
    expect(problems).toEqual([]);
    await context.close();
  });

  it('WEB-94: waits for another chat that works in the files, and goes on when that is done', async () => {
    const { id, cwd, files } = await newChat('shared');
    const other = await server.client.createChat({ cwd, title: 'The other one' });
    await server.client.prompt(other.id, { content: 'run: touch asked.txt' });
    const asked = await nextEvent(server.client, other.id, 'decision_requested');
    const { page, context, problems } = await openPage(browser);
    await signIn(page, server.running.signInLink());
    await openChat(page, server.url, id);
    await page.getByRole('button', { name: 'Rewind to before this' }).last().click();
    const dialog = page.getByRole('dialog', { name: 'Rewind to before this prompt' });
    await dialog.getByText('“The other one” is working in these files right now.').waitFor();
    const rewind = dialog.getByRole('button', { name: 'Rewind', exact: true });
    expect(await rewind.isDisabled()).toBe(true);
    await dialog.getByRole('button', { name: 'Look again' }).click();
    expect(await findings(page)).toEqual([]);
    await server.client.decide(asked.decisionId, { outcome: 'deny' });
    await expect.poll(() => rewind.isEnabled()).toBe(true);
    await rewind.click();
    await dialog.waitFor({ state: 'hidden' });
    expect(files()).toEqual(['first.txt']);
    expect(problems).toEqual([]);
    await context.close();
  });

  it('WEB-97: a side question that cannot be asked is back where it was written', async () => {
    const { id } = await server.createChat();
    await runTurn(server.client, id, 'stream 3 tokens');
    const { page, context, problems } = await openPage(browser);
    await signIn(page, server.running.signInLink());
    await openChat(page, server.url, id);
    const counted = createGate();
    const refusal = { code: 'aside_unavailable', title: 'No answer', detail: 'Not now.', status: 409 };
    await page.route('**/aside', (route) => route.fulfill({ status: 409, json: refusal }), { times: 1 });
    await say(page, '/btw what did I say');
    const aside = page.getByRole('region', { name: 'Side question' });
    await aside.getByText('Not now.').waitFor();
    await expect.poll(() => page.getByLabel('Prompt', { exact: true }).inputValue()).toBe('/btw what did I say');
    // Until there is an answer, it says for how long it has been asked.
    await page.route(
      '**/aside',
      async (route) => {
        await counted.pass();
        await route.continue();
      },
      { times: 1 },
    );
    await aside.getByRole('button', { name: 'Ask again' }).click();
    await aside.getByText(/^Asked [1-9]\d* s ago$/).waitFor();
    counted.open();
    await aside.getByText('You said: "stream 3 tokens".').waitFor();
    expect(await aside.getByText(/^Asked/).count()).toBe(0);
    expect(problems).toEqual([]);
    await context.close();
  });

  it('WEB-97: a side question is answered beside the conversation', async () => {
    const { id } = await server.createChat();
    await runTurn(server.client, id, 'stream 3 tokens');
    const { page, context, problems } = await openPage(browser, { size: { width: 390, height: 780 }, isTouched: true });
    await signIn(page, server.running.signInLink());
    await openChat(page, server.url, id);
    await page.getByLabel('Prompt', { exact: true }).fill('/btw what did I say');
    await page.getByRole('button', { name: 'Send' }).click();
    const aside = page.getByRole('region', { name: 'Side question' });
    await aside.getByText('You said: "stream 3 tokens".').waitFor();
    expect(await findings(page)).toEqual([]);
    await aside.getByRole('button', { name: 'Close the side question' }).click();
    await aside.waitFor({ state: 'hidden' });
    expect(await page.getByText('what did I say').count()).toBe(0);
    expect(problems).toEqual([]);
    await context.close();
  });
});
