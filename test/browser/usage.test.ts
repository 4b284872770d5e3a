// The page that shows what all chats have used. The ledger is filled by hand: what turns enter there, other tests prove.
import { randomUUID } from 'node:crypto';
import type { Browser, Page } from 'playwright-core';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { findings } from '../support/axe-findings.ts';
import { openPage, signIn } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import type { TestServer } from '../support/server.ts';

const sizes = [
  ['at a desk', { width: 1200, height: 800 }],
  ['on a phone', { width: 390, height: 800 }],
] as const;

/** Where it is noon, so that no day ends during a test. */
const east = 12 - new Date().getUTCHours();
const timeZone = `Etc/GMT${east > 0 ? '-' : '+'}${Math.abs(east)}`;

describeInBrowser('usage', (opened) => {
  let server: TestServer;
  let browser: Browser;
  beforeAll(() => ({ server, browser } = opened()));
  beforeEach(async () => {
    await server.sql`truncate boocode.usage_ledger`;
  });

  interface Entry {
    daysAgo?: number;
    usd: number;
    out?: number;
    chat?: string;
    cwd?: string;
    model?: string;
    unpriced?: number;
  }

  async function enter(...entries: Entry[]): Promise<void> {
    for (const { daysAgo = 0, usd, out = 10, chat = randomUUID(), cwd = '/d', model = 'm', unpriced = 0 } of entries) {
      const noon = new Date();
      noon.setUTCMinutes(0, 0, 0);
      noon.setUTCDate(noon.getUTCDate() - daysAgo);
      await server.sql`
        insert into boocode.usage_ledger (chat_id, bucket, cwd, model, backend, input_tokens, output_tokens,
          cache_read_input_tokens, unpriced_tokens, cost_usd)
        values (${chat}, ${noon}, ${cwd}, ${model}, 'claude_sdk', 2000, ${out}, 30000, ${unpriced}, ${usd})`;
    }
  }

  async function open(options: Parameters<typeof openPage>[1] = {}) {
    const watched = await openPage(browser, { timeZone, ...options });
    await signIn(watched.page, server.running.signInLink());
    await watched.page.goto(`${server.url}/#/usage`);
    return watched;
  }

  const choose = (page: Page, label: string) => page.getByText(label, { exact: true }).click();
  const total = (page: Page) => page.locator('.usage-totals dd').first();
  const names = (page: Page) => page.locator('.usage-table tbody th').allTextContents();

  it.each(sizes)('WEB-107: shows what was used in a time, by day, chat, directory or model, %s', async (_, size) => {
    await enter(
      { usd: 1, cwd: '/one', model: 'big' },
      { usd: 2, daysAgo: 6, cwd: '/two', model: 'big' },
      { usd: 4, daysAgo: 7, cwd: '/two', model: 'small' },
      { usd: 8, daysAgo: 40 },
    );
    const { page, context, problems } = await openPage(browser, { timeZone, size });
    const scripts: string[] = [];
    page.on('request', (request) => void scripts.push(request.url()));
    await signIn(page, server.running.signInLink());
    expect(scripts.filter((url) => url.includes('usage'))).toEqual([]);
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByRole('link', { name: 'Usage and cost of all chats' }).click();
    expect(page.url()).toMatch(/#\/usage$/);
    await page.getByRole('heading', { name: 'Cost by day' }).waitFor();
    expect(await total(page).textContent()).toBe('$7.00');
    expect(await page.locator('.usage-bars button').count()).toBe(30);
    await choose(page, '7 days');
    await page.getByText('$3.00', { exact: true }).first().waitFor();
    expect(await page.locator('.usage-bars button').count()).toBe(7);
    await choose(page, '90 days');
    await page.getByText('$15.00', { exact: true }).first().waitFor();
    await choose(page, '30 days');
    await choose(page, 'Directory');
    await page.getByRole('cell', { name: '$6.00' }).waitFor();
    expect(await names(page)).toEqual(['/two', '/one']);
    await choose(page, 'Model');
    await page.getByRole('rowheader', { name: 'small' }).waitFor();
    expect(await names(page)).toEqual(['small', 'big']);
    await enter({ usd: 1, model: 'new' });
    await page.getByRole('button', { name: 'Read again' }).click();
    await page.getByRole('rowheader', { name: 'new' }).waitFor();
    expect(problems).toEqual([]);
    await context.close();
  });

  it('WEB-108: each day has a bar that keys reach and that says its numbers, and the same is a table', async () => {
    await enter({ usd: 1.5 }, { usd: 3, daysAgo: 2, out: 12_000 });
    const { page, context, problems } = await open();
    const bars = page.getByRole('group', { name: /^Days/ }).getByRole('button');
    await bars.first().waitFor();
    const heights = await page
      .locator('.usage-bars i')
      .evaluateAll((all) => all.slice(-3).map((bar) => (bar as HTMLElement).style.height));
    expect(heights).toEqual(['60%', '0%', '30%']);
    // The last day is reached first, and the choices and the button above with the same key.
    await page.getByRole('button', { name: 'Read again' }).focus();
    await page.keyboard.press('Tab');
    const focused = () => page.evaluate(() => document.activeElement?.getAttribute('aria-label'));
    expect(await focused()).toMatch(/: \$1\.50, 32k tokens in, 10 out$/);
    await page.keyboard.press('ArrowLeft');
    expect(await focused()).toMatch(/: nothing$/);
    await page.keyboard.press('ArrowLeft');
    expect(await focused()).toMatch(/: \$3\.00, 32k tokens in, 12k out$/);
    expect(await page.locator('.usage-chart figcaption p').textContent()).toBe(await focused());
    await page.keyboard.press('Home');
    expect(await bars.first().getAttribute('tabindex')).toBe('0');
    await page.keyboard.press('ArrowLeft');
    expect(await bars.first().evaluate((bar) => bar === document.activeElement)).toBe(true);
    await bars.nth(27).hover();
    expect(await page.locator('.usage-chart figcaption p').textContent()).toMatch(/\$3\.00/);
    await page.getByText('As a table').click();
    const cells = await page
      .locator('.usage-table tbody tr')
      .evaluateAll((rows) => rows.map((row) => Array.from(row.querySelectorAll('td'), (cell) => cell.textContent)));
    expect(cells).toEqual([
      ['$1.50', '32k', '30k', '10'],
      ['$3.00', '32k', '30k', '12k'],
    ]);
    expect(problems).toEqual([]);
    await context.close();
  });

  it('WEB-108: where nothing has a price, the tokens are compared', async () => {
    await enter({ usd: 0 }, { usd: 0, daysAgo: 1, out: 40_000 });
    const { page, context } = await open();
    await page.getByRole('heading', { name: 'Tokens by day' }).waitFor();
    const heights = await page
      .locator('.usage-bars i')
      .evaluateAll((all) => all.slice(-2).map((bar) => Math.round(parseFloat((bar as HTMLElement).style.height))));
    expect(heights).toEqual([72, 32]);
    await context.close();
  });

  it('WEB-109: chats lead to their pages, deleted ones say so, and nothing is left out of the sums', async () => {
    const hostile = 'x\u202e<img src=x>';
    const { id } = await server.client.createChat({ cwd: server.workDir, title: 'Kept' });
    const { id: odd } = await server.client.createChat({ cwd: server.workDir, title: hostile });
    const deleted = randomUUID();
    await enter({ usd: 500, chat: id }, { usd: 400, chat: deleted, unpriced: 7 }, { usd: 300, chat: odd });
    await enter(...Array.from({ length: 100 }, (): Entry => ({ usd: 1 })));
    const { page, context, problems } = await open();
    await choose(page, 'Chat');
    await page.getByRole('rowheader', { name: `a deleted chat (${deleted.slice(0, 8)})` }).waitFor();
    expect(await page.locator('.usage-table tbody tr').count()).toBe(101);
    expect(await page.locator('.usage-table tbody tr').last().textContent()).toContain('3 others$3.00');
    expect(await page.locator('.usage-table tfoot').textContent()).toContain('Total$1300.00');
    await page.getByText('The cost of 7 tokens is not known yet').waitFor();
    expect((await names(page))[2]).not.toContain('\u202e');
    await page.getByRole('link', { name: 'Kept' }).last().click();
    await expect.poll(() => page.url()).toContain(`#/chat/${id}`);
    expect(problems).toEqual([]);
    await context.close();
  });

  it('WEB-110: says while it reads, if there is nothing, and what went wrong, and reads again', async () => {
    const { page, context, problems } = await openPage(browser);
    await signIn(page, server.running.signInLink());
    let go = (): void => undefined;
    const gate = new Promise<void>((resolve) => (go = resolve));
    await page.route('**/v1/usage?*', async (route) => {
      await gate;
      await route.continue();
    });
    await page.goto(`${server.url}/#/usage`);
    await page.getByRole('status').getByText('Adding up …').waitFor();
    expect(await page.getByRole('button', { name: 'Reading …' }).isDisabled()).toBe(true);
    go();
    await page.getByText('No chat has used anything in this time.').waitFor();
    await page.unroute('**/v1/usage?*');
    const problem = {
      type: 'about:blank',
      title: 'x',
      status: 503,
      code: 'query_timeout',
      detail: 'It took too long.',
    };
    await page.route('**/v1/usage?*', (route) =>
      route.fulfill({ status: 503, contentType: 'application/problem+json', body: JSON.stringify(problem) }),
    );
    await choose(page, '7 days');
    await page.getByRole('alert').getByText('The usage could not be read. It took too long.').waitFor();
    expect(await page.getByText('No chat has used anything').count()).toBe(0);
    await page.unroute('**/v1/usage?*');
    await enter({ usd: 1 });
    await page.getByRole('button', { name: 'Read again' }).click();
    await page.getByText('$1.00', { exact: true }).first().waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
    expect(problems).toEqual([]);
    await context.close();
  });

  const looks = sizes.flatMap(([where, size]) =>
    (['light', 'dark'] as const).map((look) => [where, look, size] as const),
  );

  it.each(looks)('WEB-111: fits the screen and has no serious axe findings, %s, %s', async (_, colorScheme, size) => {
    const long = `/home/${'directory-with-a-long-name/'.repeat(6)}`;
    await enter(
      ...Array.from({ length: 30 }, (__, daysAgo): Entry => ({ usd: (daysAgo * 7) % 11, daysAgo, unpriced: 1 })),
    );
    await enter({ usd: 100, cwd: long, model: `model-${'x'.repeat(80)}`, daysAgo: 3 });
    const { page, context, problems } = await open({ size, colorScheme });
    await page.getByRole('heading', { name: 'Cost by day' }).waitFor();
    await page.getByText('As a table').click();
    const fits = () =>
      page.evaluate(() =>
        ['.inbox-scroll', '.usage-table'].every((name) => {
          const part = document.querySelector(name)!;
          return part.scrollWidth <= part.clientWidth;
        }),
      );
    expect(await fits()).toBe(true);
    expect(await findings(page)).toEqual([]);
    for (const group of ['Directory', 'Model', 'Chat']) {
      await choose(page, group);
      await page.getByRole('columnheader', { name: group }).waitFor();
      expect({ group, fits: await fits() }).toEqual({ group, fits: true });
      expect(await findings(page)).toEqual([]);
    }
    expect(problems).toEqual([]);
    await context.close();
  });
});
