import type { Browser, Locator, Page } from 'playwright-core';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { findings } from '../support/axe-findings.ts';
import { openPage, signIn, type WatchedPage } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import type { TestServer } from '../support/server.ts';

describeInBrowser('WEB-29: the menu of a chat', (opened) => {
  let server: TestServer;
  let browser: Browser;
  let watched: WatchedPage;
  let page: Page;
  beforeAll(async () => {
    ({ server, browser } = opened());
    // More than fit into the window.
    for (let index = 10; index < 30; index += 1) await server.createChat({ title: `Chat ${index}` });
  });
  beforeEach(async () => {
    watched = await openPage(browser);
    ({ page } = watched);
  });
  afterEach(() => watched.context.close());

  const button = (title: string): Locator => page.getByRole('button', { name: `More for ${title}` });
  const menu = (): Locator => page.getByRole('menu', { name: /^More for/ });
  const focused = () =>
    page.evaluate(
      () => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent.trim(),
    );

  it('is navigated with arrows, Home, End and letters, and returns the focus', async () => {
    await signIn(page, server.running.signInLink());
    await button('Chat 20').focus();
    await page.keyboard.press('Enter');
    await menu().waitFor();
    await expect.poll(focused).toBe('Rename');
    for (const [key, item] of [
      ['ArrowDown', 'Fork'],
      ['ArrowDown', 'Schedules'],
      ['ArrowDown', 'Share'],
      ['ArrowDown', 'Archive'],
      ['End', 'Delete'],
      ['ArrowDown', 'Rename'],
      ['ArrowUp', 'Delete'],
      ['Home', 'Rename'],
      ['d', 'Delete'],
    ] as const) {
      await page.keyboard.press(key);
      await expect.poll(focused).toBe(item);
    }
    expect(await button('Chat 20').getAttribute('aria-expanded')).toBe('true');
    await page.keyboard.press('Escape');
    await menu().waitFor({ state: 'detached' });
    await expect.poll(focused).toBe('More for Chat 20');
    await page.keyboard.press('Enter');
    await expect.poll(focused).toBe('Rename');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'Rename chat' }).locator('input:focus').waitFor();
    await page.keyboard.press('Escape');
    await expect.poll(focused).toBe('More for Chat 20');
    expect(watched.problems).toEqual([]);
  });

  it('stays in the window at the end of a list, closes on a click elsewhere, and violates no policy', async () => {
    await signIn(page, server.running.signInLink());
    // Its row is in the document once it is near.
    await expect
      .poll(async () => {
        await page.locator('.list-scroll').evaluate((list) => list.scrollTo(0, list.scrollHeight));
        return button('Chat 10').isVisible();
      })
      .toBe(true);
    await button('Chat 10').click();
    const last = menu().getByRole('menuitem', { name: 'Delete' });
    await last.waitFor();
    await expect
      .poll(() =>
        last.evaluate((element) => {
          const { left, bottom } = element.getBoundingClientRect();
          return element.contains(document.elementFromPoint(left + 4, bottom - 4));
        }),
      )
      .toBe(true);
    expect(await findings(page)).toEqual([]);
    await page.keyboard.press('Escape');
    // Further up, it hangs over other rows.
    await page.locator('.list-scroll').evaluate((list) => list.scrollTo(0, 0));
    await button('Chat 29').click();
    for (const item of await menu().getByRole('menuitem').all()) await item.click({ trial: true });
    await page.getByRole('heading', { name: 'No chat open' }).click();
    await menu().waitFor({ state: 'detached' });
    expect(watched.problems).toEqual([]);
  });
});
