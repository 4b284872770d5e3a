import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { beforeAll, expect, it } from 'vitest';
import { findings } from '../support/axe-findings.ts';
import { canPress, conversation, openChat, openPage, say, signIn, turnsEnded } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import type { TestServer } from '../support/server.ts';
import { runTurn } from '../support/turns.ts';

describeInBrowser('WEB-29: accessibility', (opened) => {
  let server: TestServer;
  let browser: Browser;
  let chatId: string;
  beforeAll(async () => {
    ({ server, browser } = opened());
    ({ id: chatId } = await server.createChat());
    await writeFile(
      join(server.workDir, 'code.md'),
      '# Code\n\n```js\nconst a = "b"; // c\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n',
    );
    const answer = () => ({ outcome: 'allow' }) as const;
    for (const prompt of [
      'list the files here',
      'run: cat code.md',
      'write a.txt: x',
      'edit a.txt: x => y',
      'run: false',
    ]) {
      await runTurn(server.client, chatId, prompt, { answer });
    }
    await runTurn(server.client, chatId, 'use a sub-agent', { answer });
  });

  it.each(['light', 'dark'] as const)(
    'has no serious axe findings in any view, %s',
    async (colorScheme) => {
      const { page, context, problems } = await openPage(browser, { colorScheme });
      await page.goto(server.url);
      await page.getByLabel('Token').waitFor();
      expect(await findings(page)).toEqual([]);
      await signIn(page, server.running.signInLink());
      await page.getByRole('heading', { name: 'No chat open' }).waitFor();
      expect(await findings(page)).toEqual([]);

      await openChat(page, server.url, chatId);
      await turnsEnded(page, 1);
      expect(await findings(page)).toEqual([]);
      await conversation(page).evaluate((element) => (element.scrollTop = 0));
      await conversation(page).getByText('list the files here').first().waitFor();
      expect(await findings(page)).toEqual([]);

      await say(page, 'run: touch b.txt');
      await page.getByRole('button', { name: 'Allow once' }).waitFor();
      expect(await findings(page)).toEqual([]);
      await page.getByRole('button', { name: 'Edit …' }).click();
      expect(await findings(page)).toEqual([]);
      await page.getByRole('button', { name: 'Back', exact: true }).click();
      await page.getByRole('link', { name: /^Inbox/ }).click();
      await page.getByRole('heading', { name: 'Inbox' }).waitFor();
      expect(await findings(page)).toEqual([]);
      await page.getByRole('button', { name: 'Deny …' }).click();
      await page.getByRole('button', { name: 'Deny', exact: true }).click();
      await page.getByText('Nothing is waiting for you.').waitFor();

      for (const name of ['Settings', 'New chat']) {
        await page.getByRole('button', { name }).click();
        await page.getByRole('dialog', { name }).waitFor();
        expect(await findings(page)).toEqual([]);
        await page.getByRole('button', { name: 'Close' }).click();
      }
      await openChat(page, server.url, chatId);
      await say(page, 'ask me');
      await page.getByRole('button', { name: 'Do not answer' }).waitFor();
      expect(await findings(page)).toEqual([]);
      await page.getByRole('button', { name: 'Do not answer' }).click();
      await page.getByRole('button', { name: 'Interrupt' }).waitFor({ state: 'detached' });
      expect(problems).toEqual([]);
      await context.close();
      // Each axe run takes a second, and there are ten.
    },
    60_000,
  );

  it('can be used with the keyboard alone', async () => {
    const { page, context } = await openPage(browser);
    await signIn(page, server.running.signInLink());
    const press = async (...keys: string[]): Promise<void> => {
      for (const key of keys) await page.keyboard.press(key);
    };
    const focused = () =>
      page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent);
    await page.getByRole('list', { name: 'Chats' }).getByRole('link').waitFor();
    await press('Tab');
    expect(await focused()).toBe('Skip to the chat');
    for (let step = 0; step < 20 && !(await focused())?.includes('list the files'); step += 1) await press('Tab');
    await press('Enter');
    await page.getByLabel('Prompt', { exact: true }).waitFor();
    await expect.poll(focused).toBe('Prompt');
    for (let step = 0; step < 100 && (await focused())?.startsWith('More for') !== true; step += 1)
      await press('Shift+Tab');
    expect(await focused()).toMatch(/^More for/);
    await press('Enter', 'ArrowUp', 'ArrowUp');
    expect(await focused()).toContain('Archive');
    await press('Escape');
    expect(await focused()).toMatch(/^More for/);
    for (let step = 0; step < 120 && (await focused()) !== 'Prompt'; step += 1) await press('Tab');
    expect(await focused()).toBe('Prompt');
    await page.keyboard.type('run: touch by-keyboard.txt');
    await press('Enter');
    await canPress(page.getByRole('button', { name: 'Allow once' }));
    for (let step = 0; step < 20 && (await focused()) !== 'Allow once'; step += 1) await press('Shift+Tab');
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement!).outlineStyle);
    expect([await focused(), outline]).toEqual(['Allow once', 'solid']);
    await press('Enter');
    await conversation(page)
      .getByText(/It printed:/)
      .last()
      .waitFor();
    await context.close();
  });
});
