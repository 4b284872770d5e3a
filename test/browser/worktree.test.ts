import { mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { beforeAll, expect, it } from 'vitest';
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

describeInBrowser('a chat on a branch of its own', (opened) => {
  let server: TestServer;
  let browser: Browser;
  beforeAll(() => ({ server, browser } = opened()));

  it.each(sizes)('WEB-90: is created, shown, merged and removed in the page, %s', async (_, viewport) => {
    mkdirSync(join(server.workDir, `page-${viewport.width}`));
    const top = realpathSync(join(server.workDir, `page-${viewport.width}`));
    initRepository(top);
    git(top, 'config', 'user.name', 'Test');
    git(top, 'config', 'user.email', 'test@example.com');
    const { page, context, problems } = await openPage(browser);
    await page.setViewportSize(viewport);
    await signIn(page, server.running.signInLink());
    await page.getByRole('button', { name: 'New chat' }).first().click();
    const directory = page.getByRole('combobox', { name: /directory/i });
    await directory.fill(top);
    // Its suggestions lie over what comes next.
    await directory.press('Tab');
    await page.getByRole('checkbox', { name: /Own branch/ }).check();
    await page.getByLabel('Permission mode').selectOption('bypassPermissions');
    await page.getByRole('button', { name: 'Start', exact: true }).click();
    await page.getByText(/^branch boocode\//).waitFor();
    const id = /[0-9a-f-]{36}/.exec(page.url())![0];
    await runTurn(server.client, id, 'write notes.txt: hello');

    const branch = async () => {
      await page.getByRole('button', { name: 'More for this chat' }).click();
      await page.getByRole('menuitem', { name: 'Branch' }).click();
      return page.getByRole('dialog', { name: 'Branch' });
    };
    const dialog = await branch();
    await dialog.getByRole('button', { name: 'Remove' }).click();
    await dialog.getByText(/No commit has the changes of 1 file: notes\.txt/).waitFor();
    await dialog.getByRole('button', { name: 'Discard it and remove' }).waitFor();
    expect(await findings(page)).toEqual([]);
    await dialog.getByLabel(/Commit all changes first/).fill('Notes');
    await dialog.getByRole('button', { name: 'Merge into main' }).click();
    await page
      .getByText(/was merged into main\.$/)
      .first()
      .waitFor();
    expect(readFileSync(join(top, 'notes.txt'), 'utf8')).toBe('hello\n');
    await (await branch()).getByRole('button', { name: 'Remove' }).click();
    await until(async () => (await server.client.getChat(id)).worktree === null, { what: 'the removal' });
    await page
      .getByText(/^The worktree and the branch boocode\/.* were removed\. The branch was at [0-9a-f]{10}\.$/)
      .first()
      .waitFor();
    await page.getByText(/^branch boocode\//).waitFor({ state: 'detached' });
    expect(problems.filter((problem) => !problem.includes('409'))).toEqual([]);
    await context.close();
  });

  it('WEB-91: attempts at one prompt are compared side by side', async () => {
    mkdirSync(join(server.workDir, 'attempts'));
    const cwd = realpathSync(join(server.workDir, 'attempts'));
    initRepository(cwd);
    const group = crypto.randomUUID();
    let lastId = '';
    for (const [at, prompt] of ['write a.txt: a', 'stream 3 tokens'].entries()) {
      const title = `Attempt ${at + 1}`;
      const chat = await server.client.createChat({
        cwd,
        title,
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
    await page.getByRole('menuitem', { name: 'Branch and attempts' }).click();
    const row = (name: string) => page.getByRole('row', { name: new RegExp(`^${name}`) });
    await row('Attempt 1').getByRole('cell', { name: '+1 −0' }).waitFor();
    await row('Attempt 2').getByRole('cell', { name: '+0 −0' }).waitFor();
    expect(await findings(page)).toEqual([]);
    // What cannot be read of one is said, and the others are there.
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
    await page.route(`**/v1/chats/${lastId}/events*`, (route) => route.fulfill({ status: 400, body: '{}' }));
    await page.getByRole('button', { name: 'More for Attempt 1' }).click();
    await page.getByRole('menuitem', { name: 'Branch and attempts' }).click();
    await page.getByText('Not all could be read.').waitFor();
    await row('Attempt 1').getByRole('cell', { name: '+1 −0' }).waitFor();
    await row('Attempt 2').getByRole('cell', { name: '?' }).first().waitFor();
    expect(problems).toEqual([]);
    await context.close();
  });
});
