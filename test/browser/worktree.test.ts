import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
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

describeInBrowser('a chat on a branch of its own', (opened) => {
  let server: TestServer;
  let browser: Browser;
  beforeAll(() => ({ server, browser } = opened()));

  it.each(sizes)('WEB-90: is created, shown, merged and removed in the page, %s', async (_, viewport) => {
    const top = repository(server, `page-${viewport.width}`);
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
      await page.getByRole('menuitem', { name: 'Branch', exact: true }).click();
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

  it.each(sizes)(
    'WEB-102: is named, begins anywhere, and tells what the setup command says, %s',
    async (_, viewport) => {
      const top = repository(server, `form-${viewport.width}`);
      const go = join(server.workDir, `go-${viewport.width}`);
      git(top, 'branch', 'release/1');
      git(top, 'branch', 'boocode/taken');
      git(top, 'config', 'boocode.setup', `echo installing; until test -e '${go}'; do sleep 0.1; done`);
      git(top, 'commit', '-q', '--allow-empty', '-m', 'Second');
      const { page, context, problems } = await openPage(browser, { size: viewport });
      await signIn(page, server.running.signInLink());
      await page.getByRole('button', { name: 'New chat' }).first().click();
      const form = page.getByRole('dialog', { name: 'New chat' });
      const directory = form.getByRole('combobox', { name: /directory/i });
      await directory.fill(server.workDir);
      await directory.press('Tab');
      await form.getByRole('checkbox', { name: /Own branch/ }).check();
      await form.getByText('This directory is in no git repository').waitFor();
      await directory.fill(top);
      await directory.press('Tab');
      const name = form.getByLabel('Name of the branch');
      await name.fill('-x');
      await form.getByText(/^Only letters, digits/).waitFor();
      expect(await name.getAttribute('aria-invalid')).toBe('true');
      const start = form.getByRole('button', { name: 'Start', exact: true });
      await start.click();
      // The browser has not sent it.
      expect(await name.evaluate((input: HTMLInputElement) => input.validity.customError)).toBe(true);
      await name.fill('taken');
      await form.getByText('The branch is boocode/taken.').waitFor();
      await form.getByText('More options').click();
      await form.getByRole('checkbox', { name: /Trust this directory/ }).check();
      const base = form.getByRole('combobox', { name: /Begins with/ });
      await base.fill('nowhere');
      await base.press('Tab');
      await start.click();
      await form.getByRole('alert').getByText('There is no branch, tag or commit nowhere.').waitFor();
      expect([await base.getAttribute('aria-invalid'), await name.getAttribute('aria-invalid')]).toEqual([
        'true',
        'false',
      ]);
      await base.fill('release');
      await form.getByRole('option', { name: 'release/1' }).waitFor();
      await base.press('ArrowDown');
      await base.press('Enter');
      expect(await base.inputValue()).toBe('release/1');
      await base.press('Escape');
      await start.click();
      await form.getByRole('alert').getByText('There is a branch boocode/taken already.').waitFor();
      expect([await base.getAttribute('aria-invalid'), await name.getAttribute('aria-invalid')]).toEqual([
        'false',
        'true',
      ]);
      expect(await findings(page)).toEqual([]);
      await name.fill('login');
      expect(await name.getAttribute('aria-invalid')).toBe('false');
      await start.click();
      await form.getByText(/boocode\/login: running the setup command · installing/).waitFor();
      expect(await findings(page)).toEqual([]);
      writeFileSync(go, '');
      await page.getByText('branch boocode/login', { exact: true }).waitFor();
      const id = /[0-9a-f-]{36}/.exec(page.url())![0];
      const { worktree } = await server.client.getChat(id);
      expect(worktree).toMatchObject({ base: 'release/1', baseCommit: git(top, 'rev-parse', 'release/1') });
      expect(problems).toEqual([]);
      await context.close();
    },
  );

  it.each(sizes)('WEB-105: all are listed, and removed with exactly what was shown, %s', async (_, viewport) => {
    const cwd = repository(server, `list-${viewport.width}`);
    const own = { cwd, isolation: 'worktree' } as const;
    const gone = await server.client.createChat({ ...own, title: `Gone ${viewport.width}` });
    const kept = await server.client.createChat({ ...own, title: `Kept ${viewport.width}` });
    writeFileSync(join(gone.worktree!.path, 'a.txt'), 'a\n');
    await server.client.deleteChat(gone.id);
    const { page, context, problems } = await openPage(browser, { size: viewport });
    await signIn(page, server.running.signInLink());
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByRole('link', { name: 'Worktrees of all chats' }).click();
    expect(page.url()).toMatch(/#\/worktrees$/);
    const entry = (chat: Chat) => page.getByRole('listitem', { name: chat.title });
    await entry(kept).getByText('Nothing would be lost but files that git ignores.').waitFor();
    await entry(gone).getByText('No commit has the changes of 1 file: a.txt.').waitFor();
    for (const text of ['deleted chat', gone.worktree!.branch, gone.worktree!.path])
      await entry(gone).getByText(text, { exact: true }).waitFor();
    expect(await entry(gone).locator('dd').nth(2).textContent()).toMatch(/ [kM]?B$/);
    expect(await entry(gone).locator('time').count()).toBe(1);
    expect(await findings(page)).toEqual([]);

    await entry(gone)
      .getByRole('button', { name: /^Remove/ })
      .click();
    const dialog = page.getByRole('dialog', { name: 'Remove a worktree' });
    await dialog.getByText('No commit has the changes of 1 file: a.txt.').waitFor();
    expect(await findings(page)).toEqual([]);
    // What is added meanwhile is shown first.
    writeFileSync(join(gone.worktree!.path, 'b.txt'), 'b\n');
    await dialog.getByRole('button', { name: 'Discard it and remove' }).click();
    await dialog.getByText('Nothing was removed').waitFor();
    await dialog.getByText('No commit has the changes of 2 files: a.txt, b.txt.').waitFor();
    expect(existsSync(gone.worktree!.path)).toBe(true);
    await dialog.getByRole('button', { name: 'Discard it and remove' }).click();
    await entry(gone).waitFor({ state: 'detached' });
    // The button that had it is gone.
    await expect.poll(() => page.evaluate(() => document.activeElement?.className)).toContain('worktrees-scroll');
    expect(existsSync(gone.worktree!.path)).toBe(false);

    // One that is in use stays, and says why.
    const beside = await server.client.createChat({ cwd: kept.worktree!.path, title: 'Beside' });
    await entry(kept)
      .getByRole('button', { name: /^Remove/ })
      .click();
    await dialog.getByRole('button', { name: 'Remove', exact: true }).click();
    await dialog.getByText(/^Another chat works in/).waitFor();
    await server.client.deleteChat(beside.id);
    await dialog.getByRole('button', { name: 'Remove', exact: true }).click();
    await entry(kept).waitFor({ state: 'detached' });
    expect((await server.client.getChat(kept.id)).cwd).toBe(cwd);
    expect(problems).toEqual([]);
    await context.close();
  });
});

function repository(server: TestServer, name: string): string {
  mkdirSync(join(server.workDir, name));
  const top = realpathSync(join(server.workDir, name));
  initRepository(top);
  git(top, 'config', 'user.name', 'Test');
  git(top, 'config', 'user.email', 'test@example.com');
  return top;
}
