import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { beforeAll, expect, it } from 'vitest';
import { findings } from '../support/axe-findings.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import { desk, diffOf, openChanges, openRepository, phone, row } from '../support/changes-page.ts';
import type { TestServer } from '../support/server.ts';
import { runTurn } from '../support/turns.ts';

const answer = () => ({ outcome: 'allow' }) as const;

describeInBrowser('who changed files, and ignored ones', (opened) => {
  let server: TestServer;
  beforeAll(() => ({ server } = opened()));

  const overflow = (page: Page): Promise<number> =>
    page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

  it('WEB-98: says who has changed each file, and leads to the other chat', async () => {
    const { chat, top, write } = await openRepository(server, {
      'mine.txt': 'a\n',
      'other.txt': 'a\n',
      'both.txt': 'a\n',
      'person.txt': 'a\n',
    });
    const other = await server.createChat({ cwd: top, title: 'The other one' });
    await runTurn(server.client, chat.id, 'run: echo b | tee -a mine.txt both.txt', { answer });
    await runTurn(server.client, other.id, 'run: echo b | tee -a other.txt both.txt', { answer });
    // Once the state at the end of both turns is recorded.
    const unknown = async (): Promise<number> => {
      const { files } = await server.client.changes(chat.id, { by: true });
      return files.filter(({ by }) => by?.unknown).length;
    };
    await expect.poll(unknown, { timeout: 30_000 }).toBe(0);
    await write('person.txt', 'b\n');
    const { page, context, problems } = await openChanges(opened(), chat.id);
    const head = page.locator('.changes-who');
    for (const [name, words, sentence] of [
      ['both.txt', 'changed by several', 'Changed by this chat and The other one.'],
      ['mine.txt', 'changed by this chat', 'Changed by this chat.'],
      ['person.txt', 'changed by a person', 'Changed by a person.'],
      ['other.txt', 'changed by another chat', 'Changed by The other one.'],
    ] as const) {
      await row(page, new RegExp(`^${name}, modified, .*, ${words}$`)).click();
      await expect.poll(() => head.allTextContents(), { message: name }).toEqual([sentence]);
    }
    expect(await page.locator('.changes-who-label').allTextContents()).toEqual(['several', 'another chat', 'a person']);
    expect(await findings(page)).toEqual([]);
    await page.setViewportSize(phone);
    await expect.poll(() => overflow(page)).toBeLessThanOrEqual(0);
    expect(await findings(page)).toEqual([]);
    await head.getByRole('link', { name: 'The other one' }).click();
    await expect.poll(() => new URL(page.url()).hash).toBe(`#/chat/${other.id}`);
    expect(problems).toEqual([]);
    await context.close();
  });

  it('WEB-99: shows ignored files on request', async () => {
    const { chat, top, write } = await openRepository(server, { '.gitignore': '.env\nmodules/\n*.log\n' });
    await write('.env', 'SECRET=1\n');
    await write('modules/x.js', 'x\n');
    await writeFile(join(top, 'large.log'), Buffer.alloc(10_600_000, 'x\n'));
    const { page, context, problems } = await openChanges(opened(), chat.id);
    await page.getByText('Nothing has changed.').waitFor();
    expect(await page.getByRole('treeitem').count()).toBe(0);
    await page.getByLabel('Show ignored files').check();
    await row(page, 'Ignored, 3 files').waitFor();
    await row(page, '.env, ignored').click();
    await diffOf(page).getByText('It is shown as if it were new.').waitFor();
    expect(await diffOf(page).locator('.changes-code').allTextContents()).toEqual(['SECRET=1']);
    for (const name of ['Stage', 'Discard …']) expect(await page.getByRole('button', { name }).count()).toBe(0);
    expect(await findings(page)).toEqual([]);
    await page.keyboard.press('n');
    await diffOf(page).getByText('It is larger than 10 MB, so it is only named.').waitFor();
    await page.keyboard.press('n');
    await page.getByText('Everything in this directory is ignored, so it is only named.').waitFor();

    await page.setViewportSize(phone);
    await page.reload();
    await row(page, '.env, ignored').click();
    await diffOf(page).getByText('SECRET=1').waitFor();
    expect(await findings(page)).toEqual([]);
    await page.getByRole('button', { name: 'Back to the files' }).click();
    await expect.poll(() => overflow(page)).toBeLessThanOrEqual(0);
    expect(await findings(page)).toEqual([]);
    await page.getByLabel('Changes', { exact: true }).press('i');
    await expect.poll(() => row(page, '.env, ignored').count()).toBe(0);
    expect(problems).toEqual([]);
    await context.close();
  });

  it('WEB-100 WEB-101: discards the file that was shown, and fills in the message that the agent suggests', async () => {
    const { chat, top, write } = await openRepository(server, { 'a.txt': 'one\n', 'b.txt': 'b\n' });
    await write('a.txt', 'two\n');
    await write('b.txt', 'B\n');
    const { page, context, problems } = await openChanges(opened(), chat.id, { size: desk });
    await page.getByLabel('Compare with').selectOption('Since the last commit');
    await row(page, 'a.txt').click();
    await diffOf(page).getByText('two').waitFor();
    // The list is newer than the diff that is shown.
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    await page.route('**/changes/diff?**', async (route) => {
      await released;
      await route.continue();
    });
    await write('a.txt', 'two\nthree\n');
    await row(page, 'a.txt, modified, 2 lines added, 1 removed').waitFor();
    await page.getByRole('button', { name: 'Discard …', exact: true }).click();
    const dialog = page.getByRole('dialog', { name: 'Discard this file’s changes?' });
    const lines = (): Promise<string[]> => dialog.locator('.diff-text').allTextContents();
    expect(await lines()).toEqual(['one', 'two']);
    const discard = dialog.getByRole('button', { name: 'Discard', exact: true });
    await discard.click();
    await expect.poll(lines).toEqual([]);
    expect(await discard.isDisabled()).toBe(true);
    release();
    await dialog.getByText('This file has changed since you saw it.').waitFor();
    expect([await lines(), await readFile(join(top, 'a.txt'), 'utf8')]).toEqual([
      ['one', 'two', 'three'],
      'two\nthree\n',
    ]);
    await page.setViewportSize(phone);
    expect(await findings(page)).toEqual([]);
    await page.setViewportSize(desk);
    await discard.click();
    await expect.poll(() => row(page, 'a.txt').count()).toBe(0);
    expect(await readFile(join(top, 'a.txt'), 'utf8')).toBe('one\n');

    await page.getByRole('button', { name: 'Commit …' }).click();
    await page.getByRole('button', { name: 'Ask the agent for a message' }).click();
    const message = page.getByRole('textbox', { name: 'Message' });
    await expect.poll(() => message.inputValue(), { timeout: 30_000 }).toBe('Change b.txt');
    await message.fill('Written');
    await page.getByRole('button', { name: 'Ask the agent for a message' }).click();
    await expect.poll(() => message.inputValue(), { timeout: 30_000 }).toBe('Written\n\nChange b.txt');
    expect(await findings(page)).toEqual([]);
    expect(problems).toEqual([]);
    await context.close();
  });
});
