import type { Browser } from 'playwright-core';
import { beforeAll, expect, it } from 'vitest';
import { createClient } from '../../src/client/client.ts';
import { toBooError } from '../../src/protocol/error.ts';
import { openPage, signIn } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import { openPostgresProxy } from '../support/postgres-proxy.ts';
import { openServer, type TestServer } from '../support/server.ts';
import { until } from '../support/until.ts';

describeInBrowser('WEB-26: signing in', (opened) => {
  let server: TestServer;
  let browser: Browser;
  beforeAll(() => {
    ({ server, browser } = opened());
  });

  it('ACCESS-4 ACCESS-6: a link opens the app once, and leaves its code and the token in no URL', async () => {
    const { page, context, problems } = await openPage(browser);
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    const link = server.running.signInLink();
    await signIn(page, link);
    await page.getByText('No chats yet.').waitFor();
    expect(page.url()).toBe(`${server.url}/`);
    expect(asked.filter((url) => url.includes(server.token) || url.includes('code='))).toEqual([]);
    expect(await context.cookies()).toEqual([]);

    const other = await openPage(browser);
    await other.page.goto(link);
    await other.page.getByText('This sign-in link no longer works').waitFor();
    expect([...problems, ...other.problems]).toEqual([]);
    await Promise.all([context.close(), other.context.close()]);
  });

  it('SESSION-3: a session that the server cannot look up, with the database away, is not signed out', async () => {
    const proxy = await openPostgresProxy(server.database.url);
    const other = await openServer({ beside: server, config: { databaseUrl: proxy.url } });
    const { page, context } = await openPage(browser);
    try {
      await signIn(page, server.running.signInLink());
      const kept = (await page.evaluate(() => localStorage.getItem('boocode.token')))!;
      await page.goto('about:blank');
      await proxy.goDown();
      await page.addInitScript((token) => localStorage.setItem('boocode.token', token), kept);
      await page.goto(other.url);
      await page.getByText('The database cannot be reached').first().waitFor();
      expect(await page.getByLabel('Token').count()).toBe(0);
      await proxy.comeUp();
      await page.getByText('No chats yet.').waitFor();
      expect(await page.evaluate(() => localStorage.getItem('boocode.token'))).toBe(kept);
    } finally {
      await context.close();
      await other.close();
      await proxy.close();
    }
  });

  it('a browser that holds the server’s own token stays signed in', async () => {
    const { page, context, problems } = await openPage(browser);
    await page.addInitScript((token) => localStorage.setItem('boocode.token', token), server.token);
    await page.goto(server.url);
    await page.getByText('No chats yet.').waitFor();
    expect(problems).toEqual([]);
    await context.close();
  });

  it('PEOPLE-7: the link of an invitation makes somebody a person, under a name that they choose', async () => {
    const { url } = await server.client.createInvite({ role: 'viewer' });
    const { page, context, problems } = await openPage(browser);
    await page.goto(url);
    await page.getByLabel('Your name').fill('Ada');
    await page.getByRole('button', { name: 'Join' }).click();
    await page.getByText('No chats yet.').waitFor();
    expect(page.url()).toBe(`${server.url}/`);
    expect((await server.client.listPeople()).map(({ name, role }) => [name, role])).toContainEqual(['Ada', 'viewer']);
    // The browser reports that the server wanted a name.
    expect(problems.filter((problem) => !problem.includes('400'))).toEqual([]);
    await context.close();
    const named = await server.client.createInvite({ role: 'member', name: 'Ben' });
    const again = await openPage(browser);
    await again.page.goto(named.url);
    await again.page.getByText('No chats yet.').waitFor();
    expect((await server.client.listPeople()).map((each) => each.name)).toContain('Ben');
    expect(again.problems).toEqual([]);
    await again.context.close();
    const late = await openPage(browser);
    await late.page.goto(named.url);
    await late.page.getByText('This invitation no longer works').waitFor();
    await late.context.close();
  });

  it('WEB-59: signs another device in with a link that the page creates, once', async () => {
    const { page, context, problems } = await openPage(browser);
    await signIn(page, server.running.signInLink());
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByRole('button', { name: 'Create a sign-in link' }).click();
    const link = await page.getByLabel('Sign-in link').inputValue();
    expect(link).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#code=[\w-]{43}$/);
    expect(link).not.toContain(server.token);
    const squares = await page.getByRole('img', { name: 'The link as a QR code' }).locator('path').getAttribute('d');
    expect(squares).toMatch(/^(M\d+ \d+h1v1h-1z)+$/);
    await page.getByText('only works on the server’s own machine').waitFor();

    const other = await openPage(browser);
    await signIn(other.page, link);
    const again = await openPage(browser);
    await again.page.goto(link);
    await again.page.getByText('Create a new one with boocode link').waitFor();
    await again.page.getByText('boocode token --show').waitFor();
    await page.getByRole('button', { name: 'Create another link' }).click();
    await page.waitForFunction(
      (before) => document.querySelector<HTMLInputElement>('[aria-label="Sign-in link"]')?.value !== before,
      link,
    );
    expect([...problems, ...other.problems, ...again.problems]).toEqual([]);
    for (const each of [context, other.context, again.context]) await each.close();
  });

  it('WEB-60: signs the agents in from the page: opens Claude’s page, and reports an invalid code', async () => {
    const { page, context, problems } = await openPage(browser);
    await signIn(page, server.running.signInLink());
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByRole('button', { name: 'With a Claude subscription' }).click();
    const link = page.getByRole('link', { name: 'Open Claude’s sign-in page' });
    expect(await link.getAttribute('href')).toMatch(/^https:\/\/claude\.(com|ai)\/.*state=/);
    await page.getByLabel('Code', { exact: true }).fill('code#of-another-sign-in');
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByRole('alert').getByText('belongs to another sign-in').waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByText('for everyone who uses it').waitFor();
    // The browser logs responses of 4xx.
    expect(problems.filter((problem) => !problem.includes('400'))).toEqual([]);
    await context.close();
  });

  it('SESSION-4: accepts the token, keeps a session instead, stays signed in, and ends it on signing out', async () => {
    const { page, context, problems } = await openPage(browser);
    await page.goto(server.url);
    await page.getByLabel('Token').fill('wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').getByText('The server does not accept this token.').waitFor();
    await page.getByLabel('Token').fill(server.token);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'No chat open' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'No chat open' }).waitFor();
    const kept = await page.evaluate(() => localStorage.getItem('boocode.token'));
    expect([kept === server.token, kept]).toEqual([false, expect.stringMatching(/^boo_/)]);
    const client = createClient({ url: server.url, token: kept! });
    expect((await client.me()).token).toMatchObject({
      kind: 'browser',
      name: expect.stringMatching(/^\w+ on \w+/) as string,
    });
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Token').waitFor();
    expect(await page.evaluate(() => Object.values(localStorage).join())).not.toContain(kept);
    // Not only the browser has forgotten it.
    await until(() =>
      client.me().then(
        () => false,
        (error: unknown) => toBooError(error).code === 'unauthorized',
      ),
    );
    expect(problems).toEqual([]);
    await context.close();
  });
});
