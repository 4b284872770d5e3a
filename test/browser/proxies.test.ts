import type { Browser } from 'playwright-core';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { conversation, openChat, openPage, say, signIn, turnsEnded, type WatchedPage } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import { openProxy, type Proxy, type ProxyOptions } from '../support/proxy.ts';
import type { TestServer } from '../support/server.ts';

describeInBrowser('the page behind a proxy', (opened) => {
  let server: TestServer;
  let browser: Browser;
  let watched: WatchedPage;
  let proxy: Proxy;
  beforeAll(() => {
    ({ server, browser } = opened());
  });
  afterEach(async () => {
    await watched.context.close();
    await proxy.close();
  });
  async function open(options: Omit<ProxyOptions, 'target'>): Promise<void> {
    proxy = await openProxy({ target: server.url, ...options });
    watched = await openPage(browser);
  }
  const link = (): string => `${proxy.url}/${new URL(server.running.signInLink()).hash}`;

  it('WEB-56: signs in, sends prompts, gets live updates and opens the terminal under a path', async () => {
    await open({ prefix: '/boo', compresses: true });
    const { page } = watched;
    await signIn(page, link());
    const chat = await server.createChat({ backend: 'claude_pty' });
    await openChat(page, proxy.url, chat.id);
    await say(page, 'stream 3 tokens');
    await turnsEnded(page, 1);
    await conversation(page).getByText('t1 t2').waitFor();
    await page.getByRole('button', { name: 'Open the terminal' }).click();
    await page.locator('.xterm-rows').getByText('stream 3 tokens').first().waitFor();
    expect(watched.problems).toEqual([]);
    await server.client.deleteChat(chat.id);
  });

  it('WEB-57: says which address to use if its assets do not load', async () => {
    await open({ prefix: '/boo' });
    await watched.page.goto(proxy.url);
    await expect.poll(() => watched.page.getByText(/with a slash at its end/).isVisible()).toBe(true);
  });

  it('WEB-57: says what to configure if the proxy sends another host name', async () => {
    await open({ host: 'boo.example.org' });
    await watched.page.goto(link());
    const what = watched.page.getByText('--public-origin https://boo.example.org');
    await expect.poll(() => what.isVisible()).toBe(true);
  });

  it('WEB-57: says so if WebSockets do not get through', async () => {
    await open({ passesWebSockets: false });
    await signIn(watched.page, link());
    const why = watched.page.getByText(/the proxy in front of it forwards WebSockets/);
    await expect.poll(() => why.isVisible()).toBe(true);
  });
});
