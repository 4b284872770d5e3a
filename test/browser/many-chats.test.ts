import type { Browser, Page } from 'playwright-core';
import { beforeAll, expect, it } from 'vitest';
import { openPage, signIn } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import type { TestServer } from '../support/server.ts';
import { until } from '../support/until.ts';

/** Not a whole number of pages. */
const count = 290;
/** Far fewer than there are, and more than fit on the screen. */
const mostInDocument = 60;

const list = (page: Page) => page.getByRole('list', { name: 'Chats' });
const rows = (page: Page) => list(page).getByRole('listitem');

/** The places that the rows in the document say they have, and how many there are. */
const places = (page: Page): Promise<{ at: number[]; of: string[] }> =>
  list(page).evaluate((element) => {
    const items = [...element.children];
    return {
      at: items.map((item) => Number(item.getAttribute('aria-posinset'))),
      of: [...new Set(items.map((item) => item.getAttribute('aria-setsize') ?? ''))],
    };
  });

const scrollTo = (page: Page, top: number): Promise<void> =>
  page.locator('.list-scroll').evaluate((element, to) => element.scrollTo(0, to), top);

/** The end moves while more rows are measured or loaded. */
async function toEnd(page: Page, last: number): Promise<void> {
  const row = list(page).getByText(`Chat ${last}`, { exact: true });
  await until(async () => {
    await scrollTo(page, 1_000_000);
    return row.isVisible();
  });
}

/** Where the row with this title is on the screen. */
const topOf = (page: Page, title: string): Promise<number> =>
  list(page)
    .getByText(title, { exact: true })
    .evaluate((element) => Math.round(element.getBoundingClientRect().top));

/** Where Tab goes through so many rows: from the link of each to its menu. */
async function walk(page: Page, rowCount: number): Promise<string[]> {
  const walked: string[] = [];
  for (let step = 0; step < 2 * rowCount; step += 1) {
    await page.keyboard.press('Tab');
    walked.push(
      await page.evaluate(() => {
        const title = document.activeElement?.closest('li')?.querySelector('.row-title')?.textContent;
        return `${document.activeElement?.tagName.toLowerCase()} of ${title}`;
      }),
    );
  }
  return walked;
}

/** From the first row, whose link has the focus. */
const wholeWalk = (rowCount: number): string[] =>
  Array.from({ length: rowCount }, (_, at) => [`button of Chat ${at + 1}`, `a of Chat ${at + 2}`]).flat();

const firstChat = (page: Page) =>
  list(page)
    .getByRole('link')
    .filter({ hasText: /^Chat 1(?!\d)/ })
    .first();

describeInBrowser('a list of many chats in a browser', (opened) => {
  let server: TestServer;
  let browser: Browser;
  let page: Page;
  let problems: string[];
  let total: number;
  beforeAll(async () => {
    ({ server, browser } = opened());
    await server.sql`
      insert into boocode.chats (id, cwd, title, backend, created_at, updated_at, free_since)
      select gen_random_uuid(), '/work', 'Chat ' || n, 'claude_sdk', now() - n * interval '1 minute',
        now() - n * interval '1 minute', now() - interval '1 day'
      from generate_series(${count}::integer, 1, -1) as n`;
    ({ page, problems } = await openPage(browser));
    await signIn(page, server.running.signInLink());
    await list(page).getByText('Chat 1', { exact: true }).waitFor();
  });

  it('WEB-74: has only what is near the visible part in the document, and says of each which of how many it is', async () => {
    expect((await places(page)).of).toEqual(['-1']);
    const more = page.getByRole('button', { name: 'Show older chats' });
    for (const loaded of [200, count]) {
      await more.click();
      await toEnd(page, loaded);
    }
    await more.waitFor({ state: 'detached' });
    const [stored] = await server.sql<{ total: number }[]>`select count(*)::integer as total from boocode.chats`;
    ({ total } = stored!);
    await expect.poll(async () => (await places(page)).of).toEqual([String(total)]);
    const { at } = await places(page);
    expect(at.length).toBeLessThan(mostInDocument);
    expect(at).toEqual(at.toSorted((a, b) => a - b));
  });

  it('WEB-75: can be walked through with the keyboard, and keeps the focus wherever it is scrolled to', async () => {
    await scrollTo(page, 0);
    await firstChat(page).focus();
    const focused = (): Promise<string | undefined> =>
      page.evaluate(() => document.activeElement?.querySelector('.row-title')?.textContent ?? undefined);
    expect(await walk(page, 60)).toEqual(wholeWalk(60));
    expect(await focused()).toBe('Chat 61');
    await toEnd(page, count);
    expect(await focused()).toBe('Chat 61');
    await scrollTo(page, 0);
    await list(page).getByText('Chat 1', { exact: true }).waitFor();
    expect(await focused()).toBe('Chat 61');
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Shift+Tab');
    expect(await focused()).toBe('Chat 60');
    await page.keyboard.press('Enter');
    await expect.poll(() => list(page).locator('[aria-current=page]').textContent()).toContain('Chat 60');
    await toEnd(page, count);
    expect(await list(page).locator('[aria-current=page]').count()).toBe(1);
  });

  it('WEB-75: can be walked through faster than its rows are measured', async () => {
    const { page: slow } = await openPage(browser);
    await slow.addInitScript(() => {
      const Native = globalThis.ResizeObserver;
      // As on a machine that is too busy to draw.
      globalThis.ResizeObserver = class extends Native {
        constructor(callback: ResizeObserverCallback) {
          super((...seen) => setTimeout(() => callback(...seen), 1_000));
        }
      };
    });
    await signIn(slow, server.running.signInLink());
    await firstChat(slow).focus();
    expect(await walk(slow, 30)).toEqual(wholeWalk(30));
    await slow.close();
  });

  it('WEB-76: shows the same chats in the same place when others come or move to the top', async () => {
    await scrollTo(page, 5_850);
    await expect.poll(async () => (await places(page)).at.includes(100)).toBe(true);
    const title = 'Chat 100';
    const before = await topOf(page, title);
    const first = await rows(page).first().getAttribute('aria-posinset');
    await server.createChat({ title: 'A new chat' });
    await expect.poll(async () => (await places(page)).of).toEqual([String(total + 1)]);
    await expect.poll(() => topOf(page, title)).toBe(before);
    expect(first).not.toBe('1');
  });

  it('WEB-77: finds chats that are not in the document, and shows the list again where it was left', async () => {
    const search = page.getByRole('searchbox');
    await search.fill('Chat 289');
    await expect.poll(() => rows(page).count()).toBe(1);
    expect(await places(page)).toEqual({ at: [1], of: ['1'] });
    await search.fill('');
    await expect.poll(async () => (await places(page)).of).toEqual([String(total + 1)]);
    await expect.poll(async () => (await places(page)).at.includes(100)).toBe(true);
    expect(problems).toEqual([]);
  });
});
