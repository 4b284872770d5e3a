import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { beforeAll, expect, it } from 'vitest';
import { openChat, openPage, signIn } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import { initRepository } from '../support/git-repository.ts';
import { runTurn } from '../support/turns.ts';
import type { TestServer } from '../support/server.ts';

describeInBrowser('a chat whose directory was moved', (opened) => {
  let server: TestServer;
  let browser: Browser;
  beforeAll(() => {
    ({ server, browser } = opened());
  });

  it('AGENT-29: says so on the page, and continues in its new directory', async () => {
    const [old, moved] = [join(server.workDir, 'project'), join(server.workDir, 'project2')];
    await mkdir(old);
    const chat = await server.createChat({ cwd: old });
    await rename(old, moved);
    await server.client.prompt(chat.id, { content: 'stream 2 tokens' });
    const { page, problems } = await openPage(browser);
    await signIn(page, server.running.signInLink());
    await openChat(page, server.url, chat.id);
    await page.getByText('This chat’s directory cannot be used.').waitFor();
    await page.getByRole('button', { name: 'Move chat' }).click();
    const dialog = page.getByRole('dialog', { name: 'This chat' });
    await dialog.getByRole('combobox', { name: 'Directory on the server' }).fill(`${moved}/`);
    await dialog.getByText('Trust is by directory').waitFor();
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.waitFor({ state: 'detached' });
    await page.getByText(`The chat continues in ${moved}.`).waitFor();
    await page.locator('.page-dir').and(page.getByTitle(moved)).waitFor();
    await page.getByText('This chat’s directory cannot be used.').waitFor({ state: 'detached' });
    expect((await server.client.getChat(chat.id)).cwd).toBe(moved);
    // The held prompt is sent automatically.
    await page.getByText('t1 t2').waitFor();
    // Reading the trust of a missing directory fails.
    expect(problems.filter((problem) => !/\b4\d\d\b/.test(problem))).toEqual([]);
  });

  it('WEB-64 HOST-16: shows the agent’s directory while it differs from the chat’s', async () => {
    const cwd = join(server.workDir, 'repository');
    await mkdir(cwd);
    initRepository(cwd, { remote: 'https://me:secret@example.org/a/repo.git', branch: 'topic' });
    const chat = await server.createChat({ cwd, permissionMode: 'bypassPermissions' });
    const sub = join(chat.cwd, 'inner');
    const { page, problems } = await openPage(browser);
    await signIn(page, server.running.signInLink());
    await openChat(page, server.url, chat.id);
    await runTurn(server.client, chat.id, `run: mkdir ${sub} && cd ${sub}`);
    await page.getByText(`The agent works in ${sub}.`).waitFor();
    const there = page.locator('.page-facts').getByTitle(sub, { exact: true });
    await there.waitFor();
    expect(await there.textContent()).toBe('works in inner');
    await page.locator('.page-facts').getByTitle(chat.cwd, { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Model, engine and trust' }).click();
    const dialog = page.getByRole('dialog', { name: 'This chat' });
    await dialog.getByText(`The agent works in: ${sub}`).waitFor();
    await dialog.getByText('Repository: https://example.org/a/repo.git, branch topic').waitFor();
    await page.keyboard.press('Escape');
    await runTurn(server.client, chat.id, `run: cd ${chat.cwd}`);
    await there.waitFor({ state: 'detached' });
    expect(problems).toEqual([]);
  });
});
