import { mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { beforeAll, expect, it } from 'vitest';
import { findings } from '../support/axe-findings.ts';
import { openChat, openPage, say, signIn } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import { git, initRepository } from '../support/git-repository.ts';
import type { TestServer } from '../support/server.ts';
import { runTurn } from '../support/turns.ts';

const sizes = [
  ['at a desk', { width: 1200, height: 800 }],
  ['on a phone', { width: 390, height: 800 }],
] as const;

describeInBrowser('forking a chat', (opened) => {
  let server: TestServer;
  let browser: Browser;
  beforeAll(() => ({ server, browser } = opened()));

  it('FORK-12: from an answer, or from the chat’s menu, opens the new chat', async () => {
    const { id } = await server.createChat({ title: 'Original' });
    await runTurn(server.client, id, 'stream 3 tokens');
    await runTurn(server.client, id, 'stream 4 tokens');
    const { page, context, problems } = await openPage(browser);
    await signIn(page, server.running.signInLink());
    await openChat(page, server.url, id);
    await page.getByRole('button', { name: 'Fork from here' }).first().click();
    await page.getByRole('heading', { name: 'Original (fork)' }).waitFor();
    await page.getByText('The chat was forked here').waitFor();
    expect(page.url()).not.toContain(id);
    await say(page, 'what did I say');
    await page.getByText('You said: "stream 3 tokens".').waitFor();
    expect(await findings(page)).toEqual([]);

    await openChat(page, server.url, id);
    await page.getByRole('button', { name: 'More for this chat' }).click();
    // In no repository there are no branches.
    expect(await page.getByRole('menuitem', { name: /own branch/ }).count()).toBe(0);
    await page.getByRole('menuitem', { name: 'Fork' }).click();
    await page.getByText('The chat was forked here').waitFor();
    await say(page, 'what did I say');
    await page.getByText('You said: "stream 3 tokens", "stream 4 tokens".').waitFor();
    expect(problems).toEqual([]);
    await context.close();
  });

  it.each(sizes)('WEB-106: with a branch of its own, from an answer and from the menu, %s', async (_, size) => {
    mkdirSync(join(server.workDir, `forked-${size.width}`));
    const cwd = realpathSync(join(server.workDir, `forked-${size.width}`));
    initRepository(cwd);
    const { id } = await server.client.createChat({ cwd, title: 'Original', permissionMode: 'bypassPermissions' });
    await runTurn(server.client, id, 'write a.txt: one');
    await runTurn(server.client, id, 'write a.txt: two');
    git(cwd, 'branch', 'boocode/taken');
    const { page, context, problems } = await openPage(browser, { size });
    await signIn(page, server.running.signInLink());
    await openChat(page, server.url, id);
    await page.getByRole('button', { name: 'Fork with its own branch' }).first().click();
    const dialog = page.getByRole('dialog', { name: 'Fork with its own branch' });
    await dialog.getByLabel('Name of the branch').fill('taken');
    await dialog.getByRole('button', { name: 'Fork', exact: true }).click();
    await dialog.getByText('There is a branch boocode/taken already.').waitFor();
    expect(await findings(page)).toEqual([]);
    await dialog.getByLabel('Name of the branch').fill('first');
    await dialog.getByRole('button', { name: 'Fork', exact: true }).click();
    await page.getByText('branch boocode/first', { exact: true }).waitFor();
    // As it was at that answer.
    const forked = await server.client.getChat(/[0-9a-f-]{36}/.exec(page.url())![0]);
    expect(readFileSync(join(forked.cwd, 'a.txt'), 'utf8')).toBe('one\n');
    expect(forked.forkedFrom).toMatchObject({ chatId: id });

    await openChat(page, server.url, id);
    await page.getByRole('button', { name: 'More for this chat' }).click();
    await page.getByRole('menuitem', { name: 'Fork with its own branch' }).click();
    await dialog.getByRole('button', { name: 'Fork', exact: true }).click();
    await page.getByText(/^branch boocode\/[0-9a-f]{8}$/).waitFor();
    const last = await server.client.getChat(/[0-9a-f-]{36}/.exec(page.url())![0]);
    expect(readFileSync(join(last.cwd, 'a.txt'), 'utf8')).toBe('two\n');
    expect(problems).toEqual([]);
    await context.close();
  });
});
