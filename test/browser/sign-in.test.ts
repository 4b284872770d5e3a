import type { Browser } from 'playwright-core';
import { beforeAll, expect, it } from 'vitest';
import { openPage, signIn } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import type { TestServer } from '../support/server.ts';

describeInBrowser('WEB-26: signing in', (opened) => {
  let server: TestServer;
  let browser: Browser;
  beforeAll(() => {
    ({ server, browser } = opened());
  });

  it('ACCESS-4 ACCESS-6: a link opens the app once, and leaves its code and the token in no address', async () => {
    const { page, context, problems } = await openPage(browser);
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    const link = server.running.signInLink();
    await signIn(page, link);
    await page.getByText('There is no chat yet.').waitFor();
    expect(page.url()).toBe(`${server.url}/`);
    expect(asked.filter((url) => url.includes(server.token) || url.includes('code='))).toEqual([]);
    expect(await context.cookies()).toEqual([]);

    const other = await openPage(browser);
    await other.page.goto(link);
    await other.page.getByText('This sign-in link no longer works').waitFor();
    expect([...problems, ...other.problems]).toEqual([]);
    await Promise.all([context.close(), other.context.close()]);
  });

  it('takes the token, stays signed in, and forgets it on signing out', async () => {
    const { page, context, problems } = await openPage(browser);
    await page.goto(server.url);
    await page.getByLabel('Token').fill('wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').getByText('The server does not take this token.').waitFor();
    await page.getByLabel('Token').fill(server.token);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Nothing is open' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Nothing is open' }).waitFor();
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Token').waitFor();
    expect(await page.evaluate(() => Object.values(localStorage).join())).not.toContain(server.token);
    expect(problems).toEqual([]);
    await context.close();
  });
});
