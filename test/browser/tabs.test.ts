import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openChat, openPage, say, signIn, turnsEnded, type WatchedPage } from '../support/browser.ts';
import { describeInBrowser } from '../support/browser-suite.ts';
import type { TestServer } from '../support/server.ts';
import { runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

describeInBrowser('the tabs of one browser', (opened) => {
  let server: TestServer;
  let browser: Browser;
  let watched: WatchedPage;
  let page: Page;
  let context: BrowserContext;
  beforeAll(() => {
    ({ server, browser } = opened());
  });
  beforeEach(async () => {
    watched = await openPage(browser);
    ({ page, context } = watched);
    await signIn(page, server.running.signInLink());
  });
  afterEach(async () => {
    await context.close();
    const { items } = await server.client.listChats();
    await Promise.all(items.map(({ id }) => server.client.deleteChat(id)));
  });
  const openTab = async (chatId?: string): Promise<Page> => {
    const tab = await context.newPage();
    if (chatId === undefined) await tab.goto(`${server.url}/#/`);
    else await openChat(tab, server.url, chatId);
    return tab;
  };

  it('WEB-41: twelve are live at once, and requests still go through', async () => {
    const chats = await Promise.all(['A', 'B', 'C', 'D'].map((title) => server.createChat({ title })));
    const tabs = await Promise.all(
      Array.from({ length: 12 }, async (_, index) => {
        const chatId = chats[index % chats.length]!.id;
        if (index > 0) return { chatId, tab: await openTab(chatId) };
        await openChat(page, server.url, chatId);
        return { chatId, tab: page };
      }),
    );
    for (const { chatId, tab } of tabs.slice(0, chats.length)) await say(tab, `to ${chatId}`);
    await Promise.all(tabs.map(({ tab }) => turnsEnded(tab, 1)));
    for (const { chatId, tab } of tabs) {
      expect(await tab.getByRole('article', { name: 'You', exact: true }).allInnerTexts()).toEqual([`to ${chatId}`]);
    }
    const answers = await Promise.all(
      tabs.map(({ tab }) => tab.evaluate(async () => (await fetch('/healthz', { cache: 'no-store' })).status)),
    );
    expect(answers).toEqual(tabs.map(() => 200));
    expect(await page.getByText('Offline.').count()).toBe(0);
    expect(watched.problems).toEqual([]);
    // Twelve pages at once are slow on a small machine.
  }, 120_000);

  it('WEB-45: are all signed out when one signs out, and delete unsent text', async () => {
    const { id } = await server.createChat();
    const other = await openTab(id);
    await other.getByLabel('Prompt', { exact: true }).fill('never sent');
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    for (const tab of [page, other]) await tab.getByLabel('Token').waitFor();
    expect([await page.title(), await other.title()]).toEqual(['BooCode', 'BooCode']);
    expect(await other.getByRole('alert').count()).toBe(0);
    expect(await other.evaluate(() => Object.values(sessionStorage).join())).not.toContain('never sent');
    // Signing in in one tab signs in the others.
    await page.getByLabel('Token').fill(server.token);
    await page.keyboard.press('Enter');
    await other.getByLabel('Prompt', { exact: true }).waitFor();
    expect(watched.problems).toEqual([]);
  });

  it('WEB-45: delete unsent text if they slept while another tab signed out and in again', async () => {
    const { id } = await server.createChat();
    // With a token that signing out does not revoke, so that only storage tells the tabs: a page that slept hears no more.
    await page.evaluate((token) => localStorage.setItem('boocode.token', token), server.token);
    await page.reload();
    const [frozen, discarded] = [await openTab(id), await openTab(id)];
    const prompt = (tab: Page) => tab.getByLabel('Prompt', { exact: true });
    const written = (tab: Page): Promise<string> => tab.evaluate(() => Object.values(sessionStorage).join());
    for (const tab of [frozen, discarded]) {
      await prompt(tab).fill('never sent');
      await expect.poll(() => written(tab)).toContain('never sent');
    }
    // Headless Chromium never freezes a page, so this one is made to ignore storage events.
    await frozen.evaluate(() => {
      Object.defineProperty(StorageEvent.prototype, 'key', { get: () => 'not heard of' });
    });
    await discarded.goto('about:blank');
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Token').fill(server.token);
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Settings' }).waitFor();
    expect(await prompt(frozen).inputValue()).toBe('never sent');
    await frozen.evaluate(() => document.dispatchEvent(new Event('resume')));
    await discarded.goto(`${server.url}/#/chat/${id}`);
    for (const tab of [frozen, discarded]) {
      await expect.poll(() => prompt(tab).inputValue()).toBe('');
      expect(await written(tab)).not.toContain('never sent');
    }
    expect(watched.problems).toEqual([]);
  });

  it('WEB-46: a chat that is about to be deleted is deleted even if its page is closed', async () => {
    const { id } = await server.createChat({ title: 'Doomed' });
    const tab = await openTab(id);
    await tab.getByRole('button', { name: 'More for this chat' }).click();
    await tab.getByRole('menuitem', { name: 'Delete' }).click();
    await tab.getByText('“Doomed” will be deleted.').waitFor();
    expect((await server.client.getChat(id)).title).toBe('Doomed');
    await tab.close();
    await until(async () => (await server.call('GET', `/v1/chats/${id}`)).status === 404, { timeoutMs: 5_000 });
    await expect.poll(() => page.getByRole('link', { name: /Doomed/ }).count(), { timeout: 40_000 }).toBe(0);
    expect(watched.problems).toEqual([]);
  });

  describe('WEB-44: notifications', () => {
    let told: string[];
    beforeEach(async () => {
      told = [];
      await context.grantPermissions(['notifications'], { origin: server.url });
      await context.exposeFunction('recordNotification', (what: string) => void told.push(what));
      await context.addInitScript(recordNotifications);
      await page.reload();
      await page.getByRole('button', { name: 'Settings' }).click();
      await page.getByLabel('Notify me').check();
      await until(() => told.splice(0).includes('Notifications will look like this'));
      await page.keyboard.press('Escape');
    });

    it('WEB-61: report how a turn ended and that prompts are held, but nothing about prompts in between', async () => {
      const { id } = await server.createChat({ title: 'Unlucky' });
      await page.getByRole('link', { name: /Unlucky/ }).waitFor();
      await runTurn(server.client, id, 'fail 400');
      await expect.poll(() => told, { timeout: 40_000 }).toEqual(['Failed: Unlucky']);
      for (const content of ['hold', 'who are you']) await server.client.prompt(id, { content });
      await until(() => server.model.held === 1);
      server.model.release();
      await expect.poll(() => told.slice(1), { timeout: 40_000 }).toEqual(['Done: Unlucky']);
      for (const content of ['fail 403', 'who are you']) await server.client.prompt(id, { content });
      await expect.poll(() => told.slice(2), { timeout: 40_000 }).toEqual(['Held: Unlucky']);
      await page.getByRole('link', { name: /Unlucky.*held/ }).waitFor();
      expect(watched.problems).toEqual([]);
    });

    it('report once what happens in a background chat, and disappear when it is settled', async () => {
      const { id } = await server.createChat({ title: 'Far away' });
      const others = await Promise.all([openTab(), openTab()]);
      for (const tab of [page, ...others]) await tab.getByRole('link', { name: /Far away/ }).waitFor();
      await server.client.prompt(id, { content: 'run: touch a.txt' });
      await expect.poll(() => told, { timeout: 40_000 }).toEqual(['Waiting for you: Far away']);
      for (const tab of [page, ...others]) await tab.getByRole('link', { name: 'Inbox: 1 waiting for you' }).waitFor();
      const { items } = await server.client.listDecisions({ status: 'pending', chatId: id });
      await server.client.decide(items[0]!.id, { outcome: 'deny' });
      await expect
        .poll(() => told.slice(1).sort(), { timeout: 40_000 })
        .toEqual(['Done: Far away', 'closed: Waiting for you: Far away']);
      // A page that is opened later does not report it again.
      await server.client.prompt(id, { content: 'run: touch b.txt' });
      await expect.poll(() => told.length, { timeout: 40_000 }).toBe(4);
      const late = await openTab();
      await late.getByRole('link', { name: 'Inbox: 1 waiting for you' }).waitFor();
      expect(told.slice(3)).toEqual(['Waiting for you: Far away']);
      expect(watched.problems).toEqual([]);
    });

    it('report nothing about a chat in the foreground of a tab', async () => {
      const chat = await server.createChat({ title: 'In front' });
      const other = await server.createChat({ title: 'Beside' });
      const tab = await openTab(chat.id);
      for (const each of [page, tab])
        await each
          .getByRole('link', { name: /Beside/ })
          .first()
          .waitFor();
      await runTurn(server.client, chat.id, 'one');
      await turnsEnded(tab, 1);
      await runTurn(server.client, other.id, 'two');
      await expect.poll(() => told, { timeout: 40_000 }).toEqual(['Done: Beside']);
      // The user goes to another page.
      await tab.goto(`${server.url}/#/inbox`);
      await runTurn(server.client, chat.id, 'three');
      await expect.poll(() => told, { timeout: 40_000 }).toEqual(['Done: Beside', 'Done: In front']);
      expect(watched.problems).toEqual([]);
    });
  });

  it('WEB-45: are all signed out, with the reason, when the server no longer accepts their token', async () => {
    const { id } = await server.createChat();
    const tabs = [page, await openTab(id)];
    await tabs[1]!.getByLabel('Prompt', { exact: true }).fill('a draft');
    for (const { id: tokenId } of await server.client.listTokens()) await server.client.revokeToken(tokenId);
    for (const tab of tabs)
      await tab.getByRole('alert').getByText('The server no longer accepts this token.').waitFor();
    await page.getByLabel('Token').fill(server.token);
    await page.keyboard.press('Enter');
    // The draft is still there.
    const draft = tabs[1]!.getByLabel('Prompt', { exact: true });
    await draft.waitFor();
    expect(await draft.inputValue()).toBe('a draft');
    expect(watched.problems).toEqual([]);
  });
});

/** Runs in the page: a recorder in place of the browser's notifications, which a test cannot see. */
function recordNotifications(): void {
  const { recordNotification } = globalThis as unknown as { recordNotification: (what: string) => Promise<void> };
  class RecordedNotification extends EventTarget {
    static readonly permission = 'granted';
    static readonly requestPermission = () => Promise.resolve('granted');
    readonly title: string;
    constructor(title: string) {
      super();
      this.title = title;
      void recordNotification(title);
    }
    close(): void {
      void recordNotification(`closed: ${this.title}`);
    }
  }
  Object.assign(globalThis, { Notification: RecordedNotification });
}
