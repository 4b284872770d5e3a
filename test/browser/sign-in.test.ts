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

  it('accepts the token, stays signed in, and forgets it on signing out', async () => {
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
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Token').waitFor();
    expect(await page.evaluate(() => Object.values(localStorage).join())).not.toContain(server.token);
    expect(problems).toEqual([]);
    await context.close();
  });
});
