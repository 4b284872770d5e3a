import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { beforeAll, expect, it } from 'vitest';
import type { Chat } from '../../src/client/client.ts';
import { findings } from '../support/axe-findings.ts';
import { openPage, signIn } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import { git, initRepository } from '../support/git-repository.ts';
import type { TestServer } from '../support/server.ts';
import { runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

const sizes = [
  ['at a desk', { width: 1200, height: 800 }],
  ['on a phone', { width: 390, height: 800 }],
] as const;

describeInBrowser('attempts at one prompt', (opened) => {
  let server: TestServer;
  let browser: Browser;
  beforeAll(() => ({ server, browser } = opened()));

  function repository(name: string): string {
    mkdirSync(join(server.workDir, name));
    const top = realpathSync(join(server.workDir, name));
    initRepository(top);
    git(top, 'config', 'user.name', 'Test');
    git(top, 'config', 'user.email', 'test@example.com');
    return top;
  }

  const card = (page: Page, title: string) => page.getByRole('listitem', { name: title });
  const fact = (page: Page, title: string, name: string) =>
    card(page, title).locator('dl > div').filter({ hasText: name }).locator('dd');

  async function fillForm(page: Page, top: string, { name, prompt }: { name: string; prompt: string }) {
    await page.getByRole('button', { name: 'New chat' }).first().click();
    const form = page.getByRole('dialog', { name: 'New chat' });
    const directory = form.getByRole('combobox', { name: /directory/i });
    await directory.fill(top);
    await directory.press('Tab');
    await form.getByRole('checkbox', { name: /Own branch/ }).check();
    await form.getByLabel('Name of the branch').fill(name);
    await form.getByLabel('Attempts').selectOption('2');
    await form.getByText(`The branches are boocode/${name}-1 to boocode/${name}-2.`).waitFor();
    await form.getByLabel('Prompt of all of them').fill(prompt);
    await form.getByLabel('Permission mode').selectOption('bypassPermissions');
    return form;
  }

  it.each(sizes)('WEB-103, WEB-104: are started, compared, and one is kept, %s', async (_, viewport) => {
    const top = repository(`kept-${viewport.width}`);
    const { page, context, problems } = await openPage(browser, { size: viewport });
    await signIn(page, server.running.signInLink());
    const form = await fillForm(page, top, { name: 'login', prompt: 'write notes.txt: hello' });
    expect(await findings(page)).toEqual([]);
    await form.getByRole('button', { name: 'Start', exact: true }).click();
    await page.waitForURL(/#\/attempts\/[0-9a-f-]{36}$/);
    const group = /[0-9a-f-]{36}$/.exec(page.url())![0];
    const [one, other] = ['write notes.txt: hello (1/2)', 'write notes.txt: hello (2/2)'] as const;
    for (const title of [one, other]) {
      await fact(page, title, 'State').getByText('Done').waitFor();
      await fact(page, title, 'Lines').getByText('+1 −0').waitFor();
    }
    expect(await fact(page, other, 'Branch').textContent()).toBe('boocode/login-2');
    expect(await findings(page)).toEqual([]);
    const { items } = await server.client.listChats({ group });
    const chatOf = (title: string): Chat => items.find((chat) => chat.title === title)!;

    await card(page, one)
      .getByRole('button', { name: /^Keep this one/ })
      .click();
    const dialog = page.getByRole('dialog');
    const keep = dialog.getByRole('button', { name: 'Keep it' });
    await keep.click();
    await dialog.getByText(/No commit has the changes of 1 file: notes\.txt/).waitFor();
    await dialog.getByText('To commit them first, write a message above.').waitFor();
    expect(existsSync(join(top, 'notes.txt'))).toBe(false);
    expect(await findings(page)).toEqual([]);
    await dialog.getByLabel(/Commit all changes first/).fill('Notes');
    await keep.click();
    await dialog.getByText('boocode/login-1 was merged into main.').waitFor();
    await expect.poll(() => page.evaluate(() => document.activeElement?.className)).toBe('keep-step');
    expect(readFileSync(join(top, 'notes.txt'), 'utf8')).toBe('hello\n');
    // Nothing has gone yet.
    await dialog.getByText('No commit has the changes of 1 file: notes.txt.').waitFor();
    expect(await findings(page)).toEqual([]);
    await dialog.getByRole('button', { name: 'Leave them' }).click();
    expect(existsSync(chatOf(other).worktree!.path)).toBe(true);

    // What was done is not done again.
    await card(page, one)
      .getByRole('button', { name: /^Keep this one/ })
      .click();
    await keep.click();
    await dialog.getByText('There was nothing to merge').waitFor();
    const discard = dialog.getByRole('button', { name: 'Discard all that and remove them' });
    await discard.waitFor();
    git(chatOf(other).worktree!.path, 'commit', '-q', '--allow-empty', '-m', 'Meanwhile');
    await discard.click();
    await dialog.getByText(/^It stays\. .*1 commit of boocode\/login-2 would be lost/).waitFor();
    expect(existsSync(chatOf(other).worktree!.path)).toBe(true);
    await discard.click();
    await dialog.waitFor({ state: 'detached' });
    expect(existsSync(chatOf(other).worktree!.path)).toBe(false);
    expect(await server.client.getChat(chatOf(other).id)).toMatchObject({ archived: true, worktree: null });
    expect(await server.client.getChat(chatOf(one).id)).toMatchObject({ archived: false });
    expect(git(top, 'branch', '--list', 'boocode/*').split('\n')).toHaveLength(1);
    expect(problems).toEqual([]);
    await context.close();
  });

  it('WEB-103: if one cannot be made, none is, and that is said', async () => {
    const top = repository('refused');
    git(top, 'branch', 'boocode/x-2');
    // What a worktree is given is no work that would keep it.
    writeFileSync(join(top, '.env'), 'SECRET=1\n');
    git(top, 'config', 'boocode.copy', '.env');
    const before = (await server.client.listChats()).items.length;
    const { page, context, problems } = await openPage(browser);
    await signIn(page, server.running.signInLink());
    const form = await fillForm(page, top, { name: 'x', prompt: ' \n' });
    const prompt = form.getByLabel('Prompt of all of them');
    expect(await prompt.evaluate((area: HTMLTextAreaElement) => area.validationMessage)).toBe('Write a prompt.');
    await prompt.fill('write notes.txt: hello');
    expect(await prompt.evaluate((area: HTMLTextAreaElement) => area.validity.valid)).toBe(true);
    await form.getByRole('button', { name: 'Start', exact: true }).click();
    await form
      .getByText(
        'Attempt 2 of 2 could not be made: There is a branch boocode/x-2 already. The others were taken back, so nothing was started.',
      )
      .waitFor();
    expect(await form.getByLabel('Name of the branch').getAttribute('aria-invalid')).toBe('true');
    expect((await server.client.listChats()).items).toHaveLength(before);
    await until(() => git(top, 'worktree', 'list').split('\n').length === 1, { what: 'the worktree to be taken back' });
    expect(git(top, 'branch', '--list', 'boocode/*')).toBe('boocode/x-2');
    // What was written for attempts is not lost with them.
    await form.getByLabel('Attempts').selectOption('1');
    await form.getByRole('button', { name: 'Start', exact: true }).click();
    const field = page.getByLabel('Prompt', { exact: true });
    await field.waitFor();
    expect(await field.inputValue()).toBe('write notes.txt: hello');
    expect(problems).toEqual([]);
    await context.close();
  });

  it('WEB-91: are compared side by side, and what cannot be read is said', async () => {
    const cwd = repository('compared');
    const group = crypto.randomUUID();
    let lastId = '';
    for (const [at, prompt] of ['write a.txt: a', 'stream 3 tokens'].entries()) {
      const chat = await server.client.createChat({
        cwd,
        title: `Attempt ${at + 1}`,
        group,
        isolation: 'worktree',
        permissionMode: 'bypassPermissions',
      });
      await runTurn(server.client, chat.id, prompt);
      lastId = chat.id;
    }
    const { page, context, problems } = await openPage(browser);
    await signIn(page, server.running.signInLink());
    await page.getByRole('button', { name: 'More for Attempt 2' }).click();
    await page.getByRole('menuitem', { name: 'Attempts' }).click();
    await fact(page, 'Attempt 1', 'Lines').getByText('+1 −0').waitFor();
    await fact(page, 'Attempt 2', 'Lines').getByText('+0 −0').waitFor();
    const [left, right] = [card(page, 'Attempt 1'), card(page, 'Attempt 2')];
    expect((await left.boundingBox())!.y).toBe((await right.boundingBox())!.y);
    await page.route(`**/v1/chats/${lastId}/events*`, (route) => route.fulfill({ status: 400, body: '{}' }));
    await page.reload();
    await right.getByText('Not all could be read.').waitFor();
    await fact(page, 'Attempt 1', 'Lines').getByText('+1 −0').waitFor();
    await fact(page, 'Attempt 2', 'Lines').getByText('?').waitFor();
    await page.unroute(`**/v1/chats/${lastId}/events*`);
    await right.getByRole('button', { name: /^Try again/ }).click();
    await fact(page, 'Attempt 2', 'Lines').getByText('+0 −0').waitFor();

    // Without a merge: what no commit has is not lost by it either.
    await left.getByRole('button', { name: /^Keep this one/ }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('radio', { name: /^Keep only the branch/ }).check();
    await dialog.getByRole('button', { name: 'Keep it' }).click();
    await dialog.getByText('No commit has the changes of 1 file: a.txt.').waitFor();
    await dialog.getByRole('radio', { name: 'Leave it as it is' }).check();
    await dialog.getByRole('button', { name: 'Keep it' }).click();
    await dialog.getByText('Nothing would be lost but files that git ignores.').waitFor();
    await dialog.getByRole('button', { name: 'Remove them' }).click();
    await fact(page, 'Attempt 2', 'Branch').getByText('none any more').waitFor();
    await right.getByText(/archived$/).waitFor();
    expect((await server.client.getChat(lastId)).worktree).toBe(null);
    expect(existsSync(join(cwd, 'a.txt'))).toBe(false);
    expect(problems).toEqual([]);
    await context.close();
  });
});
